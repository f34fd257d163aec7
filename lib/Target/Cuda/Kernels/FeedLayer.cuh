//===- FeedLayer.cuh - A feed-forward layer in one launch: sm_90a ---------===//
//
// out = W2 · f(W1 · norm(x)) + residual, for one token of each sequence. A
// cluster of blocks takes some outputs of the first layer: its blocks share
// them, give each other what they come to, and share the rows of the second.
// That is a meeting of a cluster in place of a launch. What clusters contribute
// to a row meets in scratch: a block of the cluster that began last adds it up.
//
// Everything shared is dynamic, so that blocks know where the others have it.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_KERNELS_FEEDLAYER_CUH
#define QZC_KERNELS_FEEDLAYER_CUH

#include "FeedLayer.h"
#include "FeedTile.h"
#include "TileRows.cuh"

#ifdef QZC_HAS_WGMMA

namespace qzc::kernels {

/// A block's units, and its rows of the second layer.
template <FeedLayer::Config C, class Norms>
using FeedInputs = typename Choose<
    C.hasTiles,
    TileRows<C.in, C.units, C.blocks, kFeedWarps, Norms, C.addsInput>,
    LaneRows<C.in, C.units, C.blocks, kFeedWarps, Norms>>::Type;
template <FeedLayer::Config C>
using FeedOutputs =
    typename Choose<C.hasTiles,
                    TileOutputs<C.out, C.units, C.blocks, kFeedWarps>,
                    LaneOutputs<C.out, C.units, C.blocks, kFeedWarps>>::Type;

/// What a block has in shared memory.
template <FeedLayer::Config C> struct FeedShared {
  typename FeedOutputs<C>::Inputs units;
  float scratch[32];
  alignas(8) unsigned long long unitsCame; ///< barrier of what blocks send
  bool finishes;                           ///< its rows
};

/// Grid: (clusters × blocks) × T, in clusters of `blocks`. Dynamic shared
/// memory: FeedShared, the staged input.
template <FeedLayer::Config C>
QZC_DEVICE void feedLayer(const FeedLayer::Args<Value> &a) {
  constexpr FeedTile tile = {C.units, C.blocks};
  constexpr int all = MatvecParts<C.in>::outputs();
  constexpr int clusters = (all + C.units - 1) / C.units;
  using Norms = InputNorm<C.norm, C.keepsNorm>;
  using Outputs = FeedOutputs<C>;
  using Shared = FeedShared<C>;
  static_assert(sizeof(Shared) <= 4 * tile.sharedFloats(),
                "the lowering asks for enough");
  QZC_DYNAMIC_SHARED(dynamic);
  Shared &shared = *reinterpret_cast<Shared *>(dynamic);

  // Nobody sends to a block whose barrier is not there.
  const unsigned unitsCame = sharedAddress(&shared.unitsCame);
  if (threadIdx.x == 0) {
    initBarrier(unitsCame, 1);
    publishBarriers();
    expectBytes(unitsCame, C.units * sizeof(float));
  }
  arriveCluster();
  const int block = blockOfCluster();
  const int cluster = blockIdx.x / C.blocks;
  const int token = blockIdx.y;
  const int firstUnit = cluster * C.units;

  const MatvecParts<C.in> parts = {a.in};
  const Norms norm = {
      a.norm, C.keepsNorm && blockIdx.x == 0 ? rowOf(a.kept, token) : nullptr};
  FeedInputs<C, Norms> units(
      reinterpret_cast<char *>(dynamic + (sizeof(Shared) + 15) / 16), block,
      [&](int n, int side, int behind = 0) {
        return parts.find(firstUnit + n, side, behind);
      },
      norm);
  Outputs outputs(a.out, block, firstUnit);
  outputs.prepare();

  waitCluster();
  waitForDependencies();
  const unsigned turn =
      takeTurn(&a.state->counters[token * C.blocks + block], clusters);
  units.load(rowOf(a.x, token));
  units.stage(shared.scratch, norm);
  units.multiply();
  launchDependents();

  // What the last cluster has beyond the last unit is multiplied with zeros.
  units.send([&](int n, float value, int to) {
    storeInCluster(&shared.units.at(n), firstUnit + n < all ? value : 0.0f, to,
                   unitsCame);
  });
  if (threadIdx.x == 0)
    shared.finishes = turn == clusters - 1;
  awaitSent(unitsCame);

  float *partials =
      a.partials + static_cast<long long>(token) * clusters * Outputs::kOutputs;
  outputs.run(partials + cluster * Outputs::kOutputs, shared.units,
              units.inputs());
  if (shared.finishes)
    outputs.template finish<clusters>(
        partials,
        units.template residual<C.addsInput>(rowOf(a.out.residual, token)),
        rowOf(a.out.out, token));
}

} // namespace qzc::kernels

#endif // QZC_HAS_WGMMA

#endif // QZC_KERNELS_FEEDLAYER_CUH
