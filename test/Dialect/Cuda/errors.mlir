// RUN: %qzc-opt %s --split-input-file --verify-diagnostics

// Gpu
// expected-error@+1 {{processors must be positive}}
cuda.program for #cuda.gpu<processors = 0, cluster_blocks = 1, shared_bytes = 1, l2_bytes = 1> attributes {decode_batch = 1 : i64, tile_queries = 1 : i64, page_positions = 0 : i64} {
}

// -----

// Gpu
// expected-error@+1 {{expected 'warpgroups'}}
cuda.program for #cuda.gpu<processors = 1, cluster_blocks = 1, shared_bytes = 1, l2_bytes = 1, wings> attributes {decode_batch = 1 : i64, tile_queries = 1 : i64, page_positions = 0 : i64} {
}

// -----

// Program C1
cuda.program for #cuda.gpu<processors = 108, cluster_blocks = 2, shared_bytes = 101376, l2_bytes = 41943040> attributes {decode_batch = 8 : i64, tile_queries = 64 : i64, page_positions = 0 : i64} {
  cuda.list head {
  }
  // expected-error@+1 {{is there before (C1)}}
  cuda.list head {
  }
}

// -----

// Program C1
cuda.program for #cuda.gpu<processors = 108, cluster_blocks = 2, shared_bytes = 101376, l2_bytes = 41943040> attributes {decode_batch = 8 : i64, tile_queries = 64 : i64, page_positions = 0 : i64} {
  cuda.list batch of 4 {
  }
  // expected-error@+1 {{is for 4 sequences, which is not between 4 and the largest decode pass (C1)}}
  cuda.list batch of 4 {
  }
}

// -----

// Program C1
cuda.program for #cuda.gpu<processors = 108, cluster_blocks = 2, shared_bytes = 101376, l2_bytes = 41943040> attributes {decode_batch = 8 : i64, tile_queries = 64 : i64, page_positions = 0 : i64} {
  // expected-error@+1 {{is for 9 sequences, which is not between 1 and the largest decode pass (C1)}}
  cuda.list batch of 9 {
  }
}

// -----

// Program C2
// expected-error@+1 {{has pages of 3 positions, no power of two (C2)}}
cuda.program for #cuda.gpu<processors = 108, cluster_blocks = 2, shared_bytes = 101376, l2_bytes = 41943040> attributes {decode_batch = 8 : i64, tile_queries = 64 : i64, page_positions = 3 : i64} {
}

// -----

// Program C3
// expected-error@+1 {{has only one of the scratch's sizes (C3)}}
cuda.program for #cuda.gpu<processors = 108, cluster_blocks = 2, shared_bytes = 101376, l2_bytes = 41943040> attributes {decode_batch = 8 : i64, tile_queries = 64 : i64, page_positions = 0 : i64, scratch_bytes = 0 : i64} {
}

// -----

// Program C3
cuda.program for #cuda.gpu<processors = 108, cluster_blocks = 2, shared_bytes = 101376, l2_bytes = 41943040> attributes {decode_batch = 8 : i64, tile_queries = 64 : i64, page_positions = 0 : i64, scratch_bytes = 512 : i64, scratch_bytes_per_token = 16 : i64} {
  // expected-error@+1 {{must have a place exactly where its program has the scratch's size (C3)}}
  %a = cuda.scratch "a" bytes 1
}

// -----

// Program C3
cuda.program for #cuda.gpu<processors = 108, cluster_blocks = 2, shared_bytes = 101376, l2_bytes = 41943040> attributes {decode_batch = 8 : i64, tile_queries = 64 : i64, page_positions = 0 : i64} {
  // expected-error@+1 {{must have a place exactly where its program has the scratch's size (C3)}}
  %a = cuda.scratch "a" bytes 1 per_token at 0
}

// -----

// Program C4
cuda.program for #cuda.gpu<processors = 108, cluster_blocks = 2, shared_bytes = 101376, l2_bytes = 41943040> attributes {decode_batch = 8 : i64, tile_queries = 64 : i64, page_positions = 0 : i64, scratch_bytes = 512 : i64, scratch_bytes_per_token = 16 : i64} {
  // expected-error@+1 {{ends at 768 of 512 bytes of scratch (C4)}}
  %a = cuda.scratch "a" bytes 257 at 256
}

