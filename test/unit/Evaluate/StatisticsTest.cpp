//===- StatisticsTest.cpp - Means and deviations --------------------------===//

#include "qzc/Evaluate/Statistics.h"

#include <cmath>
#include <gtest/gtest.h>

using namespace qzc::evaluate;

TEST(Statistics, OfASample) {
  Spread spread = spreadOf({2, 4, 4, 4, 5, 5, 7, 9});
  EXPECT_DOUBLE_EQ(spread.mean, 5);
  EXPECT_DOUBLE_EQ(spread.deviation, std::sqrt(32.0 / 7));
}

TEST(Statistics, OfOneValue) {
  Spread spread = spreadOf({3});
  EXPECT_EQ(spread.mean, 3);
  EXPECT_EQ(spread.deviation, 0);
}

TEST(Statistics, SmallDifferencesOfLargeValues) {
  EXPECT_NEAR(spreadOf({1e9 + 1, 1e9 + 2, 1e9 + 3}).deviation, 1, 1e-6);
}
