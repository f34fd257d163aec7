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

#include "ClusterLayer.cuh"
#include "FeedLayer.h"
#include "FeedTile.h"

#ifdef QZC_HAS_WGMMA

namespace qzc::kernels {

/// What a block has in shared memory.
template <FeedLayer::Config C> struct FeedShared {
  ClusterColumns<C.out, C.units> units;
  float scratch[32];
  alignas(8) unsigned long long unitsCame; ///< barrier of what blocks send
  bool finishes;                           ///< its rows
};

/// Grid: (clusters × blocks) × T, in clusters of `blocks`. Dynamic shared
/// memory: FeedShared, the staged input.
template <FeedLayer::Config C>
QZC_DEVICE void feedLayer(const FeedLayer::Args<Value> &a) {
  constexpr int threads = kFeedWarps * kWarp;
  constexpr FeedTile tile = {C.units, C.blocks};
  constexpr int all = MatvecParts<C.in>::outputs();
  constexpr int clusters = (all + C.units - 1) / C.units;
  constexpr int sides = sidesOf(C.in);
  constexpr int perWarp = tile.unitsOfWarp();
  using Norms = InputNorm<C.norm, C.keepsNorm>;
  using Rows = WarpRows<C.in, sides * perWarp>;
  using Outputs = LaneOutputs<C.out, C.units, C.blocks, kFeedWarps>;
  using Shared = FeedShared<C>;
  constexpr int perChunk = Rows::W::kPerChunk;
  static_assert(sizeof(Shared) <= 4 * tile.sharedFloats(),
                "the lowering asks for enough");
  QZC_DYNAMIC_SHARED(dynamic);
  Shared &shared = *reinterpret_cast<Shared *>(dynamic);
  float4 *staged = dynamic + (sizeof(Shared) + 15) / 16;

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
  const int lane = threadIdx.x % kWarp;
  const int firstOfWarp = (block * kFeedWarps + warpOfBlock()) * perWarp;
  const int firstUnit = cluster * C.units;

  // Gated: a warp has the gate rows first, then the up rows.
  const MatvecParts<C.in> parts = {a.in};
  Rows rows([&](int r) {
    return parts.find(firstUnit + firstOfWarp + r % perWarp, r / perWarp);
  });
  // Lane r finishes unit r, for one block after the other.
  const int mine = firstOfWarp + lane % perWarp;
  RowEnd<C.in> ends[sides];
#pragma unroll
  for (int side = 0; side < sides; ++side)
    ends[side] = RowEnd<C.in>::load(parts.find(firstUnit + mine, side));
  const Norms norm = {
      a.norm, C.keepsNorm && blockIdx.x == 0 ? rowOf(a.kept, token) : nullptr};
  RegisterStage<threads, Rows::K, Rows::kPadded, perChunk, Norms> stage;
  stage.prepare(norm);
  Outputs outputs(a.out, block, firstUnit);
  outputs.prepare();

  waitCluster();
  waitForDependencies();
  const unsigned turn =
      takeTurn(&a.state->counters[token * C.blocks + block], clusters);
  stage.run(staged, shared.scratch, rowOf(a.x, token), norm);
  float sums[sides * perWarp];
  rows.dot(sums, staged);
  launchDependents();

  float y[sides];
#pragma unroll
  for (int r = 0; r < sides * perWarp; ++r) {
    const float sum = reduceWarp<Sum>(sums[r]);
    if (lane % perWarp == r % perWarp)
      y[r / perWarp] = ends[r / perWarp].of(sum);
  }
  // What the last cluster has beyond the last unit is multiplied with zeros.
  const float unit = firstUnit + mine < all ? outputOf<C.in>(y) : 0.0f;
  constexpr int atOnce = kWarp / perWarp;
  if (lane < atOnce * perWarp && mine < C.units)
    for (int to = lane / perWarp; to < C.blocks; to += atOnce)
      storeInCluster(&shared.units.at(mine), unit, to, unitsCame);
  if (threadIdx.x == 0)
    shared.finishes = turn == clusters - 1;
  awaitSent(unitsCame);

  float *partials =
      a.partials + static_cast<long long>(token) * clusters * Outputs::kOutputs;
  outputs.run(partials + cluster * Outputs::kOutputs, shared.units);
  if (shared.finishes)
    outputs.template finish<clusters>(
        partials,
        residualOf<C.addsInput, perChunk>(staged, rowOf(a.out.residual, token)),
        rowOf(a.out.out, token));
}

} // namespace qzc::kernels

#endif // QZC_HAS_WGMMA

#endif // QZC_KERNELS_FEEDLAYER_CUH