// -----

// Program C4
cuda.program for #cuda.gpu<processors = 108, cluster_blocks = 2, shared_bytes = 101376, l2_bytes = 41943040> attributes {decode_batch = 8 : i64, tile_queries = 64 : i64, page_positions = 0 : i64, scratch_bytes = 512 : i64, scratch_bytes_per_token = 16 : i64} {
  // expected-error@+1 {{ends at 32 of 16 bytes of scratch (C4)}}
  %a = cuda.scratch "a" bytes 17 per_token at 0
}

// -----

// Program C4
cuda.program for #cuda.gpu<processors = 108, cluster_blocks = 2, shared_bytes = 101376, l2_bytes = 41943040> attributes {decode_batch = 8 : i64, tile_queries = 64 : i64, page_positions = 0 : i64, scratch_bytes = 512 : i64, scratch_bytes_per_token = 16 : i64} {
  %a = cuda.scratch "a" bytes 257 at 0
  // expected-error@+1 {{shares bytes with another (C4)}}
  %b = cuda.scratch "b" bytes 1 at 256
}

// -----

// Program C4
// expected-error@+1 {{has buffers of decode that end at 512 of 256 bytes of scratch (C4)}}
cuda.program for #cuda.gpu<processors = 108, cluster_blocks = 2, shared_bytes = 101376, l2_bytes = 41943040> attributes {decode_batch = 8 : i64, tile_queries = 64 : i64, page_positions = 0 : i64, body_bytes = 0 : i64, head_bytes = 0 : i64, decode_bytes = 64 : i64, scratch_bytes = 256 : i64, scratch_bytes_per_token = 0 : i64} {
}

// -----

// Program C4
cuda.program for #cuda.gpu<processors = 108, cluster_blocks = 2, shared_bytes = 101376, l2_bytes = 41943040> attributes {decode_batch = 8 : i64, tile_queries = 64 : i64, page_positions = 0 : i64, body_bytes = 0 : i64, head_bytes = 0 : i64, decode_bytes = 64 : i64, scratch_bytes = 512 : i64, scratch_bytes_per_token = 0 : i64} {
  // expected-error@+1 {{shares bytes with another (C4)}}
  %a = cuda.scratch "a" bytes 1 at 256
}

// -----

// Program C5
// expected-error@+1 {{has more than one cuda.hidden or cuda.logits (C5)}}
cuda.program for #cuda.gpu<processors = 108, cluster_blocks = 2, shared_bytes = 101376, l2_bytes = 41943040> attributes {decode_batch = 8 : i64, tile_queries = 64 : i64, page_positions = 0 : i64} {
  %x = cuda.buffer body columns 16
  %h = cuda.hidden %x[0, 8]
  %i = cuda.hidden %x[0, 8]
}

// -----

// List C1
cuda.program for #cuda.gpu<processors = 108, cluster_blocks = 2, shared_bytes = 101376, l2_bytes = 41943040> attributes {decode_batch = 8 : i64, tile_queries = 64 : i64, page_positions = 0 : i64} {
  // expected-error@+1 {{says of how many sequences, at least 2 (C1)}}
  cuda.list batch {
  }
}

// -----

// List C1
cuda.program for #cuda.gpu<processors = 108, cluster_blocks = 2, shared_bytes = 101376, l2_bytes = 41943040> attributes {decode_batch = 8 : i64, tile_queries = 64 : i64, page_positions = 0 : i64} {
  // expected-error@+1 {{says of how many sequences, at least 2 (C1)}}
  cuda.list batch of 1 {
  }
}

// -----

// List C1
cuda.program for #cuda.gpu<processors = 108, cluster_blocks = 2, shared_bytes = 101376, l2_bytes = 41943040> attributes {decode_batch = 8 : i64, tile_queries = 64 : i64, page_positions = 0 : i64} {
  // expected-error@+1 {{says of how many sequences, at least 2 (C1)}}
  cuda.list head of 2 {
  }
}

// -----

