//===- MemoryPlannerTest.cpp - Invariants on random lifetimes -------------===//

#include "qzc/Dialect/Sched/Transforms/MemoryPlanner.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

using namespace qzc::sched;

namespace {

std::vector<Lifetime> randomLifetimes(uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<Lifetime> lifetimes(1 + random() % 60);
  for (Lifetime &life : lifetimes) {
    life.first = static_cast<int64_t>(random() % 50);
    life.last = life.first + static_cast<int64_t>(random() % 12);
    life.bytes = 64 * (1 + random() % 40);
  }
  return lifetimes;
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
        if (lifetimes[j].first <= lifetimes[i].first &&
            lifetimes[i].first <= lifetimes[j].last)
          live += lifetimes[j].bytes;
        bool shareBytes =
            plan.offsets[i] < plan.offsets[j] + lifetimes[j].bytes &&
            plan.offsets[j] < plan.offsets[i] + lifetimes[i].bytes;
        bool shareSteps = lifetimes[i].first <= lifetimes[j].last &&
                          lifetimes[j].first <= lifetimes[i].last;
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
      {0, 1, 512}, {1, 5, 448}, {2, 5, 320}, {3, 4, 128}};
  MemoryPlan plan = planMemory(lifetimes);
  EXPECT_EQ(plan.offsets, (std::vector<uint64_t>{0, 512, 0, 320}));
  EXPECT_EQ(plan.totalBytes, 960u);
}

TEST(MemoryPlanner, Nothing) { EXPECT_EQ(planMemory({}).totalBytes, 0u); }

} // namespace
