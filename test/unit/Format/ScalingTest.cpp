//===- ScalingTest.cpp - Inputs of layers that are scaled -----------------===//

#include "qzc/Format/Scaling.h"

#include <gtest/gtest.h>

using namespace qzc::format;

TEST(Scaling, RowsMakeTheFirstOfTheHeadsThatShareThem) {
  Scaling scaling;
  EXPECT_EQ(scaling.columnOf(13), 13);
  scaling.width = 4;
  scaling.repeats = 3;
  EXPECT_EQ(scaling.columnOf(3), 3);
  EXPECT_EQ(scaling.columnOf(4), 12);
  EXPECT_EQ(scaling.columnOf(9), 25);
}

TEST(Scaling, WhatContradictsItselfIsRefused) {
  EXPECT_FALSE(checkScaling({}, 12));
  EXPECT_FALSE(checkScaling({1, 0, false, 4, 3}, 12));
  EXPECT_TRUE(checkScaling({-2, 0, false, 0, 1}, 12));
  EXPECT_TRUE(checkScaling({3, 3, false, 0, 1}, 12));
  EXPECT_TRUE(checkScaling({3, -1, true, 0, 1}, 12));
  EXPECT_TRUE(checkScaling({1, 0, false, 5, 3}, 12));
  EXPECT_TRUE(checkScaling({1, 0, false, 4, 0}, 12));
  EXPECT_TRUE(checkScaling({1, 0, false, 0, 2}, 12));
  EXPECT_TRUE(checkScaling({int64_t{1} << 31, 0, false, 0, 1}, 12));
}

TEST(Scaling, PiecesAreScaledByTheirPlace) {
  const Factors factors = {{2, 4, 8}, {1, 10}, false};
  // Elements 2 to 4 of [2, 3].
  float values[] = {3, 5, 7};
  factors.apply(2, 3, 3, values);
  EXPECT_EQ(values[0], 24.0f);
  EXPECT_EQ(values[1], 1.0f);
  EXPECT_EQ(values[2], 2.8f);
  factors.undo(2, 3, 3, values);
  EXPECT_EQ(values[0], 3.0f);
  EXPECT_EQ(values[1], 5.0f);
  EXPECT_EQ(values[2], 7.0f);
}

TEST(Scaling, AnOffsetIsScaledToo) {
  const Factors factors = {{}, {2, 4}, true};
  float values[] = {3, 0};
  factors.apply(0, 2, 1, values);
  EXPECT_EQ(values[0], 1.0f);
  EXPECT_EQ(values[1], -0.75f);
  factors.undo(0, 2, 1, values);
  EXPECT_EQ(values[0], 3.0f);
  EXPECT_EQ(values[1], 0.0f);
}
