//===- Choice.cuh - Logits in an order ------------------------------------===//

#ifndef QZC_KERNELS_CHOICE_CUH
#define QZC_KERNELS_CHOICE_CUH

#include "Common.cuh"
#include "Head.h"

namespace qzc::kernels {

/// Greater for a greater logit, and for a lower id of equal ones; what is not a
/// number is greater than all. Never 0, so that no two are the same and 0 is
/// none.
QZC_DEVICE TokenKey keyOf(float logit, int id) {
  // Adding zero makes −0 a 0.
  const uint32_t bits = format::floatBits(logit + 0.0f);
  const uint32_t ordered = logit != logit ? ~0u
                           : bits >> 31   ? ~bits
                                          : bits | 0x80000000u;
  return static_cast<TokenKey>(ordered) << 32 | ~static_cast<uint32_t>(id);
}
QZC_DEVICE int idOf(TokenKey key) {
  return static_cast<int>(~static_cast<uint32_t>(key));
}
QZC_DEVICE float logitOf(TokenKey key) {
  const auto ordered = static_cast<uint32_t>(key >> 32);
  return format::floatFromBits(ordered >> 31 ? ordered & 0x7fffffffu
                                             : ~ordered);
}
QZC_DEVICE TokenKey greater(TokenKey a, TokenKey b) { return a < b ? b : a; }

/// The greatest key of a block's threads joins those that other blocks leave.
/// All threads of the block.
template <int Threads>
QZC_DEVICE void leaveChoice(TokenKey best, TokenKey *choice) {
  __shared__ TokenKey ofWarps[Threads / kWarp];
#pragma unroll
  for (int mask = kWarp / 2; mask > 0; mask /= 2)
    best = greater(best, __shfl_xor_sync(QZC_FULL_WARP, best, mask));
  if (threadIdx.x % kWarp == 0)
    ofWarps[threadIdx.x / kWarp] = best;
  __syncthreads();
  if (threadIdx.x != 0)
    return;
#pragma unroll
  for (int w = 1; w < Threads / kWarp; ++w)
    best = greater(best, ofWarps[w]);
  atomicMax(choice, best);
}

} // namespace qzc::kernels

#endif // QZC_KERNELS_CHOICE_CUH