// Hidden C1
cuda.program for #cuda.gpu<processors = 108, cluster_blocks = 2, shared_bytes = 101376, l2_bytes = 41943040> attributes {decode_batch = 8 : i64, tile_queries = 64 : i64, page_positions = 0 : i64} {
  %x = cuda.buffer head columns 16
  // expected-error@+1 {{must be of a buffer of the body (C1)}}
  %h = cuda.hidden %x[0, 8]
}

// -----

// Hidden C1
cuda.program for #cuda.gpu<processors = 108, cluster_blocks = 2, shared_bytes = 101376, l2_bytes = 41943040> attributes {decode_batch = 8 : i64, tile_queries = 64 : i64, page_positions = 0 : i64} {
  %x = cuda.buffer body columns 16
  // expected-error@+1 {{of 16 columns from 1 lies outside the buffer's 16 (C1)}}
  %h = cuda.hidden %x[1, 16]
}

// -----

// Scratch C1
cuda.program for #cuda.gpu<processors = 108, cluster_blocks = 2, shared_bytes = 101376, l2_bytes = 41943040> attributes {decode_batch = 8 : i64, tile_queries = 64 : i64, page_positions = 0 : i64, scratch_bytes = 512 : i64, scratch_bytes_per_token = 16 : i64} {
  // expected-error@+1 {{is at 128, no multiple of 256 (C1)}}
  %a = cuda.scratch "a" bytes 1 at 128
}

// -----

// Scratch C1
cuda.program for #cuda.gpu<processors = 108, cluster_blocks = 2, shared_bytes = 101376, l2_bytes = 41943040> attributes {decode_batch = 8 : i64, tile_queries = 64 : i64, page_positions = 0 : i64, scratch_bytes = 512 : i64, scratch_bytes_per_token = 16 : i64} {
  // expected-error@+1 {{is at 8, no multiple of 16 (C1)}}
  %a = cuda.scratch "a" bytes 1 per_token at 8
}

// -----

// Kernel C1
cuda.program for #cuda.gpu<processors = 108, cluster_blocks = 2, shared_bytes = 101376, l2_bytes = 41943040> attributes {decode_batch = 8 : i64, tile_queries = 64 : i64, page_positions = 0 : i64} {
  // expected-error@+1 {{has a name that is no identifier (C1)}}
  cuda.kernel @"a-b" "k" of "K" in "K.cuh" config "K::Config{}" [] threads 32
}

// -----

// Kernel C2
cuda.program for #cuda.gpu<processors = 108, cluster_blocks = 2, shared_bytes = 101376, l2_bytes = 41943040> attributes {decode_batch = 8 : i64, tile_queries = 64 : i64, page_positions = 0 : i64} {
  // expected-error@+1 {{has 1056 threads, more than 1024 (C2)}}
  cuda.kernel @k "k" of "K" in "K.cuh" config "K::Config{}" [] threads 1056
}

// -----

// Kernel C2
cuda.program for #cuda.gpu<processors = 108, cluster_blocks = 2, shared_bytes = 101376, l2_bytes = 41943040> attributes {decode_batch = 8 : i64, tile_queries = 64 : i64, page_positions = 0 : i64} {
  // expected-error@+1 {{has 4 blocks a cluster, the GPU has 2 (C2)}}
  cuda.kernel @k "k" of "K" in "K.cuh" config "K::Config{}" [] threads 32 cluster_blocks 4
}

// -----

// Kernel C3
cuda.program for #cuda.gpu<processors = 108, cluster_blocks = 2, shared_bytes = 101376, l2_bytes = 41943040> attributes {decode_batch = 8 : i64, tile_queries = 64 : i64, page_positions = 0 : i64} {
  // expected-error@+1 {{has a parameter of type 'double', which no launch fills (C3)}}
  cuda.kernel @k "k" of "K" in "K.cuh" config "K::Config{}" ["double"] threads 32
}

// -----

// Extent
cuda.program for #cuda.gpu<processors = 108, cluster_blocks = 2, shared_bytes = 101376, l2_bytes = 41943040> attributes {decode_batch = 8 : i64, tile_queries = 64 : i64, page_positions = 0 : i64} {
  cuda.kernel @k "k" of "K" in "K.cuh" config "K::Config{}" [] threads 32
  cuda.list decode {
    // expected-error@+1 {{an extent must be 1 to 2147483647 blocks, for each of as many tokens}}
    cuda.launch @k [<0>] ()
  }
}

