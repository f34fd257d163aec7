//===- DeviceState.h - What kernels and runtime share ----------*- C++ -*-===//
//
// Structs in device memory that tell the kernels what a pass is made of: its
// tokens, their sequences, and where these keep their keys and values. Plain
// C++ without includes: the runtime compiles it for the host, NVRTC for the
// device.
//
// Contract of the runtime:
//  * DeviceState is zeroed once, when it is allocated (the counters rely on
//    it), and so is scratch memory (for words that are zero until they are
//    there); afterwards the host writes tokens and rows, by a copy ordered
//    before the launches that read them, and clears beyondCache;
//  * a pass begins when all before it is complete: its rows, tiles and pages,
//    and keys and values of earlier passes, may be read before a kernel waits
//    for the launch ahead of it;
//  * prefill: tokens = T, and a TokenRow for each of them. Tokens of a sequence
//    stand together, at consecutive positions; query tiles cut them. No kernel
//    of `prefill` changes any of this;
//  * head, score: rows = number of hidden rows, the T of these launches;
//  * decode: tokens = rows = the number of sequences, each with one TokenRow;
//  * the end of decode: each row's token = the most likely next token, its
//    position is one more: a captured decode graph can be replayed without the
//    host writing anything in between. Where a logit is not a number, token =
//    -1 - the lowest such id, which a replay takes as token 0;
//  * draw, after decode: a row's token = one that its Draw asks for, but where
//    it is negative or its logit infinite;
//  * a key or value that the cache's type cannot hold, or in another type than
//    f32 one that is not a number, sets beyondCache: what is computed from then
//    on is wrong. The cache ranges say whose it was.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_RUNTIME_CUDA_DEVICESTATE_H
#define QZC_RUNTIME_CUDA_DEVICESTATE_H

namespace qzc {

/// Arrival counters: blocks of one launch that combine partial results.
constexpr int kDeviceCounters = 7168;

struct DeviceState {
  int tokens;      ///< of this pass, there before its first launch begins
  int rows;        ///< of head and score
  int beyondCache; ///< 0, or 1 after a key or value that the cache lacks
  int unused[1021];
  // On pages of their own: a test may keep kernels from these alone.
  unsigned counters[kDeviceCounters]; ///< zero between launches
};
static_assert(sizeof(DeviceState) == 32768, "shared between host and device");

/// One token of a pass.
struct TokenRow {
  int token;
  int position; ///< in its sequence
  int sequence; ///< whose pages and ranges are its own
  int unused;
};
static_assert(sizeof(TokenRow) == 16, "shared between host and device");

/// Tokens [row, row + rows) of a pass, all of one sequence.
struct QueryTile {
  int row;
  int rows;
  int position; ///< of the first
  int sequence;
};
static_assert(sizeof(QueryTile) == 16, "shared between host and device");

/// The largest magnitudes among a layer's keys and values of a sequence that
/// f16 would round to infinity; 0 where there are none, NaN where one is not a
/// number. Zeroed with every new sequence.
struct CacheRange {
  float key;
  float value;
};
static_assert(sizeof(CacheRange) == 8, "shared between host and device");

/// Where one layer's keys and values of all sequences are. A page holds those
/// of `pageSize` positions of one sequence, of every layer; in it a layer has
/// keys [kvHeads, pageSize, headDim], and values of that shape, in the cache's
/// type. Either pageSize is 1 << pageShift, or a sequence has one page and a
/// pageShift that leaves no position out.
struct CacheView {
  const unsigned long long *pages; ///< [sequence, pagesPerSequence], addresses
  CacheRange *ranges;              ///< [sequence × rangeStride]
  unsigned long long keys;         ///< bytes from a page's beginning
  unsigned long long values;
  unsigned long long keyScales; ///< of bytes: f16 [kvHeads, pageSize]
  unsigned long long valueScales;
  int pagesPerSequence;
  int pageSize;
  int pageShift;
  int rangeStride;
};
static_assert(sizeof(CacheView) == 64, "shared between host and device");

/// pageShift of sequences in one page.
constexpr int kOnePage = 31;

} // namespace qzc

#endif // QZC_RUNTIME_CUDA_DEVICESTATE_H
