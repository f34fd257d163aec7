//===- AttendTile.h - How attention with its layers is spread ---*- C++ -*-===//
//
// Sizes that AttendLayer.cuh and its lowering agree on. No includes: NVRTC
// takes it too.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_KERNELS_ATTENDTILE_H
#define QZC_KERNELS_ATTENDTILE_H

namespace qzc {

/// Warps of a block.
constexpr int kAttendWarps = 8;

/// A cluster of `blocks` blocks takes `queries` heads of one kv head.
struct AttendTile {
  int queries;
  int blocks;

  static constexpr int ceilDiv(int a, int b) { return (a + b - 1) / b; }
  /// Rows of q, k and v that the cluster makes, and of a warp.
  constexpr int rows(int headDim) const { return (queries + 2) * headDim; }
  constexpr int rowsOfWarp(int headDim) const {
    return ceilDiv(rows(headDim), blocks * kAttendWarps);
  }
  /// Tiles of 16 rows of a block, where tensor cores multiply them.
  constexpr int rowTiles(int headDim) const {
    return ceilDiv(rows(headDim), 16 * blocks);
  }
  /// Floats that are enough for what a block has in shared memory beside the
  /// input, which is 16-byte aligned behind it.
  constexpr int sharedFloats(int headDim) const {
    const int padded = 2 * headDim + 16; // for lanes of eight, a power of two
    const int record = headDim + 2;
    return rows(headDim) + (queries + 2) * padded +
           (kAttendWarps + blocks) * queries * record + 2 * queries * headDim +
           64;
  }
};

} // namespace qzc

#endif // QZC_KERNELS_ATTENDTILE_H
