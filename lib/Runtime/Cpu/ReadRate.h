//===- ReadRate.h - How fast memory is read by all threads ------*- C++ -*-===//

#ifndef QZC_RUNTIME_CPU_READRATE_H
#define QZC_RUNTIME_CPU_READRATE_H

#include "qzc/Support/ThreadPool.h"

#include <cstddef>
#include <vector>

namespace qzc::runtime::cpu {

struct MemoryRange {
  const std::byte *data;
  uint64_t bytes;
};

/// Bytes a second of the fastest of several passes over memory, which only add
/// it up, with and without asking for it ahead. What fits caches is read from
/// them, as decoding would. 0 where there is less than a page.
double readRate(const std::vector<MemoryRange> &memory, ThreadPool &pool);

} // namespace qzc::runtime::cpu

#endif // QZC_RUNTIME_CPU_READRATE_H
