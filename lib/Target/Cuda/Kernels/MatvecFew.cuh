//===- MatvecFew.cuh - Up to eight tokens through a linear layer ----------===//
//
// What matvecBatch computes, in one launch: each block makes the columns of the
// inputs that its rows are multiplied with, all of them before its products.
// Two warps have a token.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_KERNELS_MATVECFEW_CUH
#define QZC_KERNELS_MATVECFEW_CUH

#include "BatchLayer.cuh"
#include "FewTile.h"

namespace qzc::kernels {

/// Makes columns of `Elements` inputs of each token, zero beyond the K that
/// there are, by way of registers. A norm needs all K of them. IsWhole: these
/// are all parts of rows.
template <int K, Storage S, int Block, int Elements, bool IsWhole,
          class NormsOfInput>
struct TokenStage {
  using Norms = NormsOfInput;
  using C = Columns<K, S, Block>;
  static constexpr int kWarps = kFewWarps / kTileTokens; ///< of a token
  static constexpr int kQuads =
      (Elements + 4 * kWarps * kWarp - 1) / (4 * kWarps * kWarp);
  static_assert(Elements <= kFewElements, "more than the registers hold");
  static_assert(Norms::kKind == Norm::None || Elements >= K, "a part of a row");
  typename Norms::Four fours[kQuads];

  QZC_DEVICE static int token() {
    return static_cast<int>(threadIdx.x) / (kWarps * kWarp);
  }
  /// Number of this thread's quad j in the block's range.
  QZC_DEVICE static int quad(int j) {
    return j * kWarps * kWarp +
           static_cast<int>(threadIdx.x) % (kWarps * kWarp);
  }
  QZC_DEVICE static bool isColumn(int j) {
    return Elements % (4 * kWarps * kWarp) == 0 || 4 * quad(j) < Elements;
  }
  QZC_DEVICE static bool isInput(int j, int begin) {
    return isColumn(j) && (IsWhole || begin + 4 * quad(j) < K);
  }

