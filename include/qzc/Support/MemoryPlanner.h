//===- MemoryPlanner.h - Placing lifetimes in an arena ----------*- C++ -*-===//
//
// The core of sched-plan-memory and cuda-plan-memory.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_SUPPORT_MEMORYPLANNER_H
#define QZC_SUPPORT_MEMORYPLANNER_H

#include <cstdint>
#include <vector>

namespace qzc {

/// Steps [first, last].
struct Span {
  int64_t first = 0;
  int64_t last = 0;
};

/// `bytes` that are needed during spans, at least one, in rising order.
struct Lifetime {
  std::vector<Span> spans;
  uint64_t bytes = 0;

  bool meets(const Lifetime &other) const;
};

struct MemoryPlan {
  std::vector<uint64_t> offsets; ///< one a lifetime
  uint64_t totalBytes = 0;
};

/// Places lifetimes so that those that meet share no byte: larger ones first
/// (among equals the earlier, then the one of lower index), each into the
/// smallest sufficient gap between those it meets, at the lowest such offset,
/// else behind them. Offsets are multiples of whatever all `bytes` are
/// multiples of.
MemoryPlan planMemory(const std::vector<Lifetime> &lifetimes);

} // namespace qzc

#endif // QZC_SUPPORT_MEMORYPLANNER_H
