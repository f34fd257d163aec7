//===- FewTile.h - How a layer of up to eight tokens is spread --*- C++ -*-===//
//
// What MatvecFew.cuh keeps in shared memory, and how much of it its launches
// ask for. For the host and for NVRTC.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_KERNELS_FEWTILE_H
#define QZC_KERNELS_FEWTILE_H

#include "BatchTile.h"

namespace qzc {

/// Warps of a block: two for each token.
constexpr int kFewWarps = 16;
/// Elements of a token that the two warps have in registers, at most.
constexpr int kFewElements = 2048;
/// Rows of a pass, at most: a thread finishes four of a token.
constexpr int kFewRows = 4 * kFewWarps * 32 / kTileTokens;

/// A block takes `passes` times warpsN times rowTiles tiles of rows; it, and
/// the warps of the same rows, share the groups of four chunks that the rows
/// consist of.
struct FewTile {
  int groups;
  int steps;    ///< products of 16 columns in a group: a fourth of a chunk
  int rowTiles; ///< of a warp: each column that it reads is for all
  int warpsN;
  int splitK; ///< blocks that share the groups of a row
  int passes;

  static constexpr int ceilDiv(int a, int b) { return (a + b - 1) / b; }
  constexpr int warpsK() const { return kFewWarps / warpsN; }
  constexpr int warpRows() const { return rowTiles * kTileRows; }
  constexpr int rows() const { return warpsN * warpRows(); } ///< of a pass
  constexpr int groupsOfBlock() const { return ceilDiv(groups, splitK); }
  constexpr int elementsOfBlock() const { return groupsOfBlock() * steps * 16; }
  /// Groups of a warp in a pass.
  constexpr int units() const { return ceilDiv(groupsOfBlock(), warpsK()); }
  constexpr int depth() const { return depthOf(units(), ceilDiv(4, rowTiles)); }
  constexpr int columnBytes() const {
    return groupsOfBlock() * steps * kTileStepBytes;
  }
  /// Floats from token to token of a pass's sums: no bank conflicts.
  constexpr int sumStride() const { return rows() + 4; }
  constexpr int sumFloats() const {
    return warpsK() * kTileTokens * sumStride();
  }
  /// The columns, and the sums of two passes behind them; those of an only pass
  /// take their place.
  constexpr int sharedBytes() const {
    const int sums = sumFloats() * 4;
    if (passes > 1)
      return columnBytes() + 2 * sums;
    return columnBytes() > sums ? columnBytes() : sums;
  }
};

} // namespace qzc

#endif // QZC_KERNELS_FEWTILE_H
