//===- ChoiceTest.cpp - Multiple choice by log-likelihood -----------------===//

#include "qzc/Evaluate/Choice.h"

#include <cmath>
#include <gtest/gtest.h>

namespace qzc::evaluate {
namespace {

TEST(Choice, TakesTheLikeliest) {
  // By length: -3, -2, -2.5 a character.
  const Choice choice = choose({-6, -8, -25}, {2, 4, 10});
  EXPECT_EQ(choice.likeliest, 0u);
  EXPECT_EQ(choice.likeliestByLength, 1u);
}

TEST(Choice, TakesTheFirstAmongEquals) {
  const Choice choice = choose({-9, -4, -4}, {9, 2, 4});
  EXPECT_EQ(choice.likeliest, 1u);
  EXPECT_EQ(choice.likeliestByLength, 0u);
  EXPECT_EQ(choose({-4, -2}, {4, 2}).likeliestByLength, 0u);
}

TEST(Choice, CountsNoLengthAsOne) {
  EXPECT_EQ(choose({-3, -4}, {0, 2}).likeliestByLength, 1u);
}

TEST(Choice, CountsCharactersNotBytes) {
  EXPECT_EQ(countCharacters(""), 0u);
  EXPECT_EQ(countCharacters("naïve"), 5u);
  EXPECT_EQ(countCharacters("\u20ac\U0001F600"), 2u);
}

TEST(Choice, AccuracyHasTheErrorOfAMean) {
  const Estimate estimate = accuracy({true, false, true, true});
  EXPECT_DOUBLE_EQ(estimate.value, 0.75);
  // The sample's standard deviation, 0.5, by the root of 4.
  EXPECT_NEAR(estimate.error, 0.25, 1e-12);
}

TEST(Choice, DifferencesArePaired) {
  const Estimate same = accuracyDifference({true, false}, {true, false});
  EXPECT_EQ(same.value, 0);
  EXPECT_EQ(same.error, 0);
  const Estimate changed =
      accuracyDifference({true, true, true, false}, {true, false, false, true});
  EXPECT_DOUBLE_EQ(changed.value, 0.25);
  EXPECT_NEAR(changed.error, std::sqrt((0.75 - 0.0625) / 3), 1e-12);
}

} // namespace
} // namespace qzc::evaluate
