//===- DeviceState.h - What kernels and runtime share ----------*- C++ -*-===//
//
// One struct in device memory that tells the kernels where in the sequence a
// pass is. Plain C++ without includes: the runtime compiles it for the host,
// NVRTC for the device.
//
// Contract of the runtime:
//  * the whole struct is zeroed once, when it is allocated (the counters rely
//    on it); afterwards the host writes the first four fields, by a copy
//    ordered before the launches that read them, and clears beyondHalf;
//  * prefill: position = cache positions already filled, tokens = T. No kernel
//    of `prefill` changes these;
//  * head, score: rows = number of hidden rows, the T of these launches;
//  * decode: position as above, tokens = 1, token = the token to append;
//  * choose (and the end of decode): token = the most likely next token,
//    position += tokens, tokens = 1: a captured decode graph can be replayed
//    without the host writing anything in between. Where a logit is not a
//    number, token = -1 - the lowest such id, which a replay takes as token 0;
//  * with an f16 cache, a key or value that it cannot hold sets beyondHalf:
//  what
//    is computed from then on is wrong. The cache ranges say whose it was.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_RUNTIME_CUDA_DEVICESTATE_H
#define QZC_RUNTIME_CUDA_DEVICESTATE_H

namespace qzc {

/// Arrival counters: blocks of one launch that combine partial results.
constexpr int kDeviceCounters = 507;

struct DeviceState {
  int position; ///< cache positions filled before this pass
  int tokens;   ///< tokens of this pass
  int token;    ///< decode: the token of this step; after choose: the next one
  int rows;     ///< rows of head and score
  int beyondHalf; ///< 0, or 1 after a key or value that f16 cannot hold
  unsigned counters[kDeviceCounters]; ///< zero between launches
};
static_assert(sizeof(DeviceState) == 2048, "shared between host and device");

/// The largest magnitudes among a layer's keys and values that f16 would round
/// to infinity; 0 where there are none. Zeroed with every new sequence.
struct CacheRange {
  float key;
  float value;
};
static_assert(sizeof(CacheRange) == 8, "shared between host and device");

} // namespace qzc

#endif // QZC_RUNTIME_CUDA_DEVICESTATE_H
