// RUN: %qzc-opt %s --cuda-plan-memory | FileCheck %s

// CHECK-LABEL: cuda.program
// CHECK-SAME: body_bytes = 448 : i64
// CHECK-SAME: head_bytes = 256 : i64
cuda.program for #cuda.gpu<processors = 108, cluster_blocks = 1, shared_bytes = 101376, l2_bytes = 41943040> attributes {
    decode_batch = 1 : i64, tile_queries = 64 : i64, page_positions = 0 : i64} {
  // Live in the second list only; meets all but %w.
  // CHECK: cuda.buffer body columns 32 at 320
  %z = cuda.buffer body columns 32
  // CHECK: cuda.buffer body columns 48 at 0
  %x = cuda.buffer body columns 48
  // Meets %x in the first list, and %z in the second.
  // CHECK: cuda.buffer body columns 32 at 192
  %y = cuda.buffer body columns 32
  // In no list live together with %x.
  // CHECK: cuda.buffer body columns 16 at 0
  %w = cuda.buffer body columns 16
  // No launch works on it.
  // CHECK-NOT: cuda.buffer body columns 64
  %unused = cuda.buffer body columns 64
  // What is handed from list to list, and before the end no other's.
  // CHECK: cuda.buffer head columns 32 at 0
  // CHECK: cuda.buffer head columns 32 at 128
  %l = cuda.buffer head columns 32
  %t = cuda.buffer head columns 32
  %h = cuda.hidden %z[0, 32]
  cuda.logits %l[0, 32]
  cuda.kernel @k "k" of "K" in "K.cuh" config "K::Config{}" ["const float *", "float *"] threads 32
  cuda.list decode {
    cuda.launch @k [] (%x[0], %y[0])
    cuda.launch @k [] (%y[0], %y[0])
  }
  cuda.list prefill {
    cuda.launch @k [] (%x[0], %z[0])
    cuda.launch @k [] (%z[0], %y[0])
    cuda.launch @k [] (%y[0], %y[0])
    cuda.launch @k [] (%w[0], %w[0])
  }
  cuda.list head {
    cuda.launch @k [] (%h[0], %l[0])
    cuda.launch @k [] (%h[0], %t[0])
  }
  cuda.list score {
    cuda.launch @k [] (%l[0], %l[0])
  }
}

// What decode passes alone work on takes no room for more tokens, and shares
// bytes with nothing else.
// CHECK-LABEL: cuda.program
// CHECK-SAME: body_bytes = 128 : i64
// CHECK-SAME: decode_bytes = 320 : i64
// CHECK-SAME: head_bytes = 64 : i64
cuda.program for #cuda.gpu<processors = 108, cluster_blocks = 1, shared_bytes = 101376, l2_bytes = 41943040> attributes {
    decode_batch = 8 : i64, tile_queries = 64 : i64, page_positions = 0 : i64} {
  // CHECK: cuda.buffer body columns 16 at 0
  %x = cuda.buffer body columns 16
  // CHECK: cuda.buffer decode columns 64 at 0
  %wide = cuda.buffer body columns 64
  // CHECK: cuda.buffer decode columns 16 at 256
  %narrow = cuda.buffer body columns 16
  // CHECK: cuda.buffer body columns 16 at 64
  %y = cuda.buffer body columns 16
  // The head's rows are not many.
  // CHECK: cuda.buffer head columns 16 at 0
  %l = cuda.buffer head columns 16
  %h = cuda.hidden %y[0, 16]
  cuda.logits %l[0, 16]
  cuda.kernel @k "k" of "K" in "K.cuh" config "K::Config{}" ["const float *", "float *"] threads 32
  cuda.list decode {
    cuda.launch @k [] (%x[0], %wide[0])
    cuda.launch @k [] (%wide[0], %l[0])
  }
  cuda.list batch of 8 {
    cuda.launch @k [] (%x[0], %wide[0])
    cuda.launch @k [] (%wide[0], %narrow[0])
    cuda.launch @k [] (%narrow[0], %l[0])
  }
  cuda.list prefill {
    cuda.launch @k [] (%x[0], %y[0])
  }
}
