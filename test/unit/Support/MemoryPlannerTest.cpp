//===- MemoryPlannerTest.cpp - Invariants on random lifetimes -------------===//

#include "qzc/Support/MemoryPlanner.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

using namespace qzc;

namespace {

std::vector<Lifetime> randomLifetimes(uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<Lifetime> lifetimes(1 + random() % 60);
  for (Lifetime &life : lifetimes) {
    int64_t step = 0;
    for (uint32_t i = 0; i < 1 + random() % 3; ++i) {
      const int64_t first = step + static_cast<int64_t>(random() % 50);
      step = first + static_cast<int64_t>(random() % 12);
      life.spans.push_back({first, step++});
    }
    life.bytes = 64 * (1 + random() % 40);
  }
  return lifetimes;
}

bool isLiveAt(const Lifetime &life, int64_t step) {
  return std::any_of(life.spans.begin(), life.spans.end(),
                     [&](const Span &span) {
                       return span.first <= step && step <= span.last;
                     });
}

TEST(MemoryPlanner, RandomLifetimes) {
  for (uint32_t seed = 0; seed < 500; ++seed) {
    std::vector<Lifetime> lifetimes = randomLifetimes(seed);
    MemoryPlan plan = planMemory(lifetimes);
    ASSERT_EQ(plan.offsets.size(), lifetimes.size());
    uint64_t sum = 0;
    uint64_t end = 0;
    uint64_t peak = 0;
    for (size_t i = 0; i < lifetimes.size(); ++i) {
      EXPECT_EQ(plan.offsets[i] % 64, 0u);
      sum += lifetimes[i].bytes;
      end = std::max(end, plan.offsets[i] + lifetimes[i].bytes);
      uint64_t live = 0;
      for (size_t j = 0; j < lifetimes.size(); ++j) {
        if (isLiveAt(lifetimes[j], lifetimes[i].spans.front().first))
          live += lifetimes[j].bytes;
        bool shareBytes =
            plan.offsets[i] < plan.offsets[j] + lifetimes[j].bytes &&
            plan.offsets[j] < plan.offsets[i] + lifetimes[i].bytes;
        bool shareSteps = false;
        for (int64_t step = 0; step < 200; ++step)
          shareSteps |=
              isLiveAt(lifetimes[i], step) && isLiveAt(lifetimes[j], step);
        EXPECT_FALSE(i != j && shareBytes && shareSteps) << "seed " << seed;
      }
      peak = std::max(peak, live);
    }
    EXPECT_EQ(plan.totalBytes, end);
    EXPECT_GE(plan.totalBytes, peak);
    EXPECT_LE(plan.totalBytes, sum);
    EXPECT_EQ(planMemory(lifetimes).offsets, plan.offsets);
  }
}

TEST(MemoryPlanner, ReusesAndFillsTheSmallestGap) {
  // 0 and 2 never meet; 3 fits the gap of 128 that 0 leaves below 1.
  std::vector<Lifetime> lifetimes = {
      {{{0, 1}}, 512}, {{{1, 5}}, 448}, {{{2, 5}}, 320}, {{{3, 4}}, 128}};
  MemoryPlan plan = planMemory(lifetimes);
  EXPECT_EQ(plan.offsets, (std::vector<uint64_t>{0, 512, 0, 320}));
  EXPECT_EQ(plan.totalBytes, 960u);
}

TEST(MemoryPlanner, BetweenSpansBytesAreFree) {
  // 1 lives where 0 does not, 2 meets it in its second span.
  std::vector<Lifetime> lifetimes = {
      {{{0, 1}, {8, 9}}, 192}, {{{3, 4}}, 128}, {{{5, 6}, {9, 9}}, 64}};
  MemoryPlan plan = planMemory(lifetimes);
  EXPECT_EQ(plan.offsets, (std::vector<uint64_t>{0, 0, 192}));
  EXPECT_EQ(plan.totalBytes, 256u);
}

TEST(MemoryPlanner, Nothing) { EXPECT_EQ(planMemory({}).totalBytes, 0u); }

} // namespace
