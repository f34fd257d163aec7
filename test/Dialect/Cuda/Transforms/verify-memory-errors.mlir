// RUN: %qzc-opt %s --cuda-verify-memory --split-input-file --verify-diagnostics

// C1
cuda.program for #cuda.gpu<processors = 108, cluster_blocks = 1, shared_bytes = 101376, l2_bytes = 41943040> attributes {decode_batch = 1 : i64, tile_queries = 64 : i64, page_positions = 0 : i64} {
  // expected-note@+1 {{this memory}}
  %x = cuda.buffer body columns 16
  cuda.kernel @k "k" of "K" in "K.cuh" config "K::Config{}" ["const float *", "float *"] threads 32
  cuda.list decode {
    // expected-error@+1 {{reads memory that was not written to (C1)}}
    cuda.launch @k [] (%x[0], %x[0])
  }
}

// -----

// C1: what another list wrote is gone
cuda.program for #cuda.gpu<processors = 108, cluster_blocks = 1, shared_bytes = 101376, l2_bytes = 41943040> attributes {decode_batch = 1 : i64, tile_queries = 64 : i64, page_positions = 0 : i64} {
  // expected-note@+1 {{this memory}}
  %rows = cuda.scratch "rows" bytes 64
  %x = cuda.buffer body columns 16
  cuda.kernel @w "w" of "W" in "W.cuh" config "W::Config{}" ["float *"] threads 32
  cuda.kernel @k "k" of "K" in "K.cuh" config "K::Config{}" ["const float *", "float *"] threads 32
  cuda.list decode {
    cuda.launch @w [] (%rows[0])
  }
  cuda.list prefill {
    // expected-error@+1 {{reads memory that was not written to (C1)}}
    cuda.launch @k [] (%rows[0], %x[0])
  }
}

// -----

// C1: the logits are what head makes, and score begins with
cuda.program for #cuda.gpu<processors = 108, cluster_blocks = 1, shared_bytes = 101376, l2_bytes = 41943040> attributes {decode_batch = 1 : i64, tile_queries = 64 : i64, page_positions = 0 : i64} {
  %x = cuda.buffer body columns 16
  // expected-note@+1 {{this memory}}
  %l = cuda.buffer head columns 16
  cuda.logits %l[0, 16]
  cuda.kernel @w "w" of "W" in "W.cuh" config "W::Config{}" ["float *"] threads 32
  cuda.kernel @k "k" of "K" in "K.cuh" config "K::Config{}" ["const float *", "float *"] threads 32
  cuda.list score {
    cuda.launch @k [] (%l[0], %x[0])
  }
  cuda.list head {
    // expected-error@+1 {{reads memory that was not written to (C1)}}
    cuda.launch @k [] (%l[0], %x[0])
  }
}

// -----

// C2: of the last of its bytes
cuda.program for #cuda.gpu<processors = 108, cluster_blocks = 1, shared_bytes = 101376, l2_bytes = 41943040> attributes {decode_batch = 1 : i64, tile_queries = 64 : i64, page_positions = 0 : i64, body_bytes = 192 : i64, head_bytes = 128 : i64, decode_bytes = 0 : i64} {
  // expected-note@+1 {{this buffer}}
  %x = cuda.buffer body columns 32 at 0
  %y = cuda.buffer body columns 16 at 64
  %z = cuda.buffer body columns 16 at 128
  cuda.kernel @w "w" of "W" in "W.cuh" config "W::Config{}" ["float *"] threads 32
  cuda.kernel @k "k" of "K" in "K.cuh" config "K::Config{}" ["const float *", "float *"] threads 32
  cuda.list decode {
    cuda.launch @w [] (%x[0])
    cuda.launch @k [] (%x[0], %z[0])
    // expected-note@+1 {{written over here}}
    cuda.launch @w [] (%y[0])
    // expected-error@+1 {{reads a buffer that another has been written over (C2)}}
    cuda.launch @k [] (%x[0], %z[0])
  }
}

// -----

// C2: the hidden states
cuda.program for #cuda.gpu<processors = 108, cluster_blocks = 1, shared_bytes = 101376, l2_bytes = 41943040> attributes {decode_batch = 1 : i64, tile_queries = 64 : i64, page_positions = 0 : i64, body_bytes = 192 : i64, head_bytes = 128 : i64, decode_bytes = 0 : i64} {
  // expected-note@+1 {{this buffer}}
  %x = cuda.buffer body columns 16 at 0
  %y = cuda.buffer body columns 16 at 0
  %l = cuda.buffer head columns 16 at 0
  %h = cuda.hidden %x[0, 16]
  cuda.kernel @w "w" of "W" in "W.cuh" config "W::Config{}" ["float *"] threads 32
  cuda.kernel @k "k" of "K" in "K.cuh" config "K::Config{}" ["const float *", "float *"] threads 32
  cuda.list head {
    cuda.launch @k [] (%h[0], %l[0])
    // expected-note@+1 {{written over here}}
    cuda.launch @w [] (%y[0])
    // expected-error@+1 {{reads a buffer that another has been written over (C2)}}
    cuda.launch @k [] (%h[0], %l[0])
  }
}

