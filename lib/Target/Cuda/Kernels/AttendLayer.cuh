//===- AttendLayer.cuh - q, k, v, attention and o in one launch: sm_90a ---===//
//
// out = o(attention(q, k, v of norm(x))) + residual, for one token of each
// sequence. A cluster of blocks takes a few heads of one kv head: its blocks
// share the rows of q, k and v, give each other what these come to, share the
// positions of the cache, give each other their sums, and share the rows of o.
// That is two meetings of a cluster in place of two launches. What heads
// contribute to a row of o meets in scratch: a block of the cluster that began
// last adds it up, in the order of the heads. Where the residual is norm(x), as
// with norms behind the additions, that block has it: all stage the same.
//
// Everything shared is dynamic, so that blocks know where the others have it.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_KERNELS_ATTENDLAYER_CUH
#define QZC_KERNELS_ATTENDLAYER_CUH

#include "AttendLayer.h"
#include "AttendTile.h"
#include "NewestHeads.cuh"
#include "TileRows.cuh"

#ifdef QZC_HAS_WGMMA

namespace qzc::kernels {

/// Which row is which, of those of q, k and v that a cluster makes.
template <AttendLayer::Config C> struct AttendRows {
  static constexpr int D = C.attention.headDim;
  static constexpr int kHeads = C.queries * D;
  static constexpr int kOfCluster = kHeads + 2 * D;

  MatvecParts<C.in> parts;
  int firstHead, kvHead;

  /// Row n + behind of the cluster's: of its queries, its key, its value. Of a
  /// tile n is the first.
  QZC_DEVICE MatvecRow operator()(int n, int, int behind = 0) const {
    constexpr int q = C.attention.heads * D;
    constexpr int kv = C.attention.kvHeads * D;
    if constexpr (D % 16 != 0)
      n += behind, behind = 0;
    return parts.find(n < kHeads       ? firstHead * D + n
                      : n < kHeads + D ? q + kvHead * D + n - kHeads
                                       : q + kv + kvHead * D + n - kHeads - D,
                      0, behind);
  }
};

/// A block's rows of q, k and v, and of o.
template <AttendLayer::Config C, class Norms>
using AttendInputs =
    typename Choose<C.hasTiles,
                    TileRows<C.in, AttendRows<C>::kOfCluster, C.blocks,
                             kAttendWarps, Norms, C.addsInput>,
                    LaneRows<C.in, AttendRows<C>::kOfCluster, C.blocks,
                             kAttendWarps, Norms>>::Type;
template <AttendLayer::Config C>
using AttendOutputs = typename Choose<
    C.hasTiles,
    TileOutputs<C.out, AttendRows<C>::kHeads, C.blocks, kAttendWarps>,
    LaneOutputs<C.out, AttendRows<C>::kHeads, C.blocks, kAttendWarps>>::Type;

/// What a block has in shared memory.
template <class Cache, AttendLayer::Config C> struct AttendShared {
  static constexpr int D = C.attention.headDim;
  static constexpr AttendTile kTile = {C.queries, C.blocks};
  using Record = float[C.queries][D + 2];

  typename AttendOutputs<C>::Inputs attended; ///< heads
  alignas(16) Cache latest[2][HeadLanes<D>::kPadded];
  alignas(16) float queries[C.queries * HeadLanes<D>::kPadded];
  float heads[(C.queries + 2) * D]; ///< q, k and v before rotation
  Record ofWarps[kAttendWarps];
  Record ofBlocks[C.blocks];
  float scratch[32];
  alignas(8) unsigned long long headsCame; ///< barriers of what blocks send
  unsigned long long recordsCame;
  Half latestScales[2];
  bool finishes; ///< its rows of o
};

/// Grid: (heads / queries × blocks) × T, in clusters of `blocks`. Dynamic
/// shared memory: AttendShared, the staged input.
template <class Cache, AttendLayer::Config C>
QZC_DEVICE void attendLayer(const AttendLayer::Args<Value> &a) {
  constexpr int D = C.attention.headDim;
  constexpr int threads = kAttendWarps * kWarp;
  constexpr int groups = C.attention.heads / C.attention.kvHeads / C.queries;
  constexpr int clusters = C.attention.heads / C.queries;
  using Lanes = HeadLanes<D>;
  using Norms = InputNorm<C.norm, C.keepsNorm>;
  using Shared = AttendShared<Cache, C>;
  using Outputs = AttendOutputs<C>;
  static_assert(sizeof(Shared) <= 4 * Shared::kTile.sharedFloats(D),
                "the lowering asks for enough");
  QZC_DYNAMIC_SHARED(dynamic);
  Shared &shared = *reinterpret_cast<Shared *>(dynamic);

  // Nobody sends to a block whose barriers are not there.
  const unsigned headsCame = sharedAddress(&shared.headsCame);
  const unsigned recordsCame = sharedAddress(&shared.recordsCame);
  if (threadIdx.x == 0) {
    initBarrier(headsCame, 1);
    initBarrier(recordsCame, 1);
    publishBarriers();
    expectBytes(headsCame, sizeof(shared.heads));
    expectBytes(recordsCame, sizeof(shared.ofBlocks));
  }
  arriveCluster();
  const int block = blockOfCluster();
  const int cluster = blockIdx.x / C.blocks;
  const int kvHead = cluster / groups;
  const int firstHead = cluster * C.queries;
  const int token = blockIdx.y;
  const int warp = warpOfBlock();
  const int warpOfCluster = block * kAttendWarps + warp;

  // A block with tiles fills its multiprocessor, so it begins where the launch
  // before ends: its input comes first, then what hangs on the position, which
  // is asked for before weights are. Others do all this during that launch.
  constexpr bool beginsLate = C.hasTiles;
  TokenRow here;
  if constexpr (beginsLate)
    here = a.rows[token];
  const Norms norm = {
      a.norm, C.keepsNorm && blockIdx.x == 0 ? rowOf(a.kept, token) : nullptr};
  AttendInputs<C, Norms> rows(
      reinterpret_cast<char *>(dynamic + (sizeof(Shared) + 15) / 16), block,
      AttendRows<C>{{a.in}, firstHead, kvHead}, norm);

  if constexpr (beginsLate) {
    waitForDependencies();
    rows.load(rowOf(a.x, token));
  } else {
    here = a.rows[token];
  }
  // Rows and pages of a pass are there before its first launch begins.
  const int position = here.position;
  const int sequence = here.sequence;
  const float *table = a.attention.ropeTable +
                       static_cast<long long>(position) * C.attention.rope.dim;
  NewestHeads<Cache, C.attention, C.queries, kAttendWarps> heads;
  heads.loadAngles(table);
  const GrowingCache<Cache, D> cache = {
      HeadCache<Cache, D>(a.cache, sequence, kvHead), position,
      shared.latest[0], shared.latest[1], shared.latestScales};
  const int begin = firstSeen<C.attention.window>(position);
  constexpr int stride = C.blocks * kAttendWarps;
  const int first = begin + warpOfCluster * Lanes::kPositions;
  CacheBatch<Cache, D> batch;
  batch.find(cache, first, position + 1, stride);
  const unsigned long long newest = cache.stored.page(position);

  if constexpr (!beginsLate) {
    waitCluster();
    waitForDependencies();
    rows.load(rowOf(a.x, token));
  }
  const unsigned turn =
      takeTurn(&a.state->counters[token * C.blocks + block], clusters);
  rows.stage(shared.scratch, norm);
  // On their way while rows are multiplied and the cluster meets.
  batch.load(cache, first, position + 1, stride);
  rows.multiply();
  if constexpr (beginsLate)
    waitCluster();

  rows.send([&](int n, float value, int to) {
    storeInCluster(&shared.heads[n], value, to, headsCame);
  });
  batch.find(cache, first + stride * Lanes::kBatch * Lanes::kPositions,
             position + 1, stride);
  Outputs outputs(a.out, block, firstHead * D);
  outputs.prepare();
  awaitSent(headsCame);

  const float *key = shared.heads + C.queries * D;
  heads.loadValues(shared.heads, key, key + D);
  heads.store(shared.queries,
              queryFactor<C.attention.softCap>(a.attention.scale),
              {shared.latest, shared.latestScales, cache.stored, newest,
               position, true, block == 0 && cluster % groups == 0,
               rangeOf(a.cache, sequence), a.state},
              key, key + D, table);
  __syncthreads();

  OnlineSoftmax<8> softmax[C.queries];
  attendRange<Cache, C.attention>(softmax, shared.queries, cache, batch, first,
                                  position + 1, stride, a.attention, firstHead);
  // Earlier, what the next launch loads would be ahead of keys and values.
  launchDependents();
  storeRecords<D>(shared.ofWarps[warp], softmax);
  __syncthreads();
  // Threads beyond an element each share the blocks that are told of it.
  constexpr int elements = C.queries * D;
  constexpr int sharers = elements < threads ? threads / elements : 1;
#pragma unroll 1
  for (int i = threadIdx.x; i < elements * sharers; i += threads) {
    const int g = i % elements / D;
    const int d = i % D;
    const OnlineSoftmax<1> total = mergeRecords<D>(
        kAttendWarps, d, [&](int w, int e) { return shared.ofWarps[w][g][e]; });
    float(&record)[D + 2] = shared.ofBlocks[block][g];
#pragma unroll 1
    for (int to = i / elements; to < C.blocks; to += sharers) {
      storeInCluster(&record[d], total.sum[0], to, recordsCame);
      if (d == 0) {
        storeInCluster(&record[D], total.m, to, recordsCame);
        storeInCluster(&record[D + 1], total.l, to, recordsCame);
      }
    }
  }
  if (threadIdx.x == 0)
    shared.finishes = turn == clusters - 1;
  awaitSent(recordsCame);
  for (int i = threadIdx.x; i < elements; i += threads) {
    const OnlineSoftmax<1> total =
        mergeRecords<D>(C.blocks, i % D, [&](int b, int e) {
          return shared.ofBlocks[b][i / D][e];
        });
    shared.attended.at(i) = total.sum[0] / total.l;
  }
  __syncthreads();

  float *partials =
      a.partials + static_cast<long long>(token) * clusters * Outputs::kOutputs;
  outputs.run(partials + cluster * Outputs::kOutputs, shared.attended,
              rows.inputs());
  if (shared.finishes)
    outputs.template finish<clusters>(
        partials,
        rows.template residual<C.addsInput>(rowOf(a.out.residual, token)),
        rowOf(a.out.out, token));
}

} // namespace qzc::kernels

#endif // QZC_HAS_WGMMA

#endif // QZC_KERNELS_ATTENDLAYER_CUH
