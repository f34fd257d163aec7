//===- SliceStage.cuh - A part of the inputs as columns: sm_90a -----------===//
//
// What a block of a cluster makes of its part of a layer's inputs. The factor
// of their norm, which hangs on all parts, comes later: each block finds its
// part of the squares.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_KERNELS_SLICESTAGE_CUH
#define QZC_KERNELS_SLICESTAGE_CUH

#include "PanelColumns.cuh"

#ifdef QZC_HAS_WGMMA

namespace qzc::kernels {

/// How many of a thread's tokens, a power of two, are made at once, of `quads`
/// quads each: registers are few.
constexpr int tokensAtOnce(int tokens, int quads) {
  while (tokens > 1 && tokens * quads > 16)
    tokens /= 2;
  return tokens;
}

/// Makes columns of `Elements` inputs of each of `Tokens` tokens, zero beyond
/// the K that there are, without the factor of their norm. Some warps share a
/// token, or one has several.
template <int K, Storage S, int Block, int Elements, int Tokens, int Blocks,
          int Warps, class NormsOfInput>
struct SliceStage {
  using Norms = NormsOfInput;
  using C = Columns<K, S, Block>;
  static constexpr bool kIsNormed = Norms::kKind != Norm::None;
  static constexpr int kWarps = Warps > Tokens ? Warps / Tokens : 1;
  static constexpr int kThreads = kWarps * kWarp; ///< of a token
  static constexpr int kQuads = (Elements + 4 * kThreads - 1) / (4 * kThreads);
  static constexpr int kOwn = Tokens * kWarps / Warps; ///< tokens of a thread
  static constexpr int kAtOnce = tokensAtOnce(kOwn, kQuads);
  static_assert(Norms::kKind != Norm::Layer, "a mean is of whole rows");
  static_assert(kOwn % kAtOnce == 0, "tokens of a thread are shared evenly");
  /// Of the tokens, in shared memory.
  struct Found {
    float scales[Tokens];
    float squares[Tokens]; ///< sums of inputs' squares, where normed
    float scratch[2][Warps];
  };
  typename Norms::Four fours[kQuads];

  /// This thread's token number `own`.
  QZC_DEVICE static int token(int own) {
    return static_cast<int>(threadIdx.x) / kThreads + own * (Warps / kWarps);
  }
  /// Number of this thread's quad j in the block's range.
  QZC_DEVICE static int quad(int j) {
    return j * kThreads + static_cast<int>(threadIdx.x) % kThreads;
  }
  QZC_DEVICE static bool isColumn(int j) {
    return Elements % (4 * kThreads) == 0 || 4 * quad(j) < Elements;
  }
  QZC_DEVICE static bool isInput(int j, int begin) {
    return isColumn(j) && (K == Blocks * Elements || begin + 4 * quad(j) < K);
  }

  QZC_DEVICE void prepare(const Norms &norm, int begin) {
#pragma unroll
    for (int j = 0; j < kQuads; ++j)
      if (isInput(j, begin))
        fours[j].load(norm, begin + 4 * quad(j));
  }
  /// Elements begin … begin + Elements − 1 of `tokens` tokens, the first of
  /// which is at x, times their scales. All threads; ends with a barrier.
  QZC_DEVICE void run(uint4 *columns, Found &found, const float *x, int xStride,
                      int tokens, int begin) const {
#pragma unroll 1
    for (int first = 0; first < kOwn; first += kAtOnce) {
      float4 v[kAtOnce][kQuads];
#pragma unroll
      for (int n = 0; n < kAtOnce; ++n) {
        const int of = token(first + n);
        const float *row = x + static_cast<long long>(of) * xStride + begin;
#pragma unroll
        for (int j = 0; j < kQuads; ++j)
          v[n][j] = of < tokens && isInput(j, begin)
                        ? *reinterpret_cast<const float4 *>(row + 4 * quad(j))
                        : float4{0.0f, 0.0f, 0.0f, 0.0f};
      }
#pragma unroll
      for (int n = 0; n < kAtOnce; ++n)
        put(columns, found, v[n], token(first + n), begin);
    }
    if constexpr (Tokens > kTileTokens)
      publishTiles();
    __syncthreads();
  }

  /// What a token's sums are multiplied with, by the squares that all blocks
  /// have found.
  QZC_DEVICE static float factorOf(const float (&squares)[Blocks][Tokens],
                                   int token, float epsilon) {
    if constexpr (!kIsNormed)
      return 1.0f;
    float square = squares[0][token];
#pragma unroll
    for (int b = 1; b < Blocks; ++b)
      square += squares[b][token];
    return 1.0f / sqrtf(square / K + epsilon);
  }

private:
  /// Columns of one token, whose inputs are `v`.
  QZC_DEVICE void put(uint4 *columns, Found &found, float4 (&v)[kQuads], int of,
                      int begin) const {
    if constexpr (kIsNormed) {
      float square = 0.0f;
#pragma unroll
      for (int j = 0; j < kQuads; ++j) {
        square += (v[j].x * v[j].x + v[j].y * v[j].y) +
                  (v[j].z * v[j].z + v[j].w * v[j].w);
        if (isInput(j, begin))
          fours[j].apply(v[j], 1.0f);
      }
      found.squares[of] = reduceWarps<Sum, kWarps>(square, found.scratch[0]);
    }
    float absmax = 0.0f;
#pragma unroll
    for (int j = 0; j < kQuads; ++j)
      absmax = fmaxf(absmax, largestOf(v[j]));
    const float scale =
        columnScale(reduceWarps<Max, kWarps>(absmax, found.scratch[1]));
    const float inverse = inverseOfPower(scale);
#pragma unroll
    for (int j = 0; j < kQuads; ++j)
      if (isColumn(j)) {
        const uint4 piece = pieceOf<S>(v[j], inverse);
        if constexpr (Tokens > kTileTokens)
          putInPanel(reinterpret_cast<char *>(columns), C::place(4 * quad(j)),
                     of, piece);
        else
          columns[C::piece(4 * quad(j), of)] = piece;
      }
    found.scales[of] = scale;
  }
};

} // namespace qzc::kernels

#endif // QZC_HAS_WGMMA

#endif // QZC_KERNELS_SLICESTAGE_CUH