// -----

// Launch C1
cuda.program for #cuda.gpu<processors = 108, cluster_blocks = 2, shared_bytes = 101376, l2_bytes = 41943040> attributes {decode_batch = 8 : i64, tile_queries = 64 : i64, page_positions = 0 : i64} {
  cuda.list decode {
    // expected-error@+1 {{names the kernel @k, unknown (C1)}}
    cuda.launch @k [] ()
  }
}

// -----

// Launch C2
cuda.program for #cuda.gpu<processors = 108, cluster_blocks = 2, shared_bytes = 101376, l2_bytes = 41943040> attributes {decode_batch = 8 : i64, tile_queries = 64 : i64, page_positions = 0 : i64} {
  cuda.kernel @k "k" of "K" in "K.cuh" config "K::Config{}" ["int"] threads 32
  cuda.list decode {
    // expected-error@+1 {{has 0 arguments for 1 parameters (C2)}}
    cuda.launch @k [] ()
  }
}

// -----

// Launch C2
cuda.program for #cuda.gpu<processors = 108, cluster_blocks = 2, shared_bytes = 101376, l2_bytes = 41943040> attributes {decode_batch = 8 : i64, tile_queries = 64 : i64, page_positions = 0 : i64} {
  cuda.kernel @k "k" of "K" in "K.cuh" config "K::Config{}" ["int"] threads 32
  cuda.list decode {
    // expected-error@+1 {{passes 1.000000e+00 : f32 as 'int' (C2)}}
    cuda.launch @k [] (1.0 : f32)
  }
}

// -----

// Launch C2
cuda.program for #cuda.gpu<processors = 108, cluster_blocks = 2, shared_bytes = 101376, l2_bytes = 41943040> attributes {decode_batch = 8 : i64, tile_queries = 64 : i64, page_positions = 0 : i64} {
  cuda.kernel @k "k" of "K" in "K.cuh" config "K::Config{}" ["int"] threads 32
  cuda.list decode {
    // expected-error@+1 {{passes 1 : i64 as 'int' (C2)}}
    cuda.launch @k [] (1 : i64)
  }
}

// -----

// Launch C2
cuda.program for #cuda.gpu<processors = 108, cluster_blocks = 2, shared_bytes = 101376, l2_bytes = 41943040> attributes {decode_batch = 8 : i64, tile_queries = 64 : i64, page_positions = 0 : i64} {
  cuda.kernel @k "k" of "K" in "K.cuh" config "K::Config{}" ["float"] threads 32
  cuda.list decode {
    // expected-error@+1 {{passes 1 : i32 as 'float' (C2)}}
    cuda.launch @k [] (1 : i32)
  }
}

// -----

// Launch C2
cuda.program for #cuda.gpu<processors = 108, cluster_blocks = 2, shared_bytes = 101376, l2_bytes = 41943040> attributes {decode_batch = 8 : i64, tile_queries = 64 : i64, page_positions = 0 : i64} {
  cuda.kernel @k "k" of "K" in "K.cuh" config "K::Config{}" ["int"] threads 32
  cuda.list decode {
    // expected-error@+1 {{passes #cuda.unused as 'int' (C2)}}
    cuda.launch @k [] (#cuda.unused)
  }
}

// -----

// Launch C2
cuda.program for #cuda.gpu<processors = 108, cluster_blocks = 2, shared_bytes = 101376, l2_bytes = 41943040> attributes {decode_batch = 8 : i64, tile_queries = 64 : i64, page_positions = 0 : i64} {
  cuda.kernel @k "k" of "K" in "K.cuh" config "K::Config{}" ["void *"] threads 32
  cuda.list decode {
    // expected-error@+1 {{passes #cuda.tensor<0, 0> as 'void *' (C2)}}
    cuda.launch @k [] (#cuda.tensor<0, 0>)
  }
}

// -----

// Launch C2
cuda.program for #cuda.gpu<processors = 108, cluster_blocks = 2, shared_bytes = 101376, l2_bytes = 41943040> attributes {decode_batch = 8 : i64, tile_queries = 64 : i64, page_positions = 0 : i64} {
  cuda.kernel @k "k" of "K" in "K.cuh" config "K::Config{}" ["float *"] threads 32
  cuda.list decode {
    // expected-error@+1 {{passes #cuda.rope_table<0> as 'float *' (C2)}}
    cuda.launch @k [] (#cuda.rope_table<0>)
  }
}