  QZC_DEVICE void prepare(const Norms &norm, int begin) {
#pragma unroll
    for (int j = 0; j < kQuads; ++j)
      if (isInput(j, begin))
        fours[j].load(norm, begin + 4 * quad(j));
  }
  /// norm(x) of elements begin … begin + Elements − 1 of `tokens` tokens, times
  /// their scales, which `scales` gets. All threads; ends with a barrier.
  QZC_DEVICE void run(uint4 *columns, float *scales, const float *x,
                      int xStride, int tokens, int begin,
                      const Norms &norm) const {
    __shared__ float scratch[3][kFewWarps];
    float4 v[kQuads];
    const float *row = x + static_cast<long long>(token()) * xStride + begin;
#pragma unroll
    for (int j = 0; j < kQuads; ++j)
      v[j] = token() < tokens && isInput(j, begin)
                 ? *reinterpret_cast<const float4 *>(row + 4 * quad(j))
                 : float4{0.0f, 0.0f, 0.0f, 0.0f};
    if constexpr (Norms::kKind != Norm::None)
      normalizeQuads<K, Norms>(
          v, fours, norm.epsilon, [&](int j) { return isInput(j, begin); },
          [&](float sum, int i) {
            return reduceWarps<Sum, kWarps>(sum, scratch[i]);
          });
    if constexpr (Norms::kKeeps)
      if (norm.keeps() && token() < tokens)
#pragma unroll
        for (int j = 0; j < kQuads; ++j)
          if (isInput(j, begin))
            norm.keep(begin + 4 * quad(j), v[j]);
    float absmax = 0.0f;
#pragma unroll
    for (int j = 0; j < kQuads; ++j)
      absmax = fmaxf(absmax, largestOf(v[j]));
    const float scale =
        columnScale(reduceWarps<Max, kWarps>(absmax, scratch[2]));
    const float inverse = inverseOfPower(scale);
#pragma unroll
    for (int j = 0; j < kQuads; ++j)
      if (isColumn(j))
        columns[C::piece(4 * quad(j), token())] = pieceOf<S>(v[j], inverse);
    scales[token()] = scale;
    __syncthreads();
  }
};

/// Rows of whole chunks, x 16-byte aligned, at most 8 tokens. `partial` has
/// FewTile::rows() sums for 8 tokens of each of the splitK blocks of a row and
/// each block of rows. Grid: blocks of `passes` times FewTile::rows() rows
/// (gated: half of them gate rows) × splitK, of kFewWarps warps.
/// Dynamic shared memory: FewTile::sharedBytes() and the table.
template <MatvecFew::Config C>
QZC_DEVICE void matvecFew(const MatvecFew::Args<Value> &a) {
  using Layer = BatchLayer<C.layer>;
  using Staged = typename Layer::Staged;
  using O = OperandsFor<Layer::S, 1>;
  using Norms = InputNorm<C.norm, C.keepsNorm>;
  constexpr FewTile tile = {Staged::kGroups, Staged::kSteps, C.rowTiles,
                            C.warpsN,        C.splitK,       C.passes};
  constexpr int threads = kFewWarps * kWarp;
  constexpr int warpsK = tile.warpsK();
  constexpr int units = tile.units();
  constexpr int depth =
      isLargeBook<Layer::K, Layer::S, Layer::kBlock>() && tile.depth() > 2
          ? 2
          : tile.depth();
  constexpr int sides = Layer::kSides;
  constexpr int perTile = Layer::kPerTile;
  constexpr int perWarp = C.rowTiles * perTile;
  constexpr int outputs = C.warpsN * perWarp; ///< of a pass
  static_assert(C.splitK == 1 || C.passes == 1, "sums of one pass are shared");
  static_assert(outputs / 4 * kTileTokens <= threads, "four for each thread");
  using Stage =
      TokenStage<Layer::K, Layer::S, Layer::kBlock, tile.elementsOfBlock(),
                 Layer::K == C.splitK * tile.elementsOfBlock(), Norms>;

  QZC_DYNAMIC_SHARED(shared);
  __shared__ float columnScales[kTileTokens];
  __shared__ int lastFlag;
  auto *columns = reinterpret_cast<uint4 *>(shared);
  auto *sumsOfPass = reinterpret_cast<float *>(shared) +
                     (C.passes > 1 ? tile.columnBytes() / 4 : 0);
  char *table = reinterpret_cast<char *>(shared) + tile.sharedBytes();

  launchDependents();
  const auto place = BatchPlace<C.warpsN>::of(tile, blockIdx.y);
  const int firstElement = place.firstGroup * 4 * Layer::W::kPerChunk;
  const int firstRow = blockIdx.x * (C.passes * outputs); ///< of the outputs
  const Norms norm = {a.norm, C.keepsNorm && blockIdx.x == 0
                                  ? rowOf(a.kept, Stage::token())
                                  : nullptr};

  const typename Layer::Parts parts = {a.layer};
  using Unit = typename Layer::Pair[C.rowTiles];
  auto rowsOf = [&](int pass, int r) {
    return Layer::TileRows::find(
        parts, firstRow + pass * outputs + place.warpN * perWarp + r * perTile,
        place.lane);
  };
  typename Layer::TileRows firstRows[C.rowTiles];
#pragma unroll
  for (int r = 0; r < C.rowTiles; ++r)
    firstRows[r] = rowsOf(0, r);
  // Slots of the ring that a pass takes; those beyond its units are empty.
  constexpr int slots = (units + depth - 1) / depth * depth;
  auto load = [&](Unit &unit, int pass, int slot) {
    if (slot >= slots) {
      slot -= slots;
      ++pass;
    }
    const int group = place.firstGroup + place.warpK + slot * warpsK;
    if (group >= place.endGroup || pass >= C.passes)
      return;
#pragma unroll
    for (int r = 0; r < C.rowTiles; ++r)
      unit[r] = (C.passes == 1 ? firstRows[r] : rowsOf(pass, r))
                    .load(group, place.lane);
  };
  Unit ring[depth];
#pragma unroll
  for (int d = 0; d < depth; ++d)
    load(ring[d], 0, d);
  // This thread finishes four outputs of a token in each pass; what that takes
  // is loaded a pass ahead.
  const int token = threadIdx.x / (outputs / 4);
  const int four = threadIdx.x % (outputs / 4) * 4;
  RowEnd<C.layer> ends[sides][4];
  float added[4];
  auto prepareRows = [&](int pass) {
#pragma unroll
    for (int e = 0; e < 4; ++e)
#pragma unroll
      for (int side = 0; side < sides; ++side)
        ends[side][e] = RowEnd<C.layer>::load(
            parts.find(firstRow + pass * outputs + four + e, side));
  };
  auto prepareResidual = [&](int pass, int tokens) {
    const int n = firstRow + pass * outputs + four;
#pragma unroll
    for (int e = 0; e < 4; ++e) {
      added[e] = 0.0f;
      if (C.layer.end.residual && token < tokens && n + e < Layer::kOutputs)
        added[e] =
            a.layer.residual
                .first[static_cast<long long>(token) * a.layer.residual.stride +
                       n + e];
    }
  };
  prepareRows(0);
  Stage stage;
  stage.prepare(norm, firstElement);
  O::fill(table, threadIdx.x, threads);
  const int tokens = min(a.state->tokens, kTileTokens);
  waitForDependencies();
  prepareResidual(0, tokens);
  stage.run(columns, columnScales, a.x.first, a.x.stride, tokens, firstElement,
            norm);

  auto finish = [&](int pass, const float *passSums) {
    const int n = firstRow + pass * outputs + four;
    const bool isOutput = token < tokens && n < Layer::kOutputs;
    float4 sums[sides];
    if (isOutput) {
      const float scale = columnScales[token];
#pragma unroll
      for (int side = 0; side < sides; ++side) {
        const float4 sum = joinWarps<warpsK>(
            passSums + token * tile.sumStride() + four / perTile * kTileRows +
                four % perTile + side * perTile,
            kTileTokens * tile.sumStride());
        sums[side] = {sum.x * scale, sum.y * scale, sum.z * scale,
                      sum.w * scale};
      }
    }
    if constexpr (C.splitK > 1) {
      constexpr int items = outputs / 4 * kTileTokens;
      auto *partials =
          reinterpret_cast<float4 *>(a.partial) +
          static_cast<long long>(blockIdx.x) * (C.splitK * sides * items) +
          threadIdx.x;
      if (isOutput)
#pragma unroll
        for (int side = 0; side < sides; ++side)
          partials[(blockIdx.y * sides + side) * items] = sums[side];
      if (!arriveLast(&a.state->counters[blockIdx.x], C.splitK, &lastFlag))
        return;
      if (isOutput)
#pragma unroll
        for (int side = 0; side < sides; ++side)
          sums[side] =
              joinBlocks<C.splitK>(partials + side * items, sides * items);
    }
    if (isOutput)
#pragma unroll
      for (int e = 0; e < 4; ++e) {
        float y[sides];
#pragma unroll
        for (int side = 0; side < sides; ++side)
          y[side] = ends[side][e].of((&sums[side].x)[e]);
        if (n + e < Layer::kOutputs)
          a.layer.out.first[static_cast<long long>(token) * a.layer.out.stride +
                            n + e] = outputOf<C.layer>(y) + added[e];
      }
    if (pass + 1 < C.passes) {
      prepareRows(pass + 1);
      prepareResidual(pass + 1, tokens);
    }
  };

#pragma unroll 1
  for (int pass = 0; pass < C.passes; ++pass) {
    float sums[C.rowTiles][1][4] = {};
#pragma unroll 1
    for (int first = 0; first < slots; first += depth) {
#pragma unroll
      for (int d = 0; d < depth; ++d) {
        const int group = place.warpK + (first + d) * warpsK;
        if (place.firstGroup + group < place.endGroup)
          multiplyGroup<Layer::K, Layer::S, Layer::kBlock, C.rowTiles, 1>(
              sums, ring[d], columns + group * (Staged::kSteps * 32), 0, table,
              place.lane);
        load(ring[d], pass, first + d + depth);
      }
    }
    // The sums of the warps that share rows come together.
    float *passSums = sumsOfPass + pass % 2 * tile.sumFloats();
    if constexpr (C.passes == 1)
      __syncthreads();
#pragma unroll
    for (int r = 0; r < C.rowTiles; ++r)
#pragma unroll
      for (int e = 0; e < 4; ++e)
        passSums[(place.warpK * kTileTokens + 2 * (place.lane % 4) + e % 2) *
                     tile.sumStride() +
                 place.warpN * tile.warpRows() + r * kTileRows +
                 place.lane / 4 + e / 2 * 8] = sums[r][0][e];
    __syncthreads();
    finish(pass, passSums);
  }
}

} // namespace qzc::kernels

#endif // QZC_KERNELS_MATVECFEW_CUH
