//===- ReadRate.cpp - How fast memory is read by all threads --------------===//

#include "ReadRate.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>

namespace qzc::runtime::cpu {

static constexpr int64_t kChunkBytes = 256 << 10;
static constexpr uint64_t kLeastBytes = 4096;
static constexpr int kLeastPasses = 5;
/// Of all passes: something else may run at the same time.
static constexpr double kSeconds = 0.25;

/// Sums in several lanes, so that additions do not wait for one another.
static uint64_t sumOf(const std::byte *memory, size_t bytes) {
  constexpr size_t kLanes = 16;
  uint64_t sums[kLanes] = {};
  for (size_t i = 0; i + sizeof sums <= bytes; i += sizeof sums) {
    uint64_t values[kLanes];
    std::memcpy(values, memory + i, sizeof values);
    for (size_t lane = 0; lane != kLanes; ++lane)
      sums[lane] += values[lane];
  }
  uint64_t sum = 0;
  for (uint64_t lane : sums)
    sum += lane;
  return sum;
}

double readRate(const std::byte *memory, uint64_t bytes, ThreadPool &pool) {
  using Clock = std::chrono::steady_clock;
  if (bytes < kLeastBytes)
    return 0;
  const auto chunks =
      static_cast<int64_t>((bytes + kChunkBytes - 1) / uint64_t{kChunkBytes});
  double best = 0;
  double seconds = 0;
  // The compiler may not leave out what nobody would use.
  std::atomic<uint64_t> used{0};
  for (int pass = 0; pass < kLeastPasses || seconds < kSeconds; ++pass) {
    const auto start = Clock::now();
    pool.parallelFor(chunks, 1, [&](int64_t begin, int64_t end, int) {
      const auto from = static_cast<uint64_t>(begin * kChunkBytes);
      const auto to =
          std::min<uint64_t>(static_cast<uint64_t>(end * kChunkBytes), bytes);
      used += sumOf(memory + from, to - from);
    });
    const std::chrono::duration<double> taken = Clock::now() - start;
    seconds += taken.count();
    best = std::max(best, static_cast<double>(bytes) / taken.count());
  }
  return best;
}

} // namespace qzc::runtime::cpu
