//===- ClusterTile.h - How a cluster shares a layer's rows ------*- C++ -*-===//
//
// What MatvecCluster.cuh keeps in shared memory, and how much of it its
// launches ask for. For the host and for NVRTC.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_KERNELS_CLUSTERTILE_H
#define QZC_KERNELS_CLUSTERTILE_H

#include "BatchTile.h"

namespace qzc {

/// A cluster of `blocks` blocks of `warps` warps takes warpsN times rowTiles
/// tiles of rows for up to 8 tokens. Its blocks share the groups of four chunks
/// that the rows consist of, and warps of the same rows those of a block; each
/// block then finishes as many tiles.
struct ClusterTile {
  int groups;
  int steps;    ///< products of 16 columns in a group: a fourth of a chunk
  int rowTiles; ///< of a warp: each column that it reads is for all
  int warps;
  int warpsN;
  int blocks;

  static constexpr int ceilDiv(int a, int b) { return (a + b - 1) / b; }
  constexpr int warpsK() const { return warps / warpsN; }
  constexpr int tiles() const { return warpsN * rowTiles; }
  constexpr int tilesOfBlock() const { return tiles() / blocks; }
  constexpr int groupsOfBlock() const { return ceilDiv(groups, blocks); }
  constexpr int elementsOfBlock() const { return groupsOfBlock() * steps * 16; }
  /// Groups of a warp.
  constexpr int units() const { return ceilDiv(groupsOfBlock(), warpsK()); }
  constexpr int depth() const { return depthOf(units(), ceilDiv(4, rowTiles)); }
  constexpr int columnBytes() const {
    return groupsOfBlock() * steps * kTileStepBytes;
  }
  /// Warps of the cluster that a row's sum is made by.
  constexpr int sources() const { return blocks * warpsK(); }
  /// Bytes of the sums that a block is sent: of a tile 16 rows and 8 tokens.
  constexpr int sumBytes() const {
    return sources() * tilesOfBlock() * (kTileRows * kTileTokens * 4);
  }
  /// Bytes that are enough for these, and of each token for what blocks send of
  /// its squares and for what warps reduce.
  constexpr int sharedBytes() const {
    return columnBytes() + sumBytes() + (blocks + 7) * (kTileTokens * 4);
  }
};

} // namespace qzc

#endif // QZC_KERNELS_CLUSTERTILE_H
