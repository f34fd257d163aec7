//===- MatvecBatch.cuh - Several tokens through a linear layer ------------===//
//
// What matvec computes, with weights that are decoded once for up to
// 8 × tokenTiles tokens, whose columns a launch before has made. They pass
// through a ring in shared memory, weights through one in registers.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_KERNELS_MATVECBATCH_CUH
#define QZC_KERNELS_MATVECBATCH_CUH

#include "BatchLayer.cuh"
#include "BatchTile.h"

namespace qzc::kernels {

/// Rows of whole chunks. `partial` has the block's rows' sums for each token of
/// the grid, each of the splitK blocks of a row and each block of rows. Grid:
/// ceil(T / (8 · tokenTiles)) × blocks of BatchTile::rows() rows (gated: half
/// of them gate rows) × splitK. Dynamic shared memory: BatchTile::ringBytes()
/// and the table.
template <MatvecBatch::Config C>
QZC_DEVICE void matvecBatch(const MatvecBatch::Args<Value> &a) {
  using Layer = BatchLayer<C.layer>;
  using Staged = typename Layer::Staged;
  using O = Operands<Layer::S>;
  constexpr BatchTile tile = {Staged::kGroups, Staged::kSteps, C.tokenTiles,
                              C.warpsN,        C.splitK,       C.stages};
  constexpr int threads = kBatchWarps * kWarp;
  constexpr int warpsK = tile.warpsK();
  constexpr int depth = tile.depth();
  constexpr int unitsOfStage = tile.unitsOfStage();
  constexpr int stagePieces = tile.stageBytes() / 16;
  constexpr int tilePieces = stagePieces / C.tokenTiles; ///< of a stage
  constexpr int tokenPieces =
      Staged::kGroups * Staged::kSteps * 32; ///< of all groups
  constexpr int sides = Layer::kSides;
  constexpr int perTile = Layer::kPerTile;
  constexpr int perWarp = tile.warpRows() / sides;
  static_assert(C.stages >= 2, "a stage is read while the next one comes");

  QZC_DYNAMIC_SHARED(shared);
  __shared__ float tokenScales[tile.tokens()];
  __shared__ int lastFlag;
  auto *ring = reinterpret_cast<uint4 *>(shared);
  char *table = reinterpret_cast<char *>(shared) + tile.ringBytes();

  launchDependents();
  const auto place = BatchPlace<C.warpsN>::of(tile, blockIdx.z);
  const int firstRow = blockIdx.y * C.warpsN * perWarp; ///< of the outputs

  const typename Layer::Parts parts = {a.layer};
  using Unit = typename Layer::Pair[kWarpRowTiles];
  typename Layer::TileRows rows[kWarpRowTiles];
#pragma unroll
  for (int r = 0; r < kWarpRowTiles; ++r)
    rows[r] = Layer::TileRows::find(
        parts, firstRow + place.warpN * perWarp + r * perTile, place.lane);
  auto load = [&](Unit &unit, int number) {
    const int group = place.firstGroup + place.warpK + number * warpsK;
#pragma unroll
    for (int r = 0; r < kWarpRowTiles; ++r)
      unit[r] = group < place.endGroup ? rows[r].load(group, place.lane)
                                       : Layer::Pair::zero();
  };
  Unit units[depth];
#pragma unroll
  for (int d = 0; d < depth; ++d)
    load(units[d], d);
  O::fill(table, threadIdx.x, threads);
  waitForDependencies();

  const int firstToken = blockIdx.x * tile.tokens();
  const int tokens = min(a.state->tokens - firstToken, tile.tokens());
  if (threadIdx.x < tokens)
    tokenScales[threadIdx.x] = a.scales[firstToken + threadIdx.x];
  const auto *source =
      static_cast<const uint4 *>(a.columns) +
      static_cast<long long>(blockIdx.x) * C.tokenTiles * tokenPieces +
      place.firstGroup * (Staged::kSteps * 32);
  auto copyStage = [&](int stage) {
    const int begin = stage * tilePieces;
    const int pieces =
        min((place.endGroup - place.firstGroup) * (Staged::kSteps * 32) - begin,
            tilePieces);
    const unsigned to = sharedAddress(ring + stage % C.stages * stagePieces);
#pragma unroll 1
    for (int i = threadIdx.x; i < pieces; i += threads)
#pragma unroll
      for (int j = 0; j < C.tokenTiles; ++j)
        copyAsync(to + 16 * (j * tilePieces + i),
                  source + begin + i + j * tokenPieces, true);
    copyCommit();
  };
#pragma unroll 1
  for (int stage = 0; stage < C.stages - 1; ++stage)
    copyStage(stage);

  float sums[kWarpRowTiles][C.tokenTiles][4] = {};
#pragma unroll 1
  for (int begin = 0; begin < tile.units(); begin += depth) {
#pragma unroll
    for (int d = 0; d < depth; ++d) {
      const int number = begin + d;
      const int stage = number / unitsOfStage;
      if (d % unitsOfStage == 0) {
        // This stage is there, and nobody reads the one before any more.
        copyWait<C.stages - 2>();
        __syncthreads();
        copyStage(stage + C.stages - 1);
      }
      if (place.firstGroup + place.warpK + number * warpsK < place.endGroup) {
        const uint4 *columnsOf =
            ring + stage % C.stages * stagePieces +
            (number % unitsOfStage * warpsK + place.warpK) *
                (Staged::kSteps * 32);
        multiplyGroup<Layer::K, Layer::S, Layer::kBlock, kWarpRowTiles,
                      C.tokenTiles>(sums, units[d], columnsOf, tilePieces,
                                    table, place.lane);
      }
      load(units[d], number + depth);
    }
  }
  copyWait<0>();
  __syncthreads();

  // The sums of the warps that share rows come together.
  float *blockSums = reinterpret_cast<float *>(shared);
#pragma unroll
  for (int r = 0; r < kWarpRowTiles; ++r)
#pragma unroll
    for (int j = 0; j < C.tokenTiles; ++j)
#pragma unroll
      for (int e = 0; e < 4; ++e)
        blockSums[(place.warpK * tile.tokens() + j * kTileTokens +
                   2 * (place.lane % 4) + e % 2) *
                      tile.sumStride() +
                  place.warpN * tile.warpRows() + r * kTileRows +
                  place.lane / 4 + e / 2 * 8] = sums[r][j][e];
  __syncthreads();
  // Of a token of the block, rows r to r + 3.
  auto fourOfWarps = [&](int token, int r) {
    return joinWarps<warpsK>(blockSums + token * tile.sumStride() + r,
                             tile.tokens() * tile.sumStride());
  };
  constexpr int fours = tile.rows() / 4; ///< of a token
  const int blockNumber = blockIdx.y * gridDim.x + blockIdx.x;
  auto *partials =
      reinterpret_cast<float4 *>(a.partial) +
      static_cast<long long>(blockNumber) * (C.splitK * tile.tokens() * fours);
  if constexpr (C.splitK > 1) {
#pragma unroll 2
    for (int i = threadIdx.x; i < tokens * fours; i += threads)
      partials[blockIdx.z * (tile.tokens() * fours) + i] =
          fourOfWarps(i / fours, i % fours * 4);
    if (!arriveLast(&a.state->counters[blockNumber], C.splitK, &lastFlag))
      return;
  }
  auto four = [&](int token, int r) {
    if constexpr (C.splitK == 1)
      return fourOfWarps(token, r);
    return joinBlocks<C.splitK>(partials + token * fours + r / 4,
                                tile.tokens() * fours);
  };

  constexpr int outputs = C.warpsN * perWarp;
#pragma unroll 2
  for (int i = threadIdx.x; i < tokens * (outputs / 4); i += threads) {
    const int o = i % (outputs / 4) * 4;
    const int inBlock = i / (outputs / 4);
    const long long token = firstToken + inBlock;
    if (firstRow + o >= Layer::kOutputs)
      continue;
    float added[4] = {0.0f, 0.0f, 0.0f, 0.0f};
    if constexpr (C.layer.end.residual)
#pragma unroll
      for (int e = 0; e < 4; ++e)
        if (firstRow + o + e < Layer::kOutputs)
          added[e] =
              a.layer.residual
                  .first[token * a.layer.residual.stride + firstRow + o + e];
    float4 sums4[sides];
#pragma unroll
    for (int side = 0; side < sides; ++side)
      sums4[side] =
          four(inBlock, o / perTile * kTileRows + o % perTile + side * perTile);
    const float scale = tokenScales[inBlock];
#pragma unroll
    for (int e = 0; e < 4; ++e) {
      const int n = firstRow + o + e;
      if (n >= Layer::kOutputs)
        continue;
      float y[sides];
#pragma unroll
      for (int side = 0; side < sides; ++side)
        y[side] = RowEnd<C.layer>::load(parts.find(n, side))
                      .of((&sums4[side].x)[e] * scale);
      a.layer.out.first[token * a.layer.out.stride + n] =
          outputOf<C.layer>(y) + added[e];
    }
  }
}

} // namespace qzc::kernels

#endif // QZC_KERNELS_MATVECBATCH_CUH
