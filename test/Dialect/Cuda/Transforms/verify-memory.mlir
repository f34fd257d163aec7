// RUN: %qzc-opt %s --cuda-plan-memory --cuda-verify-memory | FileCheck %s
// RUN: %qzc-opt %s --cuda-verify-memory

// Right before and after its memory is planned: what hands rows on, what a list
// begins with, and buffers that share bytes one after the other.

// CHECK-LABEL: cuda.program
// CHECK-SAME: body_bytes = 128 : i64
cuda.program for #cuda.gpu<processors = 108, cluster_blocks = 1, shared_bytes = 101376, l2_bytes = 41943040> attributes {decode_batch = 1 : i64, tile_queries = 64 : i64, page_positions = 0 : i64} {
  // CHECK: cuda.buffer body columns 16 at 0
  %x = cuda.buffer body columns 16
  // CHECK: cuda.buffer body columns 16 at 64
  %y = cuda.buffer body columns 16
  // CHECK: cuda.buffer body columns 16 at 0
  %z = cuda.buffer body columns 16
  // Not over the hidden states, which the next run of `losses` reads.
  // CHECK: cuda.buffer body columns 16 at 64
  %t = cuda.buffer body columns 16
  %l = cuda.buffer head columns 16
  %h = cuda.hidden %z[0, 16]
  cuda.logits %l[0, 16]
  %sums = cuda.scratch "sums" bytes 64
  cuda.kernel @w "w" of "W" in "W.cuh" config "W::Config{}" ["float *"] threads 32
  cuda.kernel @k "k" of "K" in "K.cuh" config "K::Config{}" ["const float *", "float *"] threads 32
  cuda.list decode {
    cuda.launch @w [] (%x[0])
    cuda.launch @k [] (%x[0], %y[0])
    cuda.launch @k [] (%y[0], %z[0])
    cuda.launch @k [] (%h[0], %l[0])
  }
  cuda.list prefill {
    cuda.launch @w [] (%x[0])
    cuda.launch @k [] (%x[0], %y[0])
    cuda.launch @k [] (%y[0], %z[0])
  }
  cuda.list head {
    cuda.launch @k [] (%h[0], %l[0])
  }
  cuda.list losses {
    cuda.launch @k [] (%h[0], %sums[0])
    cuda.launch @k [] (%sums[0], %t[0])
  }
  cuda.list draw {
    cuda.launch @k [] (%l[0], %l[0])
  }
}
