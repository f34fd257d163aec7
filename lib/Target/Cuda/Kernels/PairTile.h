//===- PairTile.h - How pairs go through many rows --------------*- C++ -*-===//
//
// What MatvecPair.cuh keeps in shared memory, and how much of it its launches
// ask for. For the host and for NVRTC.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_KERNELS_PAIRTILE_H
#define QZC_KERNELS_PAIRTILE_H

#include "ClusterTile.h"

namespace qzc {

/// Warps of a block of a pair: four warpgroups.
constexpr int kPairWarps = 16;
/// Rows that a pair multiplies at once.
constexpr int kPairRows = kPairWarps * kTileRows;
/// Tiles of tokens that a block of a pair finishes.
constexpr int kPairTiles = kPanelTiles / 2;
/// Tokens that a lane has of these: two of each tile.
constexpr int kLaneTokens = 2 * kPairTiles;

/// How the blocks of a pair share the groups of rows.
constexpr ClusterTile pairTile(int groups, int steps) {
  return {groups, steps, kPanelTiles, 1, kPairWarps, kPairWarps, 2};
}

/// Bytes of the sums of a block's rows and the tokens that it finishes.
constexpr int kPairSumBytes = kPairWarps * kPairTiles * 32 * 16;
/// Dynamic shared memory without the table: columns, sums of three kinds,
/// 8 bytes of the likeliest outputs of each lane and token, and what is small.
constexpr int pairSharedBytes(const ClusterTile &tile) {
  return tile.columnBytes() + 4 * kPairSumBytes + 2048;
}

} // namespace qzc

#endif // QZC_KERNELS_PAIRTILE_H
