//===- FeedTile.h - How a feed-forward layer is spread ----------*- C++ -*-===//
//
// Sizes that FeedLayer.cuh and its lowering agree on. No includes: NVRTC takes
// it too.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_KERNELS_FEEDTILE_H
#define QZC_KERNELS_FEEDTILE_H

namespace qzc {

/// Warps of a block.
constexpr int kFeedWarps = 8;

/// A cluster of `blocks` blocks takes `units` outputs of the first layer.
struct FeedTile {
  int units;
  int blocks;

  constexpr int unitsOfWarp() const {
    return (units + blocks * kFeedWarps - 1) / (blocks * kFeedWarps);
  }
  /// Tiles of 16 rows of a block, where tensor cores multiply them; gated: each
  /// of 8 outputs.
  constexpr int rowTiles(bool gated) const {
    const int outputs = (gated ? 8 : 16) * blocks;
    return (units + outputs - 1) / outputs;
  }
  /// Floats that are enough for what a block has in shared memory beside the
  /// input, which is 16-byte aligned behind it: chunks, of at least 4 units,
  /// have four floats more each.
  constexpr int sharedFloats() const { return 2 * units + 64; }
};

} // namespace qzc

#endif // QZC_KERNELS_FEEDTILE_H
