//===- PanelColumns.cuh - Columns that warpgroups multiply: sm_90a --------===//
//
// The inputs of 32 tokens in panels of four products, which warpgroups take
// from shared memory as they are, and products of weights in registers with
// them: 64 rows of a layer for each warpgroup.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_KERNELS_PANELCOLUMNS_CUH
#define QZC_KERNELS_PANELCOLUMNS_CUH

#include "ClusterTile.h"
#include "Hopper.cuh"
#include "Products.cuh"

#ifdef QZC_HAS_WGMMA

namespace qzc::kernels {

/// Products of a panel; bytes of its high parts, which the rests follow.
constexpr int kPanelSteps = 4;
constexpr int kPanelPartBytes = kPanelTiles * kTileTokens * 128;

/// Puts the piece of four elements of a token at `place` in its panel: high
/// parts, then rests. `columns` is a multiple of 1,024.
template <class Place>
QZC_DEVICE void putInPanel(char *columns, const Place &place, int token,
                           const uint4 &piece) {
  char *panel =
      columns + place.step / kPanelSteps * (2 * kPanelPartBytes) + token * 128;
  // Pieces of 16 bytes as matrixDescriptor() has them.
  const int first =
      (place.step % kPanelSteps * 32 + place.lane * 4) ^ token % 8 * 16;
  *reinterpret_cast<unsigned *>(panel + first) = piece.x;
  *reinterpret_cast<unsigned *>(panel + (first ^ 16)) = piece.y;
  panel += kPanelPartBytes;
  *reinterpret_cast<unsigned *>(panel + first) = piece.z;
  *reinterpret_cast<unsigned *>(panel + (first ^ 16)) = piece.w;
}

/// Steps of a group whose products share a scale.
template <class C>
constexpr int kStepsOfScale = C::kSpread == Spread::Dealt    ? C::kHalves
                              : C::kSpread == Spread::Blocks ? 4
                                                             : C::kSteps;

/// Begins the products of a group's step number `step`, the first of their
/// scale where OfScale divides it, with the columns of its panels.
template <int OfScale, int Terms>
QZC_DEVICE void multiplyPanelStep(float (&products)[kPanelTiles][4],
                                  const unsigned (&rows)[Terms][4],
                                  unsigned long long panels, int step) {
  const unsigned long long high =
      panels +
      ((step / kPanelSteps * (2 * kPanelPartBytes) + step % kPanelSteps * 32) >>
       4);
  const unsigned long long rest = high + (kPanelPartBytes >> 4);
  if (step % OfScale == 0)
    multiplyRows<false>(products, rows[0], high);
  else
    multiplyRows<true>(products, rows[0], high);
  multiplyRows<true>(products, rows[0], rest);
  // Of two rests less than 2^-22 of the product is lost.
  if constexpr (Terms > 1)
    multiplyRows<true>(products, rows[1], high);
}

/// Adds the products of a group's four chunks, `rows`, and of the columns whose
/// panels begin at the shared address `columns` to the sums of a warp's 16 rows
/// and 32 tokens. All warps of a warpgroup.
template <int K, Storage S, int Block>
QZC_DEVICE void multiplyPanelGroup(float (&sums)[kPanelTiles][4],
                                   const RowPair<K, S, Block> &rows,
                                   unsigned columns, const void *table,
                                   int lane) {
  using C = Columns<K, S, Block>;
  static_assert(!Weights<S, Block>::kAffine, "sums of inputs are not made");
  static_assert(S != Storage::BF16, "f16 only");
  constexpr int steps = C::kSteps;
  constexpr int ofScale = kStepsOfScale<C>;
  constexpr int terms = Operands<S>::kTerms;
  // Operands of so many steps are made while products with the ones before
  // run.
  constexpr int atOnce = ofScale < 2 ? 1 : 2;
  static_assert(steps % atOnce == 0 && ofScale % atOnce == 0, "whole rounds");

  RowOperands<K, S, Block> operands;
  operands.set(rows, lane % 4);
  // One lane's: descriptors are of a warp.
  const unsigned long long panels =
      matrixDescriptor(__shfl_sync(QZC_FULL_WARP, columns, 0));
  unsigned a[2][atOnce][terms][4];
  float products[kPanelTiles][4] = {};
  auto settle = [&](int scale) {
    waitForProducts<0>();
#pragma unroll
    for (int tile = 0; tile < kPanelTiles; ++tile)
      changedByProducts(products[tile]);
    addTimes(
        sums, [&](int tile, int e) { return products[tile][e]; },
        operands.scale(false, scale), operands.scale(true, scale));
  };
#pragma unroll
  for (int round = 0; round < steps / atOnce; ++round) {
    auto &mine = a[round % 2];
    if (round > 1 && round * atOnce % ofScale != atOnce)
      waitForProducts<1>();
#pragma unroll
    for (int i = 0; i < atOnce; ++i)
      operands.template operand<kPanelTiles>(mine[i], round * atOnce + i,
                                             table);
    if (round > 0 && round * atOnce % ofScale == 0)
      settle(round * atOnce / ofScale - 1);
    beginProducts();
#pragma unroll
    for (int i = 0; i < atOnce; ++i)
      multiplyPanelStep<ofScale>(products, mine[i], panels, round * atOnce + i);
    commitProducts();
  }
  settle(steps / ofScale - 1);
}

} // namespace qzc::kernels

#endif // QZC_HAS_WGMMA

#endif // QZC_KERNELS_PANELCOLUMNS_CUH
