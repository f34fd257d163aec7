//===- DrawToken.cuh - Drawing the next token -----------------------------===//
//
// Blocks find the likeliest tokens of their part of a row, the last one to
// arrive those of the row, puts them in order and draws one (Runtime/Draw.h).
//
//===----------------------------------------------------------------------===//

#ifndef QZC_KERNELS_DRAWTOKEN_CUH
#define QZC_KERNELS_DRAWTOKEN_CUH

#include "Choice.cuh"

namespace qzc::kernels {

constexpr int kDrawThreads = 256;

struct DrawShared {
  unsigned counts[2][kDrawThreads / kWarp];
  unsigned count;
  TokenKey keys[kMostDrawn];
  TokenKey sorted[kMostDrawn];
  double weights[kMostDrawn];
  int isLast;
};

/// Leaves the `most` greatest of the keys of all threads in shared.keys, in any
/// order, and 0 where there are fewer. All threads of the block.
template <int Each>
QZC_DEVICE void keepGreatest(const TokenKey (&keys)[Each], unsigned most,
                             DrawShared &shared) {
  // The greatest key that `most` of them reach, bit by bit from the top.
  TokenKey threshold = 0;
  for (int bit = 63; bit >= 0; --bit) {
    const TokenKey higher = threshold | TokenKey{1} << bit;
    unsigned reach = 0;
#pragma unroll
    for (int i = 0; i < Each; ++i)
      reach += keys[i] >= higher;
    reach = __reduce_add_sync(QZC_FULL_WARP, reach);
    // Who is a round ahead writes to the other ones.
    unsigned *counts = shared.counts[bit % 2];
    if (threadIdx.x % kWarp == 0)
      counts[threadIdx.x / kWarp] = reach;
    __syncthreads();
    unsigned all = 0;
#pragma unroll
    for (int warp = 0; warp < kDrawThreads / kWarp; ++warp)
      all += counts[warp];
    if (all >= most)
      threshold = higher;
    if (all == most)
      break;
  }
  if (threadIdx.x == 0)
    shared.count = 0;
  if (threadIdx.x < kMostDrawn)
    shared.keys[threadIdx.x] = 0;
  __syncthreads();
#pragma unroll
  for (int i = 0; i < Each; ++i)
    if (keys[i] != 0 && keys[i] >= threshold)
      shared.keys[atomicAdd(&shared.count, 1u)] = keys[i];
  __syncthreads();
}

/// Draws from the `count` tokens in shared.keys. All threads of the block; the
/// id is the first one's.
QZC_DEVICE int drawFrom(int count, const Draw &draw, DrawShared &shared) {
  const int thread = threadIdx.x;
  if (thread < count) {
    const TokenKey key = shared.keys[thread];
    int before = 0;
    for (int i = 0; i < count; ++i)
      before += shared.keys[i] > key;
    shared.sorted[before] = key;
  }
  __syncthreads();
  if (thread < count)
    shared.weights[thread] =
        exp((static_cast<double>(logitOf(shared.sorted[thread])) -
             static_cast<double>(logitOf(shared.sorted[0]))) /
            draw.temperature);
  __syncthreads();
  if (thread != 0)
    return 0;
  const auto weight = [&](int i) { return shared.weights[i]; };
  double total = 0;
  for (int i = 0; i < count; ++i)
    total += weight(i);
  const int kept = keptOf(weight, count, total, draw);
  return idOf(shared.sorted[drawnOf(weight, kept, draw.uniform)]);
}

/// Rows that chose their likeliest token draw another in its place, if it has a
/// finite logit. Grid: C.blocks × T blocks of kDrawThreads.
template <DrawToken::Config C>
QZC_DEVICE void drawToken(const DrawToken::Args<Value> &a) {
  constexpr int perBlock = (C.vocabulary + C.blocks - 1) / C.blocks;
  constexpr int each = (perBlock + kDrawThreads - 1) / kDrawThreads;
  constexpr int merged = C.blocks * kMostDrawn / kDrawThreads;
  static_assert(C.blocks * kMostDrawn % kDrawThreads == 0, "whole threads");
  __shared__ DrawShared shared;
  launchDependents();
  waitForDependencies();
  const int thread = threadIdx.x;
  const int row = blockIdx.y;
  TokenRow &token = a.rows[row];
  const float *logits = rowOf(a.logits, row);
  const Draw draw = a.draws[row];
  const int most = min(draw.topK, C.vocabulary);
  TokenKey *candidates = a.candidates + row * C.blocks * kMostDrawn;

  TokenKey keys[each];
  const int begin = blockIdx.x * perBlock;
#pragma unroll
  for (int i = 0; i < each; ++i) {
    const int at = i * kDrawThreads + thread;
    const int id = begin + at;
    keys[i] = at < perBlock && id < C.vocabulary ? keyOf(logits[id], id) : 0;
  }
  keepGreatest(keys, most, shared);
  if (thread < most)
    candidates[blockIdx.x * most + thread] = shared.keys[thread];
  if (!arriveLast(&a.state->counters[row], C.blocks, &shared.isLast))
    return;

  TokenKey rest[merged];
#pragma unroll
  for (int i = 0; i < merged; ++i) {
    const int at = i * kDrawThreads + thread;
    rest[i] = at < C.blocks * most ? __ldcg(candidates + at) : 0;
  }
  keepGreatest(rest, most, shared);
  // What is no number has been told of; what is infinite has no weights.
  if (token.token < 0 || fabsf(logits[token.token]) == QZC_INFINITY)
    return;
  const int drawn = drawFrom(most, draw, shared);
  if (thread == 0)
    token.token = drawn;
}

} // namespace qzc::kernels

#endif // QZC_KERNELS_DRAWTOKEN_CUH
