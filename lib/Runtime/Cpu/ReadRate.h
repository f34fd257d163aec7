//===- ReadRate.h - How fast memory is read by all threads ------*- C++ -*-===//

#ifndef QZC_RUNTIME_CPU_READRATE_H
#define QZC_RUNTIME_CPU_READRATE_H

#include "qzc/Support/ThreadPool.h"

#include <cstddef>

namespace qzc::runtime::cpu {

/// Bytes a second of the fastest of several passes over memory, which only add
/// it up, with and without asking for it ahead. What fits caches is read from
/// them, as decoding would. 0 where there is less than a page.
double readRate(const std::byte *memory, uint64_t bytes, ThreadPool &pool);

} // namespace qzc::runtime::cpu

#endif // QZC_RUNTIME_CPU_READRATE_H
