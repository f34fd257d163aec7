//===- MatvecFew.cuh - Up to eight tokens through a linear layer ----------===//
//
// What matvecBatch computes, in one launch: each block makes the columns of the
// inputs that its rows are multiplied with, all of them before its products.
// Two warps have a token.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_KERNELS_MATVECFEW_CUH
#define QZC_KERNELS_MATVECFEW_CUH

#include "Products.cuh"
#include "qzc/Target/Cuda/FewTile.h"

namespace qzc::kernels {

/// Makes columns of `Elements` inputs of each token, zero beyond the K that
/// there are, by way of registers. A norm needs all K of them.
template <int K, Storage S, int Block, int Elements, class NormsOfInput>
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
    return (j * kWarps * kWarp + static_cast<int>(threadIdx.x)) -
           token() * (kWarps * kWarp);
  }
  QZC_DEVICE static bool isInput(int j, int begin) {
    return 4 * quad(j) < Elements && begin + 4 * quad(j) < K;
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
          [&](float sum, int i) { return reduceToken<Sum>(sum, scratch[i]); });
    float absmax = 0.0f;
#pragma unroll
    for (int j = 0; j < kQuads; ++j)
      absmax = fmaxf(absmax, largestOf(v[j]));
    const float scale = columnScale(reduceToken<Max>(absmax, scratch[2]));
#pragma unroll
    for (int j = 0; j < kQuads; ++j)
      if (4 * quad(j) < Elements)
        columns[C::piece(4 * quad(j), token())] =
            pieceOf<S>(v[j], 1.0f / scale);
    scales[token()] = scale;
    __syncthreads();
  }

private:
  /// The total of a token's warps, in each of their threads.
  template <class Op>
  QZC_DEVICE static float reduceToken(float v, float (&scratch)[kFewWarps]) {
    v = reduceWarp<Op>(v);
    scratch[threadIdx.x / kWarp] = v;
    __syncthreads();
    float total = scratch[token() * kWarps];
#pragma unroll
    for (int w = 1; w < kWarps; ++w)
      total = Op::join(total, scratch[token() * kWarps + w]);
    return total;
  }
};

