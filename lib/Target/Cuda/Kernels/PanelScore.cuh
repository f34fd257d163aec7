//===- PanelScore.cuh - Losses without logits: sm_90a ---------------------===//
//
// The vocabulary's GEMM as PanelGemm.cuh has it, of whose logits only what a
// loss is made of leaves a block: of each row the largest of the block's
// columns, the sum of all beside it, and the target's.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_KERNELS_PANELSCORE_CUH
#define QZC_KERNELS_PANELSCORE_CUH

#include "PanelGemm.cuh"
#include "PanelScore.h"

namespace qzc::kernels {

/// A sum of powers of two beside the largest.
struct ScoreSum {
  float top; ///< in base-2 logarithms
  float sum; ///< Σ 2^(x − top)

  /// What is subtracted from exponents: finite where all of them are not.
  QZC_DEVICE static float shift(float top) {
    return top == -QZC_INFINITY ? 0.0f : top;
  }
  QZC_DEVICE static ScoreSum join(ScoreSum a, ScoreSum b) {
    const float top = fmaxf(a.top, b.top);
    return {top, a.sum * powerOfTwo(a.top - shift(top)) +
                     b.sum * powerOfTwo(b.top - shift(top))};
  }
};

/// losses[t] = log Σ exp(logits[t]) − logits[t, targets[t]], of the sums of
/// a row's tiles and the target's logit in base 2. Grid: ceil(T / 8)
/// blocks of 256 threads, a warp a row.
template <JoinScores::Config C>
QZC_DEVICE void joinScores(const JoinScores::Args<Value> &a) {
  launchDependents();
  waitForDependencies();
  const int lane = threadIdx.x % kWarp;
  const int row = blockIdx.x * 8 + threadIdx.x / kWarp;
  if (row >= a.state->rows)
    return;
  const auto *tiles = reinterpret_cast<const float2 *>(a.sums) +
                      static_cast<long long>(row) * C.tiles;
  ScoreSum total = {-QZC_INFINITY, 0.0f};
  for (int i = lane; i < C.tiles; i += kWarp) {
    const float2 tile = tiles[i];
    total = ScoreSum::join(total, {tile.x, tile.y});
  }
#pragma unroll
  for (int offset = 16; offset > 0; offset >>= 1)
    total = ScoreSum::join(total,
                           {__shfl_xor_sync(QZC_FULL_WARP, total.top, offset),
                            __shfl_xor_sync(QZC_FULL_WARP, total.sum, offset)});
  if (lane == 0)
    a.losses[row] =
        (log2f(total.sum) + total.top - a.targetLogits[row]) * (1.0f / kLog2E);
}

#ifdef QZC_HAS_WGMMA

/// Of the rows of a head: sums, tiles from `firstTile` on, and targetLogits, as
/// joinScores takes them. Logits are `scale` · rows · weightsᵀ, with scales of
/// columns and a soft cap where there are such. Grid, threads, shared memory:
/// gemmPanels.
template <ScorePanels::Config C>
QZC_DEVICE void scorePanels(const ScorePanels::Args<Value> &a) {
  constexpr int BN = C.columns;
  const auto find = [&] {
    return PanelOperands{a.rows, a.state->rows, a.weights, a.columns, a.inputs};
  };
  forPanelTile<BN, C.order>(find, [&](const PanelPlace &place,
                                      float(&c)[BN / 8][4], char *) {
    const int warp = threadIdx.x / kWarp;
    const int lane = threadIdx.x % kWarp;
    const int width = place.width;
    if constexpr (C.scale == SumScale::Columns) {
#pragma unroll
      for (int j = 0; j < BN / 8; ++j)
#pragma unroll
        for (int e = 0; e < 2; ++e) {
          const int column = 8 * j + lane % 4 * 2 + e;
          const float scale =
              column < width ? a.scales[place.column + column] : 0.0f;
          c[j][e] *= scale;
          c[j][e + 2] *= scale;
        }
    }

#pragma unroll
    for (int h = 0; h < 2; ++h) {
      const int local = warp * 16 + lane / 4 + 8 * h;
      const int row = place.row + min(local, place.rows - 1);
      float factor = a.rowScales[row] * a.scale * (C.softCap ? 1.0f : kLog2E);
      if constexpr (C.softCap) {
#pragma unroll
        for (int j = 0; j < BN / 8; ++j)
#pragma unroll
          for (int e = 2 * h; e < 2 * h + 2; ++e)
            c[j][e] = cappedScore<true>(c[j][e] * factor, a.cap);
        factor = 1.0f;
      }
      if (width < BN) {
#pragma unroll
        for (int j = 0; j < BN / 8; ++j)
#pragma unroll
          for (int e = 0; e < 2; ++e)
            if (8 * j + e >= width - lane % 4 * 2)
              c[j][2 * h + e] = -QZC_INFINITY;
      }
      const int target =
          a.targets[row] - a.firstColumn - place.column - lane % 4 * 2;
      if (local < place.rows && target >= 0 && target < width - lane % 4 * 2 &&
          target % 8 < 2) {
#pragma unroll
        for (int j = 0; j < BN / 8; ++j)
#pragma unroll
          for (int e = 0; e < 2; ++e)
            if (target == 8 * j + e)
              a.targetLogits[row] = c[j][2 * h + e] * factor;
      }
      float top = -QZC_INFINITY;
#pragma unroll
      for (int j = 0; j < BN / 8; ++j)
        top = fmaxf(top, fmaxf(c[j][2 * h], c[j][2 * h + 1]));
      top = reduceQuad<Max>(top) * factor;
      const float shift = ScoreSum::shift(top);
      float sum = 0.0f;
#pragma unroll
      for (int j = 0; j < BN / 8; ++j)
        sum += powerOfTwo(fmaf(c[j][2 * h], factor, -shift)) +
               powerOfTwo(fmaf(c[j][2 * h + 1], factor, -shift));
      sum = reduceQuad<Sum>(sum);
      if (lane % 4 == 0 && local < place.rows)
        reinterpret_cast<float2 *>(
            a.sums)[static_cast<long long>(row) * C.tiles + a.firstTile +
                    place.column / BN] = {top, sum};
    }
  });
}

#endif // QZC_HAS_WGMMA

} // namespace qzc::kernels

#endif // QZC_KERNELS_PANELSCORE_CUH
