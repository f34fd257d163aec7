//===- SplitTile.h - How blocks share rows and inputs -----------*- C++ -*-===//
//
// What MatvecSplit.cuh keeps in shared memory, and how much of it its launches
// ask for. For the host and for NVRTC.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_KERNELS_SPLITTILE_H
#define QZC_KERNELS_SPLITTILE_H

#include "ClusterTile.h"

namespace qzc {

/// Warps of a block: four warpgroups, each warp with a tile of rows.
constexpr int kSplitWarps = 16;
/// Blocks that share the inputs of a row. A block finishes a share of the rows,
/// of which a warp takes a tile of rows and tokens.
constexpr int kFewestSplits = kPanelTiles;
constexpr int kMostSplits = 16;

/// How `splits` blocks share the groups of their rows.
constexpr ClusterTile splitTile(int groups, int steps, int splits) {
  return {groups, steps, kPanelTiles, 1, kSplitWarps, kSplitWarps, splits};
}

/// Dynamic shared memory without the table: columns, of each token the squares
/// that blocks find, and what is small.
constexpr int splitSharedBytes(const ClusterTile &tile) {
  return tile.columnBytes() + (tile.blocks + 8) * (tile.tokens() * 4);
}

/// Scratch that blocks of the same rows and tokens have: each one's sums, and
/// its squares for each that finishes a share.
constexpr int splitSumBytes(const ClusterTile &tile) {
  return tile.blocks * tile.tiles() * (kTileRows * tile.tokens() * 4);
}
constexpr int splitSquareBytes(const ClusterTile &tile) {
  return tile.blocks * tile.blocks * (tile.tokens() * 4);
}

} // namespace qzc

#endif // QZC_KERNELS_SPLITTILE_H