// -----

// Launch C2
cuda.program for #cuda.gpu<processors = 108, cluster_blocks = 2, shared_bytes = 101376, l2_bytes = 41943040> attributes {decode_batch = 8 : i64, tile_queries = 64 : i64, page_positions = 0 : i64} {
  cuda.kernel @k "k" of "K" in "K.cuh" config "K::Config{}" ["const void *"] threads 32
  cuda.list decode {
    // expected-error@+1 {{passes #cuda.cache<0> as 'const void *' (C2)}}
    cuda.launch @k [] (#cuda.cache<0>)
  }
}

// -----

// Launch C2
cuda.program for #cuda.gpu<processors = 108, cluster_blocks = 2, shared_bytes = 101376, l2_bytes = 41943040> attributes {decode_batch = 8 : i64, tile_queries = 64 : i64, page_positions = 0 : i64} {
  cuda.kernel @k "k" of "K" in "K.cuh" config "K::Config{}" ["const qzc::TokenRow *"] threads 32
  cuda.list decode {
    // expected-error@+1 {{passes #cuda.given<tiles> as 'const qzc::TokenRow *' (C2)}}
    cuda.launch @k [] (#cuda.given<tiles>)
  }
}

// -----

// Launch C2
cuda.program for #cuda.gpu<processors = 108, cluster_blocks = 2, shared_bytes = 101376, l2_bytes = 41943040> attributes {decode_batch = 8 : i64, tile_queries = 64 : i64, page_positions = 0 : i64} {
  cuda.kernel @k "k" of "K" in "K.cuh" config "K::Config{}" ["int"] threads 32
  cuda.list decode {
    // expected-error@+1 {{passes "text" as 'int' (C2)}}
    cuda.launch @k [] ("text")
  }
}

// -----

// Launch C2
cuda.program for #cuda.gpu<processors = 108, cluster_blocks = 2, shared_bytes = 101376, l2_bytes = 41943040> attributes {decode_batch = 8 : i64, tile_queries = 64 : i64, page_positions = 0 : i64} {
  %x = cuda.buffer body columns 16
  cuda.kernel @k "k" of "K" in "K.cuh" config "K::Config{}" ["const int *"] threads 32
  cuda.list decode {
    // expected-error@+1 {{passes memory as 'const int *' (C2)}}
    cuda.launch @k [] (%x[0])
  }
}

// -----

// Launch C2
cuda.program for #cuda.gpu<processors = 108, cluster_blocks = 2, shared_bytes = 101376, l2_bytes = 41943040> attributes {decode_batch = 8 : i64, tile_queries = 64 : i64, page_positions = 0 : i64} {
  %x = cuda.buffer body columns 16
  %h = cuda.hidden %x[0, 8]
  cuda.kernel @k "k" of "K" in "K.cuh" config "K::Config{}" ["float *"] threads 32
  cuda.list decode {
    // expected-error@+1 {{writes the hidden states (C2)}}
    cuda.launch @k [] (%h[0])
  }
}

// -----

// Launch C3
cuda.program for #cuda.gpu<processors = 108, cluster_blocks = 2, shared_bytes = 101376, l2_bytes = 41943040> attributes {decode_batch = 8 : i64, tile_queries = 64 : i64, page_positions = 0 : i64} {
  %x = cuda.buffer body columns 16
  cuda.kernel @k "k" of "K" in "K.cuh" config "K::Config{}" ["float *"] threads 32
  cuda.list decode {
    // expected-error@+1 {{has element 16 of rows of 16 (C3)}}
    cuda.launch @k [] (%x[16])
  }
}

// -----

// Launch C3
cuda.program for #cuda.gpu<processors = 108, cluster_blocks = 2, shared_bytes = 101376, l2_bytes = 41943040> attributes {decode_batch = 8 : i64, tile_queries = 64 : i64, page_positions = 0 : i64} {
  %x = cuda.buffer body columns 16
  %h = cuda.hidden %x[4, 4]
  cuda.kernel @k "k" of "K" in "K.cuh" config "K::Config{}" ["const float *"] threads 32
  cuda.list decode {
    // expected-error@+1 {{has element 4 of rows of 4 (C3)}}
    cuda.launch @k [] (%h[4])
  }
}

