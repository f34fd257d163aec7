//===- MemoryPlanner.cpp - Placing lifetimes in an arena ------------------===//

#include "qzc/Support/MemoryPlanner.h"

#include <algorithm>
#include <numeric>
#include <optional>
#include <tuple>

namespace qzc {

namespace {

struct Range {
  uint64_t begin;
  uint64_t end;
};

/// The best place for `bytes` among `taken`, which is sorted by begin.
uint64_t bestFit(const std::vector<Range> &taken, uint64_t bytes) {
  std::optional<Range> best;
  uint64_t free = 0;
  for (const Range &range : taken) {
    if (range.begin >= free + bytes &&
        (!best || range.begin - free < best->end - best->begin))
      best = Range{free, range.begin};
    free = std::max(free, range.end);
  }
  return best ? best->begin : free;
}

} // namespace

bool Lifetime::meets(const Lifetime &other) const {
  return std::any_of(spans.begin(), spans.end(), [&](const Span &span) {
    return std::any_of(
        other.spans.begin(), other.spans.end(), [&](const Span &its) {
          return span.first <= its.last && its.first <= span.last;
        });
  });
}

MemoryPlan planMemory(const std::vector<Lifetime> &lifetimes) {
  std::vector<size_t> order(lifetimes.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return std::make_tuple(~lifetimes[a].bytes,
                           lifetimes[a].spans.front().first, a) <
           std::make_tuple(~lifetimes[b].bytes,
                           lifetimes[b].spans.front().first, b);
  });

  MemoryPlan plan;
  plan.offsets.resize(lifetimes.size());
  for (size_t rank = 0; rank < order.size(); ++rank) {
    const Lifetime &life = lifetimes[order[rank]];
    std::vector<Range> taken;
    for (size_t earlier = 0; earlier < rank; ++earlier) {
      const Lifetime &other = lifetimes[order[earlier]];
      uint64_t begin = plan.offsets[order[earlier]];
      if (life.meets(other))
        taken.push_back({begin, begin + other.bytes});
    }
    std::sort(taken.begin(), taken.end(), [](const Range &a, const Range &b) {
      return std::tie(a.begin, a.end) < std::tie(b.begin, b.end);
    });
    uint64_t offset = bestFit(taken, life.bytes);
    plan.offsets[order[rank]] = offset;
    plan.totalBytes = std::max(plan.totalBytes, offset + life.bytes);
  }
  return plan;
}

} // namespace qzc
