//===- Columns.cuh - Rows of tokens as columns of tensor cores ------------===//
//
// The inputs of a layer for MatvecBatch.cuh: each the sum of two f16 (of
// bf16 where weights are), times a power of two of its token, in the order in
// which lanes take them as the column operand of mma.m16n8k16. Products are of
// chunks in groups of four, spread over the lanes of a quad so that a product
// is of one scale.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_KERNELS_COLUMNS_CUH
#define QZC_KERNELS_COLUMNS_CUH

#include "BatchTile.h"
#include "Matvec.cuh"
#include "Operands.cuh"

namespace qzc::kernels {

/// How a group of four chunks is spread over the lanes of a quad, and what a
/// product is of: four elements of each lane.
enum class Spread {
  Chunks, ///< lanes have a chunk each, without a scale
  Dealt,  ///< of chunks with scales each lane gets a fourth of each
  Blocks, ///< of two blocks with scales each lane has a fourth of each
};
template <int K, Storage S, int Block> constexpr Spread spreadOf() {
  constexpr bool isBook = S == Storage::Nf4 || S == Storage::Fp4;
  if (isBook && Block % 64 == 0 && K % 64 == 0)
    return Spread::Blocks;
  const bool hasScales =
      S == Storage::Fp8 ? Block != 0
                        : S != Storage::F16 && S != Storage::BF16 &&
                              S != Storage::Int8 && S != Storage::Int8Absmax;
  return hasScales ? Spread::Dealt : Spread::Chunks;
}

/// The columns of K inputs.
template <int K, Storage S, int Block> struct Columns {
  using W = Weights<S, Block>;
  using O = Operands<S>;
  static constexpr Spread kSpread = spreadOf<K, S, Block>();
  static constexpr int kChunks = K / W::kPerChunk;
  static constexpr int kGroups = (kChunks + 3) / 4;
  static constexpr int kGroupElements = 4 * W::kPerChunk;
  /// Products of a group.
  static constexpr int kSteps = W::kPerChunk / 4;
  /// Products of a chunk that is dealt.
  static constexpr int kHalves = W::kPerChunk >= 16 ? W::kPerChunk / 16 : 1;
  static constexpr int kPadded = kGroups * kGroupElements;
  static_assert(K % W::kPerChunk == 0, "rows are whole chunks");

  /// Tokens stand exchanged in steps that are written together, so that their
  /// pieces are in different banks: token t has the place of t ^ turn(step).
  QZC_DEVICE static int turn(int step) {
    return step & (kSpread == Spread::Dealt ? 1 : 3);
  }

  /// Which product has elements i to i + 3, i a multiple of 4, and which of a
  /// quad's lanes.
  struct Place {
    int step, lane;
  };
  QZC_DEVICE static Place place(int i) {
    const int inGroup = i % kGroupElements;
    const int chunk = inGroup / W::kPerChunk;
    const int four = O::order(i % W::kPerChunk) / 4;
    int lane = chunk;
    int step = four;
    if constexpr (kSpread == Spread::Dealt) {
      const bool byTwo = O::kLaneStep == 2;
      const int half = byTwo ? four % 2 : four / 4;
      step = chunk * kHalves + half;
      lane = byTwo ? four / 2 : four % 4;
    }
    if constexpr (kSpread == Spread::Blocks) {
      step = inGroup / 64 * 4 + inGroup % 16 / 4;
      lane = inGroup % 64 / 16;
    }
    return {i / kGroupElements * kSteps + step, lane};
  }

  /// Where these elements of a token are: the piece of 16 bytes, of kGroups ·
  /// kSteps · 32 pieces of a tile of tokens.
  QZC_DEVICE static int piece(int i, int token) {
    const Place at = place(i);
    const int row = token % kTileTokens ^ turn(at.step % kSteps);
    return (at.step * kTileTokens + row) * 4 + at.lane;
  }
};

/// Two values as the sums of two pairs of 16-bit floats that are next to them.
template <Storage S> struct TwoParts {
  unsigned high, low;
  QZC_DEVICE TwoParts(float first, float second) {
    if constexpr (S == Storage::BF16) {
      const BFloat16 highs[2] = {toBFloat16(first), toBFloat16(second)};
      const BFloat16 lows[2] = {toBFloat16(first - toFloat(highs[0])),
                                toBFloat16(second - toFloat(highs[1]))};
      high = highs[0].bits | static_cast<unsigned>(highs[1].bits) << 16;
      low = lows[0].bits | static_cast<unsigned>(lows[1].bits) << 16;
    } else {
      high = packHalves(first, second);
      low = packHalves(first - lowHalf(high), second - highHalf(high));
    }
  }
};

/// The piece of four elements of a token, times `factor`.
template <Storage S> QZC_DEVICE uint4 pieceOf(const float4 &v, float factor) {
  const float elements[4] = {v.x, v.y, v.z, v.w};
  float ordered[4];
  // order() permutes neighbours alike in every four.
#pragma unroll
  for (int i = 0; i < 4; ++i)
    ordered[Operands<S>::order(i) % 4] = elements[i] * factor;
  const TwoParts<S> first(ordered[0], ordered[1]);
  const TwoParts<S> second(ordered[2], ordered[3]);
  return make_uint4(first.high, second.high, first.low, second.low);
}

QZC_DEVICE float largestOf(const float4 &v) {
  return fmaxf(fmaxf(fabsf(v.x), fabsf(v.y)), fmaxf(fabsf(v.z), fabsf(v.w)));
}

/// What inputs up to a magnitude are divided by: puts that in [2^14, 2^15).
QZC_DEVICE float columnScale(float absmax) {
  return powerOfTwoAbove(absmax) * (1.0f / 32768.0f);
}

/// norm(x) of each token as columns for weights of C.weight; scales[t] is
/// columnScale() of token t. x 16-byte aligned. Grid: T blocks.
template <StageColumns::Config C>
QZC_DEVICE void stageColumns(const StageColumns::Args<Value> &a) {
  constexpr int K = C.inputs;
  constexpr Storage S = C.weight.storage;
  using Staged = Columns<K, S, C.weight.block>;
  using Norms = InputNorm<C.norm, C.keepsNorm>;
  using Stage =
      RegisterStage<C.threads, K, Staged::kPadded, Staged::W::kPerChunk, Norms>;
  __shared__ float scratch[32];
  launchDependents();
  const int token = blockIdx.x;
  const Norms norm = {a.norm, C.keepsNorm ? rowOf(a.kept, token) : nullptr};
  Stage stage;
  stage.prepare(norm);
  waitForDependencies();

  float4 v[Stage::kQuads];
  stage.values(v, scratch, rowOf(a.x, token), norm);
  float absmax = 0.0f;
#pragma unroll
  for (int j = 0; j < Stage::kQuads; ++j)
    absmax = fmaxf(absmax, largestOf(v[j]));
  const float scale = columnScale(reduceBlock<Max, C.threads>(absmax, scratch));
  const float inverse = inverseOfPower(scale);
  auto *out = static_cast<uint4 *>(a.columns) +
              token / kTileTokens * (Staged::kGroups * Staged::kSteps * 32);
#pragma unroll
  for (int j = 0; j < Stage::kQuads; ++j)
    if (4 * Stage::quad(j) < Staged::kPadded)
      out[Staged::piece(4 * Stage::quad(j), token)] = pieceOf<S>(v[j], inverse);
  if (threadIdx.x == 0)
    a.scales[token] = scale;
}

} // namespace qzc::kernels

#endif // QZC_KERNELS_COLUMNS_CUH
