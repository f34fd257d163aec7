//===- PanelPipeline.cuh - Products of panels, one behind another: sm_90a -===//
//
// What multiplyPanelGroup adds, of groups that follow each other: the next one
// is loaded, and its first operands are made, while the last products of the
// one before run.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_KERNELS_PANELPIPELINE_CUH
#define QZC_KERNELS_PANELPIPELINE_CUH

#include "PanelColumns.cuh"

#ifdef QZC_HAS_WGMMA

namespace qzc::kernels {

/// Sums of a warp's 16 rows and 32 tokens.
template <int K, Storage S, int Block> class PanelPipeline {
  using C = Columns<K, S, Block>;
  static_assert(!Weights<S, Block>::kAffine, "sums of inputs are not made");
  static_assert(S != Storage::BF16, "f16 only");
  static constexpr int kSteps = C::kSteps;
  static constexpr int kOfScale = kStepsOfScale<C>;
  static constexpr int kTerms = Operands<S>::kTerms;
  /// Steps whose products begin at once. Operands of code books, which take
  /// twice the registers, are made while other warpgroups' products run, those
  /// of other storages while their own do.
  static constexpr int kAtOnce = kTerms > 1 ? 4 : kOfScale < 2 ? 1 : 2;
  static constexpr int kBuffers = kTerms > 1 ? 1 : 2;
  static constexpr int kRounds = kSteps / kAtOnce;
  static_assert(kOfScale % kAtOnce == 0 && kRounds % kBuffers == 0,
                "whole rounds, buffers in turn");

  float sums[kPanelTiles][4] = {};
  float products[kPanelTiles][4] = {}; ///< of one scale, under way
  float scales[2] = {};                ///< of these
  unsigned a[kBuffers][kAtOnce][kTerms][4];

  QZC_DEVICE void settle() {
    waitForProducts<0>();
#pragma unroll
    for (int tile = 0; tile < kPanelTiles; ++tile)
      changedByProducts(products[tile]);
    addTimes(
        sums, [&](int tile, int e) { return products[tile][e]; }, scales[0],
        scales[1]);
  }

public:
  /// Adds the products of a group's four chunks, `rows`, and of the columns
  /// whose panels begin at the shared address `columns`. All warps of a
  /// warpgroup.
  QZC_DEVICE void add(const RowPair<K, S, Block> &rows, unsigned columns,
                      const void *table, int lane) {
    RowOperands<K, S, Block> operands;
    operands.set(rows, lane % 4);
    // One lane's: descriptors are of a warp.
    const unsigned long long panels =
        matrixDescriptor(__shfl_sync(QZC_FULL_WARP, columns, 0));
#pragma unroll
    for (int round = 0; round < kRounds; ++round) {
      auto &mine = a[round % kBuffers];
      const bool isOfNext = round * kAtOnce % kOfScale == 0;
      // Whose operands are made anew is done.
      if (kBuffers == 1 && isOfNext)
        settle();
      else
        waitForProducts<kBuffers - 1>();
#pragma unroll
      for (int i = 0; i < kAtOnce; ++i)
        operands.template operand<kPanelTiles>(mine[i], round * kAtOnce + i,
                                               table);
      if (kBuffers > 1 && isOfNext)
        settle();
      if (isOfNext) {
        scales[0] = operands.scale(false, round * kAtOnce / kOfScale);
        scales[1] = operands.scale(true, round * kAtOnce / kOfScale);
      }
      beginProducts();
#pragma unroll
      for (int i = 0; i < kAtOnce; ++i)
        multiplyPanelStep<kOfScale>(products, mine[i], panels,
                                    round * kAtOnce + i);
      commitProducts();
    }
  }
  /// Moves the sums of all groups since the last time to `to`.
  QZC_DEVICE void take(float (&to)[kPanelTiles][4]) {
    settle();
#pragma unroll
    for (int tile = 0; tile < kPanelTiles; ++tile)
#pragma unroll
      for (int e = 0; e < 4; ++e) {
        to[tile][e] = sums[tile][e];
        sums[tile][e] = products[tile][e] = 0.0f;
      }
  }
};

} // namespace qzc::kernels

#endif // QZC_HAS_WGMMA

#endif // QZC_KERNELS_PANELPIPELINE_CUH
