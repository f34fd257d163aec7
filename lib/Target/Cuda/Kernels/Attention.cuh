//===- Attention.cuh - Keys and values to the cache, one query at a time --===//
//
// Attention of single queries over the KV cache, in f32: decode.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_KERNELS_ATTENTION_CUH
#define QZC_KERNELS_ATTENTION_CUH

#include "NewestHeads.cuh"

namespace qzc::kernels {

/// Rotates k and appends k and v of token t to its sequence; keeps the ranges.
/// Grid: T blocks.
template <class Cache, AppendCache::Config C>
QZC_DEVICE void appendCache(const AppendCache::Args<Value> &a) {
  constexpr int D = C.headDim;
  launchDependents();
  waitForDependencies();
  const int position = a.rows[blockIdx.x].position;
  const int sequence = a.rows[blockIdx.x].sequence;
  CacheRange *range = rangeOf(a.cache, sequence);
  const float *k = rowOf(a.k, blockIdx.x);
  const float *v = rowOf(a.v, blockIdx.x);
  const float *table =
      a.ropeTable + static_cast<long long>(position) * C.rope.dim;
  if constexpr (kIsBytes<Cache>) {
    const int warps = blockDim.x / kWarp;
    for (int i = threadIdx.x / kWarp; i < 2 * C.kvHeads; i += warps) {
      const HeadCache<Cache, D> cache(a.cache, sequence, i / 2);
      const unsigned long long page = cache.page(position);
      const float *head = (i % 2 == 0 ? k : v) + i / 2 * D;
      if (i % 2 == 0)
        storeBytes<D>(
            cache.keys(page, position), cache.keyScales(page, position),
            [&](int d) {
              return rotated<C.rope.dim, C.rope.interleaved>(head, d, table);
            },
            &range->key, a.state);
      else
        storeBytes<D>(
            cache.values(page, position), cache.valueScales(page, position),
            [&](int d) { return head[d]; }, &range->value, a.state);
    }
  } else {
    for (int i = threadIdx.x; i < C.kvHeads * D; i += blockDim.x) {
      const int head = i / D;
      const int d = i % D;
      const HeadCache<Cache, D> cache(a.cache, sequence, head);
      const unsigned long long page = cache.page(position);
      cache.keys(page, position)[d] = toCache<Cache>(
          rotated<C.rope.dim, C.rope.interleaved>(k + head * D, d, table),
          &range->key, a.state);
      cache.values(page, position)[d] =
          toCache<Cache>(v[i], &range->value, a.state);
    }
  }
}

/// One token of each sequence. Grid: (kv head and group of `queries` query
/// heads) × T × splits. The context is cut into at most `splits` ranges of at
/// least 256 positions; the last block of a head to arrive combines them. The
/// block whose range ends with the new position appends k and v.
template <class Cache, AttendOne::Config C>
QZC_DEVICE void attendOne(const AttendOne::Args<Value> &a) {
  constexpr int D = C.attention.headDim;
  using Lanes = HeadLanes<D>;
  constexpr int least = 256;
  constexpr int groups = C.attention.heads / C.attention.kvHeads / C.queries;
  constexpr int record = D + 2;
  __shared__ float queries[C.queries * Lanes::kPadded];
  // The newest key, and its value.
  alignas(16) __shared__ Cache latest[2][Lanes::kPadded];
  __shared__ Half latestScales[2];
  __shared__ float merged[C.warps][C.queries][record];
  __shared__ int lastFlag;

  // Rows and pages of a pass are there before its first launch begins.
  const int kvHead = blockIdx.x / groups;
  const int group = blockIdx.x % groups;
  const int firstHead =
      kvHead * (C.attention.heads / C.attention.kvHeads) + group * C.queries;
  const int token = blockIdx.y;
  const int position = a.rows[token].position;
  const int sequence = a.rows[token].sequence;
  CacheRange *range = rangeOf(a.cache, sequence);
  const float *q = rowOf(a.q, token);
  const float *k = rowOf(a.k, token);
  const float *v = rowOf(a.v, token);
  float *out = rowOf(a.out, token);
  float *partials = a.partials + static_cast<long long>(token) *
                                     C.attention.heads * C.splits * record;
  const int begin = firstSeen<C.attention.window>(position);
  const int length = position + 1 - begin;
  int perSplit = (length + C.splits - 1) / C.splits;
  perSplit = perSplit < least ? least : perSplit;
  const int active = (length + perSplit - 1) / perSplit;
  const int split = blockIdx.z;
  const int first = begin + split * perSplit;
  const int end =
      first + perSplit < position + 1 ? first + perSplit : position + 1;

  const GrowingCache<Cache, D> cache = {
      HeadCache<Cache, D>(a.cache, sequence, kvHead), position, latest[0],
      latest[1], latestScales};
  const int warp = warpOfBlock();
  const int warpFirst = first + warp * Lanes::kPositions;
  CacheBatch<Cache, D> batch;
  batch.find(cache, warpFirst, end, C.warps);
  const unsigned long long newest = cache.stored.page(position);
  // All positions but the newest are of passes before.
  batch.load(cache, warpFirst, end, C.warps);
  batch.find(cache, warpFirst + C.warps * Lanes::kBatch * Lanes::kPositions,
             end, C.warps);
  waitForDependencies();
  launchDependents();
  if (split >= active)
    return;

  const float *table = a.attention.ropeTable +
                       static_cast<long long>(position) * C.attention.rope.dim;
  NewestHeads<Cache, C.attention, C.queries, C.warps> heads;
  heads.loadAngles(table);
  heads.loadValues(q + firstHead * D, k + kvHead * D, v + kvHead * D);
  heads.store(queries, queryFactor<C.attention.softCap>(a.attention.scale),
              {latest, latestScales, cache.stored, newest, position,
               split == active - 1, group == 0, range, a.state},
              k + kvHead * D, v + kvHead * D, table);
  __syncthreads();

  OnlineSoftmax<8> softmax[C.queries];
  attendRange<Cache, C.attention>(softmax, queries, cache, batch, warpFirst,
                                  end, C.warps, a.attention, firstHead);
  storeRecords<D>(merged[warp], softmax);
  __syncthreads();

  for (int i = threadIdx.x; i < C.queries * D; i += C.warps * kWarp) {
    const int g = i / D;
    const int d = i % D;
    const OnlineSoftmax<1> total = mergeRecords<D>(
        C.warps, d, [&](int w, int e) { return merged[w][g][e]; });
    if (active == 1) {
      out[(firstHead + g) * D + d] = total.sum[0] / total.l;
      continue;
    }
    float *partial = partials + ((firstHead + g) * C.splits + split) * record;
    partial[d] = total.sum[0];
    if (d == 0) {
      partial[D] = total.m;
      partial[D + 1] = total.l;
    }
  }
  if (active == 1 ||
      !arriveLast(&a.state->counters[token * gridDim.x + blockIdx.x], active,
                  &lastFlag))
    return;
  for (int i = threadIdx.x; i < C.queries * D; i += C.warps * kWarp) {
    const int g = i / D;
    const int d = i % D;
    const float *partial = partials + (firstHead + g) * C.splits * record;
    const OnlineSoftmax<1> total =
        mergeRecords<D>(active, d, [&](int s, int e) {
          return __ldcg(partial + s * record + e);
        });
    out[(firstHead + g) * D + d] = total.sum[0] / total.l;
  }
}

} // namespace qzc::kernels

#endif // QZC_KERNELS_ATTENTION_CUH