/// Rows of whole chunks, x 16-byte aligned, at most 8 tokens. `partial` has
/// warpsN · 16 sums for 8 tokens of each of the splitK blocks of a row and each
/// block of rows. Grid: blocks of `passes` times warpsN tiles of 16 rows
/// (gated: 8 gate rows and their 8 up rows) × splitK, of kFewWarps warps.
/// Dynamic shared memory: FewTile::sharedBytes() and the table.
template <MatvecFew::Config C>
QZC_DEVICE void matvecFew(const MatvecFew::Args<Value> &a) {
  constexpr int K = C.layer.inputs;
  constexpr Storage S = C.layer.weight.storage;
  constexpr int Block = C.layer.weight.block;
  using W = WeightsOf<C.layer.weight>;
  using O = Operands<S>;
  using Staged = Columns<K, S, Block>;
  using Parts = MatvecParts<C.layer>;
  using Norms = InputNorm<C.norm>;
  constexpr FewTile tile = {Staged::kGroups, Staged::kSteps, C.warpsN, C.splitK,
                            C.passes};
  constexpr int threads = kFewWarps * kWarp;
  constexpr int warpsK = tile.warpsK();
  constexpr int units = tile.units();
  constexpr int depth =
      isLargeBook<K, S, Block>() && tile.depth() > 2 ? 2 : tile.depth();
  constexpr int sides = C.layer.gated ? 2 : 1;
  constexpr int perTile = kTileRows / sides;
  constexpr int outputs = C.warpsN * perTile; ///< of a pass
  constexpr int total = Parts::outputs();
  static_assert(C.splitK == 1 || C.passes == 1, "sums of one pass are shared");
  static_assert(outputs / 4 * kTileTokens <= threads, "four for each thread");
  using Stage = TokenStage<K, S, Block, tile.elementsOfBlock(), Norms>;

  QZC_DYNAMIC_SHARED(shared);
  __shared__ float columnScales[kTileTokens];
  __shared__ int lastFlag;
  auto *columns = reinterpret_cast<uint4 *>(shared);
  auto *sumsOfPass = reinterpret_cast<float *>(shared) +
                     (C.passes > 1 ? tile.columnBytes() / 4 : 0);
  char *table = reinterpret_cast<char *>(shared) + tile.sharedBytes();

  launchDependents();
  const int warp = threadIdx.x / kWarp;
  const int warpN = warp % C.warpsN;
  const int warpK = warp / C.warpsN;
  const int lane = threadIdx.x % kWarp;
  const int row = lane / 4;
  const int t = lane % 4;
  const int firstGroup = blockIdx.y * tile.groupsOfBlock();
  const int endGroup = min(firstGroup + tile.groupsOfBlock(), Staged::kGroups);
  const int firstElement = firstGroup * 4 * W::kPerChunk;
  const int firstRow = blockIdx.x * (C.passes * outputs); ///< of the outputs
  const Norms norm = {a.norm};

  const Parts parts = {a.layer};
  using Group = RowGroup<K, S, Block>;
  using Unit = RowPair<K, S, Block>[1];
  struct TwoRows {
    MatvecRow low, high;
  };
  auto rowsOf = [&](int pass) -> TwoRows {
    const int mine = firstRow + pass * outputs + warpN * perTile + row;
    return {parts.find(mine, 0),
            parts.find(C.layer.gated ? mine : mine + 8, sides - 1)};
  };
  const TwoRows firstRows = rowsOf(0);
  // Slots of the ring that a pass takes; those beyond its units are empty.
  constexpr int slots = (units + depth - 1) / depth * depth;
  auto load = [&](Unit &unit, int pass, int slot) {
    if (slot >= slots) {
      slot -= slots;
      ++pass;
    }
    const int group = firstGroup + warpK + slot * warpsK;
    if (group >= endGroup || pass >= C.passes)
      return;
    const TwoRows two = C.passes == 1 ? firstRows : rowsOf(pass);
    unit[0].low = Group::load(two.low, group, t);
    unit[0].high = Group::load(two.high, group, t);
  };
  Unit ring[depth];
#pragma unroll
  for (int d = 0; d < depth; ++d)
    load(ring[d], 0, d);
  // This thread finishes four outputs of a token in each pass; what that takes
  // is loaded a pass ahead.
  const int token = threadIdx.x / (outputs / 4);
  const int four = threadIdx.x % (outputs / 4) * 4;
  float rowScales[sides][4];
  float biases[sides][4];
  float added[4];
  auto prepareRows = [&](int pass) {
#pragma unroll
    for (int e = 0; e < 4; ++e)
#pragma unroll
      for (int side = 0; side < sides; ++side) {
        const MatvecRow p =
            parts.find(firstRow + pass * outputs + four + e, side);
        rowScales[side][e] = W::rowScale(p.scales, p.stored);
        biases[side][e] = 0.0f;
        if constexpr (C.layer.end.hasBias)
          biases[side][e] = element<C.layer.end.bias>(p.bias, p.row);
      }
  };
  auto prepareResidual = [&](int pass, int tokens) {
    const int n = firstRow + pass * outputs + four;
#pragma unroll
    for (int e = 0; e < 4; ++e) {
      added[e] = 0.0f;
      if (C.layer.end.residual && token < tokens && n + e < total)
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
  waitForDependencies();
  const int tokens = min(a.state->tokens, kTileTokens);
  prepareResidual(0, tokens);
  stage.run(columns, columnScales, a.x.first, a.x.stride, tokens, firstElement,
            norm);

  auto finish = [&](int pass, const float *passSums) {
    const int n = firstRow + pass * outputs + four;
    const bool isOutput = token < tokens && n < total;
    float4 sums[sides];
    if (isOutput) {
      const float scale = columnScales[token];
#pragma unroll
      for (int side = 0; side < sides; ++side) {
        const float *from = passSums + token * tile.sumStride() +
                            four / perTile * kTileRows + four % perTile +
                            side * perTile;
        float4 sum = *reinterpret_cast<const float4 *>(from);
#pragma unroll
        for (int w = 1; w < warpsK; ++w)
          add(sum, *reinterpret_cast<const float4 *>(
                       from + w * kTileTokens * tile.sumStride()));
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
        for (int side = 0; side < sides; ++side) {
          float4 all[C.splitK];
#pragma unroll
          for (int i = 0; i < C.splitK; ++i)
            all[i] = __ldcg(partials + (i * sides + side) * items);
          sums[side] = all[0];
#pragma unroll
          for (int i = 1; i < C.splitK; ++i)
            add(sums[side], all[i]);
        }
    }
    if (isOutput)
#pragma unroll
      for (int e = 0; e < 4; ++e) {
        float y[sides];
#pragma unroll
        for (int side = 0; side < sides; ++side)
          y[side] = (&sums[side].x)[e] * rowScales[side][e] + biases[side][e];
        float result = activate<C.layer.end.activation>(y[0]);
        if constexpr (C.layer.gated)
          result *= y[1];
        if (n + e < total)
          a.layer.out.first[static_cast<long long>(token) * a.layer.out.stride +
                            n + e] = result + added[e];
      }
    if (pass + 1 < C.passes) {
      prepareRows(pass + 1);
      prepareResidual(pass + 1, tokens);
    }
  };

#pragma unroll 1
  for (int pass = 0; pass < C.passes; ++pass) {
    float sums[1][1][4] = {};
#pragma unroll 1
    for (int first = 0; first < slots; first += depth) {
#pragma unroll
      for (int d = 0; d < depth; ++d) {
        const int group = warpK + (first + d) * warpsK;
        if (firstGroup + group < endGroup)
          multiplyGroup<K, S, Block, 1, 1>(
              sums, ring[d], columns + group * (Staged::kSteps * 32), 0, table,
              lane);
        load(ring[d], pass, first + d + depth);
      }
    }
    // The sums of the warps that share rows come together.
    float *passSums = sumsOfPass + pass % 2 * tile.sumFloats();
    if constexpr (C.passes == 1)
      __syncthreads();
#pragma unroll
    for (int e = 0; e < 4; ++e)
      passSums[(warpK * kTileTokens + 2 * t + e % 2) * tile.sumStride() +
               warpN * kTileRows + row + e / 2 * 8] = sums[0][0][e];
    __syncthreads();
    finish(pass, passSums);
  }
}

} // namespace qzc::kernels

#endif // QZC_KERNELS_MATVECFEW_CUH