// -----

// Launch C3
cuda.program for #cuda.gpu<processors = 108, cluster_blocks = 2, shared_bytes = 101376, l2_bytes = 41943040> attributes {decode_batch = 8 : i64, tile_queries = 64 : i64, page_positions = 0 : i64} {
  %a = cuda.scratch "a" bytes 64
  cuda.kernel @k "k" of "K" in "K.cuh" config "K::Config{}" ["void *"] threads 32
  cuda.list decode {
    // expected-error@+1 {{has element 1 of rows of 1 (C3)}}
    cuda.launch @k [] (%a[1])
  }
}

// -----

// Launch C4
cuda.program for #cuda.gpu<processors = 108, cluster_blocks = 2, shared_bytes = 101376, l2_bytes = 41943040> attributes {decode_batch = 8 : i64, tile_queries = 64 : i64, page_positions = 0 : i64} {
  cuda.kernel @k "k" of "K" in "K.cuh" config "K::Config{}" [] threads 32
  cuda.list decode {
    // expected-error@+1 {{needs at most three extents (C4)}}
    cuda.launch @k [<1>, <1>, <1>, <1>] ()
  }
}

// -----

// Launch C4
cuda.program for #cuda.gpu<processors = 108, cluster_blocks = 2, shared_bytes = 101376, l2_bytes = 41943040> attributes {decode_batch = 8 : i64, tile_queries = 64 : i64, page_positions = 0 : i64} {
  cuda.kernel @k "k" of "K" in "K.cuh" config "K::Config{}" [] threads 32
  cuda.list decode {
    // expected-error@+1 {{has 65536 blocks along y or z, at most 65535 (C4)}}
    cuda.launch @k [<65536>, <65536>] ()
  }
}

// -----

// Launch C5
cuda.program for #cuda.gpu<processors = 108, cluster_blocks = 2, shared_bytes = 101376, l2_bytes = 41943040> attributes {decode_batch = 8 : i64, tile_queries = 64 : i64, page_positions = 0 : i64} {
  cuda.kernel @k "k" of "K" in "K.cuh" config "K::Config{}" [] threads 32
  cuda.list decode {
    // expected-error@+1 {{needs 101377 bytes of shared memory, the GPU has 101376 (C5)}}
    cuda.launch @k [] shared 101377 ()
  }
}

// -----

// Launch C6
cuda.program for #cuda.gpu<processors = 108, cluster_blocks = 2, shared_bytes = 101376, l2_bytes = 41943040> attributes {decode_batch = 8 : i64, tile_queries = 64 : i64, page_positions = 0 : i64} {
  %x = cuda.buffer head columns 16
  cuda.kernel @k "k" of "K" in "K.cuh" config "K::Config{}" ["float *"] threads 32
  cuda.list losses {
    // expected-error@+1 {{has a buffer of head (C6)}}
    cuda.launch @k [] (%x[0])
  }
}

// -----

// Launch C6
cuda.program for #cuda.gpu<processors = 108, cluster_blocks = 2, shared_bytes = 101376, l2_bytes = 41943040> attributes {decode_batch = 8 : i64, tile_queries = 64 : i64, page_positions = 0 : i64} {
  %x = cuda.buffer decode columns 16
  cuda.kernel @k "k" of "K" in "K.cuh" config "K::Config{}" ["float *"] threads 32
  cuda.list prefill {
    // expected-error@+1 {{has a buffer of decode (C6)}}
    cuda.launch @k [] (%x[0])
  }
}

// -----

// Program C5
// expected-error@+1 {{has more than one cuda.hidden or cuda.logits (C5)}}
cuda.program for #cuda.gpu<processors = 108, cluster_blocks = 2, shared_bytes = 101376, l2_bytes = 41943040> attributes {decode_batch = 8 : i64, tile_queries = 64 : i64, page_positions = 0 : i64} {
  %x = cuda.buffer head columns 16
  cuda.logits %x[0, 8]
  cuda.logits %x[8, 8]
}

