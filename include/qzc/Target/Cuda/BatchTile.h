//===- BatchTile.h - How a layer of several tokens is spread ----*- C++ -*-===//
//
// What MatvecBatch.cuh keeps in registers and shared memory, and how much of
// the latter its launches ask for. Plain C++ without includes, for the host and
// for NVRTC.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_TARGET_CUDA_BATCHTILE_H
#define QZC_TARGET_CUDA_BATCHTILE_H

namespace qzc {

/// Tokens of a tile of columns, and rows of weights of a tile.
constexpr int kTileTokens = 8;
constexpr int kTileRows = 16;
/// Bytes of 16 inputs of a tile's tokens, two 16-bit floats each.
constexpr int kTileStepBytes = 512;

/// A block takes warpsN tiles of rows and tokenTiles tiles of columns; it, and
/// its warpsK warps of each tile of rows, share the groups of four chunks that
/// the rows consist of.
struct BatchTile {
  int groups;
  int steps; ///< products of 16 columns in a group: a fourth of a chunk
  int tokenTiles;
  int warpsN;
  int warpsK;
  int splitK; ///< blocks that share the groups of a row

  static constexpr int ceilDiv(int a, int b) { return (a + b - 1) / b; }
  constexpr int threads() const { return warpsN * warpsK * 32; }
  constexpr int rows() const { return warpsN * kTileRows; }
  constexpr int tokens() const { return tokenTiles * kTileTokens; }
  constexpr int groupsOfBlock() const { return ceilDiv(groups, splitK); }
  /// Groups of a warp.
  constexpr int units() const { return ceilDiv(groupsOfBlock(), warpsK); }
  /// Groups that a warp has in registers or on their way, a power of two.
  constexpr int depth() const {
    // Products of many tokens need registers, and hide a load.
    const int most = tokenTiles > 2 ? 1 : tokenTiles > 1 ? 2 : 4;
    int depth = 1;
    while (depth < most && depth < units())
      depth *= 2;
    return depth;
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
  constexpr int groupsOfStage() const { return unitsOfStage() * warpsK; }
  constexpr int stageBytes() const { return groupsOfStage() * groupBytes(); }
  constexpr int allStages() const {
    return ceilDiv(groupsOfBlock(), groupsOfStage());
  }
  /// Stages of the ring.
  constexpr int stages() const {
    const int fit = 64 * 1024 / stageBytes();
    const int most = fit < 2 ? 2 : fit;
    return allStages() < most ? allStages() : most;
  }
  constexpr bool refills() const { return allStages() > stages(); }
  /// Floats from token to token of the block's sums: no bank conflicts.
  constexpr int sumStride() const { return rows() + 4; }
  constexpr int sumBytes() const { return warpsK * tokens() * sumStride() * 4; }
  /// The ring, later the sums.
  constexpr int ringBytes() const {
    const int ring = stages() * stageBytes();
    return ring > sumBytes() ? ring : sumBytes();
  }
};

} // namespace qzc

#endif // QZC_TARGET_CUDA_BATCHTILE_H
