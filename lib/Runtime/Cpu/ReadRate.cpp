//===- ReadRate.cpp - How fast memory is read by all threads --------------===//

#include "ReadRate.h"

#include "ReadAhead.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>

namespace qzc::runtime::cpu {

static constexpr uint64_t kChunkBytes = 256 << 10;
static constexpr uint64_t kLeastBytes = 4096;
static constexpr int kLeastPasses = 6;
/// Of all passes: something else may run at the same time.
static constexpr double kSeconds = 0.25;

/// A vector of any CPU.
using Lanes = uint64_t __attribute__((vector_size(16)));

/// Sums in several vectors, so that additions do not wait for one another. With
/// Ahead, memory is asked for before the hardware would.
template <bool Ahead>
static uint64_t sumOf(const std::byte *memory, size_t bytes) {
  constexpr size_t kVectors = 8;
  Lanes sums[kVectors] = {};
  for (size_t i = 0; i + sizeof sums <= bytes; i += sizeof sums) {
#pragma GCC unroll 8
    for (size_t vector = 0; vector != kVectors; ++vector) {
      const std::byte *from = memory + i + vector * sizeof(Lanes);
      if (Ahead && vector % 4 == 0)
        __builtin_prefetch(reinterpret_cast<const void *>(
            reinterpret_cast<uintptr_t>(from) + kCodesAhead));
      Lanes lanes;
      std::memcpy(&lanes, from, sizeof lanes);
      sums[vector] += lanes;
    }
  }
  uint64_t sum = 0;
  for (const Lanes &lanes : sums)
    sum += lanes[0] + lanes[1];
  return sum;
}

double readRate(const std::vector<MemoryRange> &memory, ThreadPool &pool) {
  using Clock = std::chrono::steady_clock;
  std::vector<MemoryRange> chunks;
  uint64_t bytes = 0;
  for (const MemoryRange &range : memory) {
    for (uint64_t at = 0; at < range.bytes; at += kChunkBytes)
      chunks.push_back(
          {range.data + at, std::min(kChunkBytes, range.bytes - at)});
    bytes += range.bytes;
  }
  if (bytes < kLeastBytes)
    return 0;
  double best = 0;
  double seconds = 0;
  // The compiler may not leave out what nobody would use.
  std::atomic<uint64_t> used{0};
  for (int pass = 0; pass < kLeastPasses || seconds < kSeconds; ++pass) {
    const auto start = Clock::now();
    pool.parallelFor(static_cast<int64_t>(chunks.size()), 1,
                     [&](int64_t begin, int64_t, int) {
                       const MemoryRange &chunk = chunks[begin];
                       used += pass % 2 == 0
                                   ? sumOf<true>(chunk.data, chunk.bytes)
                                   : sumOf<false>(chunk.data, chunk.bytes);
                     });
    const std::chrono::duration<double> taken = Clock::now() - start;
    seconds += taken.count();
    best = std::max(best, static_cast<double>(bytes) / taken.count());
  }
  return best;
}

} // namespace qzc::runtime::cpu