// -----

// C3
cuda.program for #cuda.gpu<processors = 108, cluster_blocks = 1, shared_bytes = 101376, l2_bytes = 41943040> attributes {decode_batch = 1 : i64, tile_queries = 64 : i64, page_positions = 0 : i64, body_bytes = 192 : i64, head_bytes = 128 : i64, decode_bytes = 0 : i64} {
  %x = cuda.buffer body columns 16 at 0
  %y = cuda.buffer body columns 32 at 0
  cuda.kernel @w "w" of "W" in "W.cuh" config "W::Config{}" ["float *"] threads 32
  cuda.kernel @k "k" of "K" in "K.cuh" config "K::Config{}" ["const float *", "float *"] threads 32
  cuda.list decode {
    cuda.launch @w [] (%x[0])
    // expected-error@+1 {{writes to a buffer that shares bytes with another that it works on (C3)}}
    cuda.launch @k [] (%x[0], %y[0])
  }
}

// -----

// C3: two that are written
cuda.program for #cuda.gpu<processors = 108, cluster_blocks = 1, shared_bytes = 101376, l2_bytes = 41943040> attributes {decode_batch = 1 : i64, tile_queries = 64 : i64, page_positions = 0 : i64, body_bytes = 192 : i64, head_bytes = 128 : i64, decode_bytes = 0 : i64} {
  %x = cuda.buffer body columns 16 at 64
  %y = cuda.buffer body columns 32 at 0
  cuda.kernel @k "k" of "K" in "K.cuh" config "K::Config{}" ["float *", "float *"] threads 32
  cuda.list decode {
    // expected-error@+1 {{writes to a buffer that shares bytes with another that it works on (C3)}}
    cuda.launch @k [] (%x[0], %y[0])
  }
}

// -----

// C4
cuda.program for #cuda.gpu<processors = 108, cluster_blocks = 1, shared_bytes = 101376, l2_bytes = 41943040> attributes {decode_batch = 1 : i64, tile_queries = 64 : i64, page_positions = 0 : i64} {
  %l = cuda.buffer head columns 16
  cuda.logits %l[0, 16]
  // expected-error@+1 {{ends without the logits (C4)}}
  cuda.list decode {
  }
}

// -----

// C4
cuda.program for #cuda.gpu<processors = 108, cluster_blocks = 1, shared_bytes = 101376, l2_bytes = 41943040> attributes {decode_batch = 1 : i64, tile_queries = 64 : i64, page_positions = 0 : i64, body_bytes = 192 : i64, head_bytes = 128 : i64, decode_bytes = 0 : i64} {
  %x = cuda.buffer body columns 16 at 0
  %y = cuda.buffer body columns 16 at 0
  %h = cuda.hidden %x[0, 16]
  cuda.kernel @w "w" of "W" in "W.cuh" config "W::Config{}" ["float *"] threads 32
  // expected-error@+1 {{ends without the hidden states (C4)}}
  cuda.list prefill {
    cuda.launch @w [] (%x[0])
    cuda.launch @w [] (%y[0])
  }
}

// -----

// C4: losses run for more rows of the same pass
cuda.program for #cuda.gpu<processors = 108, cluster_blocks = 1, shared_bytes = 101376, l2_bytes = 41943040> attributes {decode_batch = 1 : i64, tile_queries = 64 : i64, page_positions = 0 : i64, body_bytes = 192 : i64, head_bytes = 128 : i64, decode_bytes = 0 : i64} {
  %x = cuda.buffer body columns 16 at 0
  %y = cuda.buffer body columns 16 at 0
  %h = cuda.hidden %x[0, 16]
  %sums = cuda.scratch "sums" bytes 64
  cuda.kernel @w "w" of "W" in "W.cuh" config "W::Config{}" ["float *"] threads 32
  cuda.kernel @k "k" of "K" in "K.cuh" config "K::Config{}" ["const float *", "float *"] threads 32
  // expected-error@+1 {{ends without the hidden states (C4)}}
  cuda.list losses {
    cuda.launch @k [] (%h[0], %sums[0])
    cuda.launch @w [] (%y[0])
  }
}
