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

/// Tiles of tokens of a panel of columns.
constexpr int kPanelTiles = 4;
/// Warps of a cluster that add to a row, at most: their sums are loaded at
/// once.
constexpr int kMostSources = 16;

/// A cluster of `blocks` blocks of `warps` warps takes warpsN times rowTiles
/// tiles of rows and tokenTiles tiles of tokens. Its blocks share the groups of
/// four chunks that the rows consist of, and warps of the same rows those of a
/// block; each block then finishes as many tiles.
struct ClusterTile {
  int groups;
  int steps; ///< products of 16 columns in a group: a fourth of a chunk
  int tokenTiles;
  int rowTiles; ///< of a warp: each column that it reads is for all
  int warps;
  int warpsN;
  int blocks;

  static constexpr int ceilDiv(int a, int b) { return (a + b - 1) / b; }
  constexpr int warpsK() const { return warps / warpsN; }
  constexpr int tokens() const { return tokenTiles * kTileTokens; }
  constexpr int tiles() const { return warpsN * rowTiles; }
  constexpr int tilesOfBlock() const { return tiles() / blocks; }
  constexpr int groupsOfBlock() const { return ceilDiv(groups, blocks); }
  constexpr int elementsOfBlock() const { return groupsOfBlock() * steps * 16; }
  /// Groups of a warp.
  constexpr int units() const { return ceilDiv(groupsOfBlock(), warpsK()); }
  constexpr int depth() const { return depthOf(units(), ceilDiv(4, rowTiles)); }
  /// Bytes of the columns of a tile of tokens, and of all.
  constexpr int tileColumnBytes() const {
    return groupsOfBlock() * steps * kTileStepBytes;
  }
  constexpr int columnBytes() const { return tokenTiles * tileColumnBytes(); }
  /// Warps of the cluster that a row's sum is made by.
  constexpr int sources() const { return blocks * warpsK(); }
  /// Bytes of the sums that a block is sent: of a tile 16 rows.
  constexpr int sumBytes() const {
    return sources() * tilesOfBlock() * (kTileRows * tokens() * 4);
  }
  /// Bytes that are enough for these, of each token for what blocks send of its
  /// squares and for what is found of it, of each warp for what these reduce,
  /// and for a barrier.
  constexpr int sharedBytes() const {
    return columnBytes() + sumBytes() + (blocks + 2) * (tokens() * 4) +
           warps * 8 + 16;
  }
};

} // namespace qzc

#endif // QZC_KERNELS_CLUSTERTILE_H
