// RUN: %qzc-opt %s --cuda-plan-scratch | FileCheck %s

// CHECK-LABEL: cuda.program
// CHECK-SAME: scratch_bytes = 1024 : i64, scratch_bytes_per_token = 48 : i64
cuda.program for #cuda.gpu<processors = 108, cluster_blocks = 1, shared_bytes = 101376, l2_bytes = 41943040> attributes {
    decode_batch = 1 : i64, tile_queries = 64 : i64, page_positions = 0 : i64} {
  // CHECK: cuda.scratch "a" bytes 300 at 0
  %a = cuda.scratch "a" bytes 300
  // CHECK: cuda.scratch "b" bytes 4 per_token at 0
  %b = cuda.scratch "b" bytes 4 per_token
  // Nothing needs no place of its own.
  // CHECK: cuda.scratch "none" bytes 0 at 512
  %none = cuda.scratch "none" bytes 0
  // CHECK: cuda.scratch "c" bytes 512 at 512
  %c = cuda.scratch "c" bytes 512
  // CHECK: cuda.scratch "d" bytes 20 per_token at 16
  %d = cuda.scratch "d" bytes 20 per_token
}

// Places that there are already are given anew.
// CHECK-LABEL: cuda.program
// CHECK-SAME: scratch_bytes = 256 : i64, scratch_bytes_per_token = 0 : i64
cuda.program for #cuda.gpu<processors = 108, cluster_blocks = 1, shared_bytes = 101376, l2_bytes = 41943040> attributes {
    decode_batch = 1 : i64, tile_queries = 64 : i64, page_positions = 0 : i64,
    scratch_bytes = 512 : i64, scratch_bytes_per_token = 0 : i64} {
  // CHECK: cuda.scratch "a" bytes 1 at 0
  %a = cuda.scratch "a" bytes 1 at 256
}

// Behind eight rows of the buffers of decode.
// CHECK-LABEL: cuda.program
// CHECK-SAME: scratch_bytes = 1792 : i64
cuda.program for #cuda.gpu<processors = 108, cluster_blocks = 1, shared_bytes = 101376, l2_bytes = 41943040> attributes {
    decode_batch = 8 : i64, tile_queries = 64 : i64, page_positions = 0 : i64,
    body_bytes = 0 : i64, head_bytes = 0 : i64, decode_bytes = 192 : i64} {
  %x = cuda.buffer decode columns 16 at 128
  // CHECK: cuda.scratch "a" bytes 1 at 1536
  %a = cuda.scratch "a" bytes 1
}
