//===- Head.cuh - What is done with logits --------------------------------===//

#ifndef QZC_KERNELS_HEAD_CUH
#define QZC_KERNELS_HEAD_CUH

#include "Choice.cuh"

namespace qzc::kernels {

/// A candidate for the greedy choice; the lowest index wins among equals, and
/// NaN wins over everything, so that it shows.
struct Candidate {
  float value;
  int index;
};
QZC_DEVICE bool isNan(float v) { return v != v; }
QZC_DEVICE Candidate better(Candidate a, Candidate b) {
  const bool equal = b.value == a.value || (isNan(a.value) && isNan(b.value));
  if (equal)
    return b.index < a.index ? b : a;
  return b.value > a.value || isNan(b.value) ? b : a;
}
QZC_DEVICE Candidate bestOfBlock(Candidate c, Candidate *scratch) {
#pragma unroll
  for (int offset = 16; offset > 0; offset >>= 1)
    c = better(c, {__shfl_xor_sync(QZC_FULL_WARP, c.value, offset),
                   __shfl_xor_sync(QZC_FULL_WARP, c.index, offset)});
  __syncthreads();
  if (threadIdx.x % kWarp == 0)
    scratch[threadIdx.x / kWarp] = c;
  __syncthreads();
  c = scratch[0];
  for (int w = 1; w < static_cast<int>(blockDim.x) / kWarp; ++w)
    c = better(c, scratch[w]);
  return c;
}

/// The most likely token of each row of logits becomes the row's token (or
/// -1 - id, id being the first whose logit is not a number), at the position
/// after it. Grid: T blocks of a warp.
template <TakeChoice::Config C>
QZC_DEVICE void takeChoice(const TakeChoice::Args<Value> &a) {
  launchDependents();
  waitForDependencies();
  if (threadIdx.x != 0)
    return;
  const int row = blockIdx.x;
  const TokenKey key = a.choice[row];
  a.choice[row] = 0;
  a.rows[row].token = isNan(logitOf(key)) ? -1 - idOf(key) : idOf(key);
  a.rows[row].position += 1;
}

/// The same of logits. Grid: C.blocks × T blocks of 256 threads.
template <ChooseToken::Config C>
QZC_DEVICE void chooseToken(const ChooseToken::Args<Value> &a) {
  constexpr int last = C.vocabulary - 1;
  constexpr int perBlock = (C.vocabulary + C.blocks - 1) / C.blocks;
  __shared__ Candidate scratch[32];
  __shared__ int lastFlag;
  launchDependents();
  waitForDependencies();
  const int row = blockIdx.y;
  const float *logits = rowOf(a.logits, row);
  float *values = a.values + row * C.blocks;
  int *indices = a.indices + row * C.blocks;
  const int begin = blockIdx.x * perBlock;
  const int end = min(begin + perBlock, C.vocabulary);
  // All loads before the first comparison.
  constexpr int each = (perBlock + 255) / 256;
  Candidate mine[each];
#pragma unroll
  for (int j = 0; j < each; ++j) {
    const int i = begin + j * 256 + static_cast<int>(threadIdx.x);
    mine[j] =
        i < end ? Candidate{logits[i], i} : Candidate{-QZC_INFINITY, last};
  }
  Candidate best = {-QZC_INFINITY, last};
#pragma unroll
  for (int j = 0; j < each; ++j)
    best = better(best, mine[j]);
  best = bestOfBlock(best, scratch);
  if (threadIdx.x == 0) {
    values[blockIdx.x] = best.value;
    indices[blockIdx.x] = best.index;
  }
  if (!arriveLast(&a.state->counters[row], C.blocks, &lastFlag))
    return;
  best = {-QZC_INFINITY, last};
  for (int i = threadIdx.x; i < C.blocks; i += 256)
    best = better(best, {__ldcg(values + i), __ldcg(indices + i)});
  best = bestOfBlock(best, scratch);
  if (threadIdx.x == 0) {
    a.rows[row].token = isNan(best.value) ? -1 - best.index : best.index;
    a.rows[row].position += 1;
  }
}

/// losses[t] = log Σ exp(logits[t]) − logits[t, targets[t]]. Grid: T blocks of
/// 512 threads.
template <Score::Config C> QZC_DEVICE void score(const Score::Args<Value> &a) {
  __shared__ float scratch[32];
  launchDependents();
  waitForDependencies();
  const float *logits = rowOf(a.logits, blockIdx.x);
  float top = -QZC_INFINITY;
  for (int i = threadIdx.x; i < C.vocabulary; i += 512)
    top = fmaxf(top, logits[i]);
  top = reduceBlock<Max, 512>(top, scratch);
  float sum = 0.0f;
  for (int i = threadIdx.x; i < C.vocabulary; i += 512)
    sum += expf(logits[i] - top);
  sum = reduceBlock<Sum, 512>(sum, scratch);
  if (threadIdx.x == 0)
    a.losses[blockIdx.x] = logf(sum) + top - logits[a.targets[blockIdx.x]];
}

} // namespace qzc::kernels

#endif // QZC_KERNELS_HEAD_CUH
