//===- Columns.cuh - Rows of tokens as columns of tensor cores ------------===//
//
// The inputs of a layer for MatvecBatch.cuh: each the sum of two f16 (of
// bf16 where weights are), times a power of two of its token, in the order in
// which lanes take them as the column operand of mma.m16n8k16. Products are of
// chunks in groups of four. Where chunks have scales, a product is of 16
// elements of one of them, dealt to all lanes of a quad; else each lane of a
// quad takes the elements of a chunk of its own.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_KERNELS_COLUMNS_CUH
#define QZC_KERNELS_COLUMNS_CUH

#include "Matvec.cuh"
#include "Operands.cuh"
#include "qzc/Target/Cuda/BatchTile.h"

namespace qzc::kernels {

/// Whether chunks have scales of their own.
template <Storage S, int Block> constexpr bool hasChunkScales() {
  if (S == Storage::Fp8)
    return Block != 0;
  return S != Storage::F16 && S != Storage::BF16 && S != Storage::Int8 &&
         S != Storage::Int8Absmax;
}

/// The columns of K inputs.
template <int K, Storage S, int Block> struct Columns {
  using W = Weights<S, Block>;
  using O = Operands<S>;
  static constexpr bool kShared = hasChunkScales<S, Block>();
  static constexpr int kChunks = K / W::kPerChunk;
  static constexpr int kGroups = (kChunks + 3) / 4;
  /// Products of a group.
  static constexpr int kSteps = W::kPerChunk / 4;
  /// Products of a chunk that all lanes share.
  static constexpr int kHalves = W::kPerChunk >= 16 ? W::kPerChunk / 16 : 1;
  static constexpr int kPadded = kGroups * 4 * W::kPerChunk;
  static_assert(K % W::kPerChunk == 0, "rows are whole chunks");

  /// Where elements i to i + 3 of a token are, i a multiple of 4: the piece of
  /// 16 bytes, of kGroups · kSteps · 32 pieces of a tile of tokens.
  QZC_DEVICE static int piece(int i, int token) {
    const int chunk = i / W::kPerChunk;
    const int four = O::order(i % W::kPerChunk) / 4;
    int lane = chunk % 4;
    int step = four;
    if constexpr (kShared) {
      const bool byTwo = O::kLaneStep == 2;
      const int half = byTwo ? four % 2 : four / 4;
      step = lane * kHalves + half;
      lane = byTwo ? four / 2 : four % 4;
    }
    return ((chunk / 4 * kSteps + step) * 8 + token % kTileTokens) * 4 + lane;
  }
};

/// The bits of the sum of two 16-bit floats that is next to v.
template <Storage S> struct TwoParts {
  unsigned short high, low;
  QZC_DEVICE explicit TwoParts(float v) {
    if constexpr (S == Storage::BF16) {
      const BFloat16 first = toBFloat16(v);
      high = first.bits;
      low = toBFloat16(v - toFloat(first)).bits;
    } else {
      const Half first = toHalf(v);
      high = first.bits;
      low = toHalf(v - toFloat(first)).bits;
    }
  }
};

/// norm(x) of each token as columns for weights of storage S; scales[t] puts
/// token t's largest magnitude in [2^14, 2^15). x 16-byte aligned. Grid: T
/// blocks.
template <int K, Storage S, int Block, int Threads, Norm NormKind,
          Storage NormStorage, bool UnitOffset, bool NormWeight, bool NormBias>
QZC_DEVICE void stageColumns(const float *x, int xStride,
                             const void *normWeight, const void *normBias,
                             float epsilon, void *columns, float *scales) {
  using C = Columns<K, S, Block>;
  using Norms =
      InputNorm<NormKind, NormStorage, UnitOffset, NormWeight, NormBias>;
  using Stage = RegisterStage<Threads, K, C::kPadded, C::W::kPerChunk, Norms>;
  __shared__ float scratch[32];
  launchDependents();
  const int token = blockIdx.x;
  const Norms norm = {normWeight, normBias, epsilon};
  Stage stage;
  stage.prepare(norm);
  waitForDependencies();

  float4 v[Stage::kQuads];
  stage.values(v, scratch, x + static_cast<long long>(token) * xStride, norm);
  float absmax = 0.0f;
#pragma unroll
  for (int j = 0; j < Stage::kQuads; ++j)
    absmax = fmaxf(fmaxf(absmax, fmaxf(fabsf(v[j].x), fabsf(v[j].y))),
                   fmaxf(fabsf(v[j].z), fabsf(v[j].w)));
  absmax = reduceBlock<Max, Threads>(absmax, scratch);
  const float power = powerOfTwoAbove(absmax) * (1.0f / 32768.0f);
  const float inverse = 1.0f / power;
  auto *out = static_cast<uint4 *>(columns) +
              token / kTileTokens * (C::kGroups * C::kSteps * 32);
#pragma unroll
  for (int j = 0; j < Stage::kQuads; ++j) {
    const int begin = 4 * Stage::quad(j);
    if (begin >= C::kPadded)
      continue;
    const float elements[4] = {v[j].x, v[j].y, v[j].z, v[j].w};
    unsigned short high[4];
    unsigned short low[4];
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const TwoParts<S> parts(elements[i] * inverse);
      // order() permutes neighbours alike in every four.
      high[C::O::order(i) % 4] = parts.high;
      low[C::O::order(i) % 4] = parts.low;
    }
    auto two = [](unsigned short first, unsigned short second) {
      return first | static_cast<unsigned>(second) << 16;
    };
    out[C::piece(begin, token)] =
        make_uint4(two(high[0], high[1]), two(high[2], high[3]),
                   two(low[0], low[1]), two(low[2], low[3]));
  }
  if (threadIdx.x == 0)
    scales[token] = power;
}

} // namespace qzc::kernels

#endif // QZC_KERNELS_COLUMNS_CUH
