// RUN: %qzc-opt %s --canonicalize --symbol-dce | FileCheck %s

// Memory that no launch works on goes, and so do kernels that nothing launches.

// CHECK-LABEL: cuda.program
cuda.program for #cuda.gpu<processors = 108, cluster_blocks = 1, shared_bytes = 101376, l2_bytes = 41943040> attributes {
    decode_batch = 1 : i64, tile_queries = 64 : i64, page_positions = 0 : i64} {
  // CHECK-NEXT: cuda.buffer body columns 32
  %unused = cuda.buffer body columns 16
  %x = cuda.buffer body columns 32
  %hidden = cuda.hidden %unused[0, 8]
  // CHECK-NEXT: cuda.scratch "sums"
  %idle = cuda.scratch "idle" bytes 4
  %sums = cuda.scratch "sums" bytes 4
  // CHECK-NEXT: cuda.kernel @used
  cuda.kernel @idle "k" of "K" in "K.cuh" config "K::Config{.size = 1}" ["float *", "float *"] threads 32
  cuda.kernel @used "k" of "K" in "K.cuh" config "K::Config{.size = 2}" ["float *", "float *"] threads 32
  // CHECK-NEXT: cuda.list decode
  cuda.list decode {
    // CHECK-NEXT: cuda.launch @used
    cuda.launch @used [] (%x[0], %sums[0])
  }
}
