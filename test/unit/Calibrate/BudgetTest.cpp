//===- BudgetTest.cpp - The least error within a budget -------------------===//

#include "qzc/Calibrate/Budget.h"

#include "qzc/Support/Error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <limits>
#include <random>

using namespace qzc;
using namespace qzc::calibrate;

static std::vector<BudgetItem> randomItems(size_t count, uint64_t step,
                                           std::mt19937 &random) {
  std::uniform_int_distribution<uint64_t> size(1, 40);
  std::uniform_real_distribution<double> share(0.2, 0.9);
  std::uniform_int_distribution<size_t> choices(1, 5);
  std::vector<BudgetItem> items;
  for (size_t i = 0; i < count; ++i) {
    BudgetItem &item = items.emplace_back();
    double error = share(random);
    uint64_t bytes = size(random) * step;
    for (size_t left = choices(random); left-- > 0;) {
      item.choices.push_back({{}, bytes, error});
      bytes += size(random) * step;
      error *= share(random);
    }
    std::shuffle(item.choices.begin(), item.choices.end(), random);
  }
  return items;
}

/// Tries everything.
static double leastError(const std::vector<BudgetItem> &items, size_t at,
                         uint64_t bytes) {
  if (at == items.size())
    return 0;
  double best = std::numeric_limits<double>::infinity();
  for (const Choice &choice : items[at].choices)
    if (choice.bytes <= bytes)
      best = std::min(
          best, choice.error + leastError(items, at + 1, bytes - choice.bytes));
  return best;
}

TEST(Budget, IsSpentWithTheLeastError) {
  std::mt19937 random(1);
  for (int trial = 0; trial < 200; ++trial) {
    const std::vector<BudgetItem> items =
        randomItems(1 + static_cast<size_t>(trial) % 6, 1 + trial % 7, random);
    const uint64_t budget =
        std::uniform_int_distribution<uint64_t>(1, 900)(random);
    const double best = leastError(items, 0, budget);
    if (best == std::numeric_limits<double>::infinity()) {
      EXPECT_THROW(solveBudget(items, budget), Error);
      continue;
    }
    const BudgetSolution found = solveBudget(items, budget);
    uint64_t bytes = 0;
    double error = 0;
    for (size_t i = 0; i < items.size(); ++i) {
      bytes += items[i].choices.at(found.chosen[i]).bytes;
      error += items[i].choices.at(found.chosen[i]).error;
    }
    EXPECT_LE(bytes, budget);
    EXPECT_EQ(bytes, found.bytes);
    EXPECT_NEAR(error, best, 1e-12);
    EXPECT_NEAR(found.error, best, 1e-12);
    EXPECT_EQ(found.bound, found.error);
  }
}

TEST(Budget, OfManyBytesIsNearlyTheLeast) {
  // Sums of sizes that share no factor, too many to tell apart.
  std::mt19937 random(2);
  const std::vector<BudgetItem> items = randomItems(60, 1000003, random);
  std::vector<BudgetItem> uneven = items;
  for (size_t i = 0; i < uneven.size(); ++i)
    for (Choice &choice : uneven[i].choices)
      choice.bytes += i;
  uint64_t least = 0;
  uint64_t most = 0;
  for (const BudgetItem &item : uneven) {
    uint64_t low = std::numeric_limits<uint64_t>::max();
    uint64_t high = 0;
    for (const Choice &choice : item.choices) {
      low = std::min(low, choice.bytes);
      high = std::max(high, choice.bytes);
    }
    least += low;
    most += high;
  }
  const uint64_t budget = least + (most - least) / 3 + 7;
  uneven.back().choices.front().bytes += 1;
  const BudgetSolution found = solveBudget(uneven, budget);
  EXPECT_LE(found.bytes, budget);
  EXPECT_LE(found.bound, found.error);
  EXPECT_LT(found.error, 1.01 * found.bound);
}

TEST(Budget, BoundIsBelowWhatIsPossible) {
  std::mt19937 random(3);
  for (int trial = 0; trial < 50; ++trial) {
    std::vector<BudgetItem> items = randomItems(6, 1000003, random);
    // Sizes without a common factor: sums are not exact.
    items[0].choices.push_back({{}, items[0].choices[0].bytes + 1, 1.0});
    uint64_t budget = 0;
    for (const BudgetItem &item : items)
      budget += item.choices[0].bytes;
    const BudgetSolution found = solveBudget(items, budget);
    EXPECT_LE(found.bound, leastError(items, 0, budget) * (1 + 1e-9) + 1e-12);
  }
}

TEST(Budget, ThatIsTooSmallSaysWhatIsNeeded) {
  std::vector<BudgetItem> items(2);
  items[0].choices = {{{}, 300, 0.1}, {{}, 200, 0.2}};
  items[1].choices = {{{}, 500, 0.1}};
  try {
    solveBudget(items, 699);
    FAIL() << "no error";
  } catch (const Error &error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("700"));
  }
  EXPECT_EQ(solveBudget(items, 700).bytes, 700u);
  EXPECT_EQ(solveBudget(items, 800).bytes, 800u);
}
