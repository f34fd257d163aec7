//===- Head.cuh - What is done with logits --------------------------------===//

#ifndef QZC_KERNELS_HEAD_CUH
#define QZC_KERNELS_HEAD_CUH

#include "Common.cuh"

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
/// after it. `values` and `indices` hold Blocks a row. Grid: Blocks × T blocks
/// of 256 threads.
template <int Vocab, int Blocks>
QZC_DEVICE void chooseToken(const float *logits, int stride, float *values,
                            int *indices, TokenRow *rows, DeviceState *state) {
  constexpr int perBlock = (Vocab + Blocks - 1) / Blocks;
  __shared__ Candidate scratch[32];
  __shared__ int lastFlag;
  launchDependents();
  waitForDependencies();
  const int row = blockIdx.y;
  logits += static_cast<long long>(row) * stride;
  values += row * Blocks;
  indices += row * Blocks;
  const int begin = blockIdx.x * perBlock;
  const int end = min(begin + perBlock, Vocab);
  Candidate best = {-QZC_INFINITY, Vocab - 1};
  for (int i = begin + threadIdx.x; i < end; i += 256)
    best = better(best, {logits[i], i});
  best = bestOfBlock(best, scratch);
  if (threadIdx.x == 0) {
    values[blockIdx.x] = best.value;
    indices[blockIdx.x] = best.index;
  }
  if (!arriveLast(&state->counters[row], Blocks, &lastFlag))
    return;
  best = {-QZC_INFINITY, Vocab - 1};
  for (int i = threadIdx.x; i < Blocks; i += 256)
    best = better(best, {__ldcg(values + i), __ldcg(indices + i)});
  best = bestOfBlock(best, scratch);
  if (threadIdx.x == 0) {
    rows[row].token = isNan(best.value) ? -1 - best.index : best.index;
    rows[row].position += 1;
  }
}

/// losses[t] = log Σ exp(logits[t]) − logits[t, targets[t]]. Grid: T blocks of
/// 512 threads.
template <int Vocab>
QZC_DEVICE void score(const float *logits, int stride, const int *targets,
                      float *losses) {
  __shared__ float scratch[32];
  launchDependents();
  waitForDependencies();
  logits += static_cast<long long>(blockIdx.x) * stride;
  float top = -QZC_INFINITY;
  for (int i = threadIdx.x; i < Vocab; i += 512)
    top = fmaxf(top, logits[i]);
  top = reduceBlock<Max, 512>(top, scratch);
  float sum = 0.0f;
  for (int i = threadIdx.x; i < Vocab; i += 512)
    sum += expf(logits[i] - top);
  sum = reduceBlock<Sum, 512>(sum, scratch);
  if (threadIdx.x == 0)
    losses[blockIdx.x] = logf(sum) + top - logits[targets[blockIdx.x]];
}

} // namespace qzc::kernels

#endif // QZC_KERNELS_HEAD_CUH
