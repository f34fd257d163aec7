//===- BatchTile.h - How a layer of several tokens is spread ----*- C++ -*-===//
//
// What MatvecBatch.cuh keeps in registers and shared memory, and how much of
// the latter its launches ask for. Plain C++ without includes, for the host and
// for NVRTC.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_KERNELS_BATCHTILE_H
#define QZC_KERNELS_BATCHTILE_H

namespace qzc {

/// Tokens of a tile of columns, and rows of weights of a tile.
constexpr int kTileTokens = 8;
constexpr int kTileRows = 16;
/// Bytes of 16 inputs of a tile's tokens, two 16-bit floats each.
constexpr int kTileStepBytes = 512;

/// Tiles of rows of a warp: each column that it reads is for both.
constexpr int kWarpRowTiles = 2;
constexpr int kBatchWarps = 8;

/// Groups that a warp has in registers or on their way, of `units` that it
/// multiplies: a power of two from the lesser of both on.
constexpr int depthOf(int units, int most) {
  int depth = 1;
  while (depth < most && depth < units)
    depth *= 2;
  return depth;
}

/// A block takes warpsN times kWarpRowTiles tiles of rows and tokenTiles tiles
/// of columns; it, and its warps of the same rows, share the groups of four
/// chunks that the rows consist of.
struct BatchTile {
  int groups;
  int steps; ///< products of 16 columns in a group: a fourth of a chunk
  int tokenTiles;
  int warpsN;
  int splitK; ///< blocks that share the groups of a row
  int stages; ///< of the ring of columns, at least 2

  static constexpr int ceilDiv(int a, int b) { return (a + b - 1) / b; }
  constexpr int warpsK() const { return kBatchWarps / warpsN; }
  constexpr int warpRows() const { return kWarpRowTiles * kTileRows; }
  constexpr int rows() const { return warpsN * warpRows(); }
  constexpr int tokens() const { return tokenTiles * kTileTokens; }
  constexpr int groupsOfBlock() const { return ceilDiv(groups, splitK); }
  /// Groups of a warp.
  constexpr int units() const { return ceilDiv(groupsOfBlock(), warpsK()); }
  /// Groups that a warp has in registers or on their way, a power of two: of
  /// small ones more.
  constexpr int depth() const {
    const int most = steps > 2 && tokenTiles > 1 ? 2 : 4;
    return depthOf(units(), most);
  }
  constexpr int groupBytes() const {
    return steps * tokenTiles * kTileStepBytes;
  }
  /// Groups of a warp in one stage of the ring of columns; divides depth().
  constexpr int unitsOfStage() const {
    int units = 1;
    while (2 * units <= depth() && 2 * units * groupBytes() <= 16 * 1024)
      units *= 2;
    return units;
  }
  constexpr int groupsOfStage() const { return unitsOfStage() * warpsK(); }
  constexpr int stageBytes() const { return groupsOfStage() * groupBytes(); }
  /// Stages that the block's columns are.
  constexpr int allStages() const {
    return ceilDiv(groupsOfBlock(), groupsOfStage());
  }
  /// Floats from token to token of the block's sums: no bank conflicts.
  constexpr int sumStride() const { return rows() + 4; }
  constexpr int sumBytes() const {
    return warpsK() * tokens() * sumStride() * 4;
  }
  /// The ring, later the sums.
  constexpr int ringBytes() const {
    const int ring =
        (allStages() < stages ? allStages() : stages) * stageBytes();
    return ring > sumBytes() ? ring : sumBytes();
  }
};

} // namespace qzc

#endif // QZC_KERNELS_BATCHTILE_H