// -----

// Program C6
// expected-error@+1 {{has the bytes of some of its arenas (C6)}}
cuda.program for #cuda.gpu<processors = 108, cluster_blocks = 2, shared_bytes = 101376, l2_bytes = 41943040> attributes {decode_batch = 8 : i64, tile_queries = 64 : i64, page_positions = 0 : i64, body_bytes = 64 : i64} {
}

// -----

// Program C6
cuda.program for #cuda.gpu<processors = 108, cluster_blocks = 2, shared_bytes = 101376, l2_bytes = 41943040> attributes {decode_batch = 8 : i64, tile_queries = 64 : i64, page_positions = 0 : i64, body_bytes = 128 : i64, head_bytes = 64 : i64, decode_bytes = 0 : i64} {
  // expected-error@+1 {{must have a place exactly where its arena has a size (C6)}}
  %x = cuda.buffer head columns 16
}

// -----

// Program C6
cuda.program for #cuda.gpu<processors = 108, cluster_blocks = 2, shared_bytes = 101376, l2_bytes = 41943040> attributes {decode_batch = 8 : i64, tile_queries = 64 : i64, page_positions = 0 : i64} {
  // expected-error@+1 {{must have a place exactly where its arena has a size (C6)}}
  %x = cuda.buffer head columns 16 at 0
}

// -----

// Program C7
cuda.program for #cuda.gpu<processors = 108, cluster_blocks = 2, shared_bytes = 101376, l2_bytes = 41943040> attributes {decode_batch = 8 : i64, tile_queries = 64 : i64, page_positions = 0 : i64, body_bytes = 128 : i64, head_bytes = 64 : i64, decode_bytes = 0 : i64} {
  %x = cuda.buffer body columns 16 at 64
  // expected-error@+1 {{of 64 bytes at 64 lies outside the 64 bytes of its arena (C7)}}
  %y = cuda.buffer head columns 16 at 64
}

// -----

// Buffer C1
cuda.program for #cuda.gpu<processors = 108, cluster_blocks = 2, shared_bytes = 101376, l2_bytes = 41943040> attributes {decode_batch = 8 : i64, tile_queries = 64 : i64, page_positions = 0 : i64} {
  // expected-error@+1 {{has rows of 32 bytes, no multiple of 64 (C1)}}
  %x = cuda.buffer body columns 8
}

// -----

// Buffer C1
cuda.program for #cuda.gpu<processors = 108, cluster_blocks = 2, shared_bytes = 101376, l2_bytes = 41943040> attributes {decode_batch = 8 : i64, tile_queries = 64 : i64, page_positions = 0 : i64, body_bytes = 128 : i64, head_bytes = 64 : i64, decode_bytes = 0 : i64} {
  // expected-error@+1 {{is at 32, no multiple of 64 (C1)}}
  %x = cuda.buffer body columns 16 at 32
}

// -----

// Buffer C2
cuda.program for #cuda.gpu<processors = 108, cluster_blocks = 2, shared_bytes = 101376, l2_bytes = 41943040> attributes {decode_batch = 8 : i64, tile_queries = 64 : i64, page_positions = 0 : i64} {
  // expected-error@+1 {{has 4611686018427387904 columns, more than an int counts (C2)}}
  %x = cuda.buffer body columns 4611686018427387904
}

// -----

// Logits C1
cuda.program for #cuda.gpu<processors = 108, cluster_blocks = 2, shared_bytes = 101376, l2_bytes = 41943040> attributes {decode_batch = 8 : i64, tile_queries = 64 : i64, page_positions = 0 : i64} {
  %x = cuda.buffer body columns 16
  // expected-error@+1 {{must be of a buffer of the head (C1)}}
  cuda.logits %x[0, 8]
}

// -----

// Logits C1
cuda.program for #cuda.gpu<processors = 108, cluster_blocks = 2, shared_bytes = 101376, l2_bytes = 41943040> attributes {decode_batch = 8 : i64, tile_queries = 64 : i64, page_positions = 0 : i64} {
  %x = cuda.buffer head columns 16
  // expected-error@+1 {{of 9 columns from 8 lies outside the buffer's 16 (C1)}}
  cuda.logits %x[8, 9]
}
