//===- RowViewTest.cpp - Some rows of a stored weight ---------------------===//

#include "qzc/Format/RowView.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace qzc::format;
using testing::ElementsAre;
using testing::HasSubstr;

namespace {
using Ranges = std::vector<std::pair<int64_t, int64_t>>;

std::vector<int64_t> rowsOf(const RowView &view) {
  std::vector<int64_t> rows;
  for (int64_t row = 0; row < view.rows; ++row)
    rows.push_back(view.stored(row));
  return rows;
}

TEST(RowView, OfRanges) {
  const auto rows = [](const Ranges &ranges) {
    return rowsOf(viewOfRanges(ranges).value());
  };
  EXPECT_THAT(rows({{3, 6}}), ElementsAre(3, 4, 5));
  EXPECT_THAT(rows({{1, 3}, {6, 8}, {11, 13}}),
              ElementsAre(1, 2, 6, 7, 11, 12));
  EXPECT_THAT(rows({{0, 1}, {2, 3}, {4, 5}}), ElementsAre(0, 2, 4));
  EXPECT_TRUE(viewOfRanges({{2, 4}, {4, 6}})->isOneRun());
  EXPECT_FALSE(viewOfRanges({{2, 4}, {5, 7}})->isOneRun());
  // Nothing, another length, another distance.
  for (const Ranges &ranges :
       {Ranges{}, {{0, 2}, {4, 5}}, {{0, 1}, {2, 3}, {5, 6}}})
    EXPECT_FALSE(viewOfRanges(ranges));
}

TEST(RowView, MustLieInsideItsWeight) {
  const auto wrong = [](const RowView &view) {
    const auto problem = checkRowView(view, 12);
    return std::string(problem.value_or("nothing"));
  };
  EXPECT_EQ(wrong(RowView::all(12)), "nothing");
  EXPECT_EQ(wrong({2, 6, 2, 4}), "nothing"); // the last two rows end it
  EXPECT_THAT(wrong({3, 6, 2, 4}), HasSubstr("ends after"));
  EXPECT_THAT(wrong({11, 2, 2, 2}), HasSubstr("ends after"));
  EXPECT_THAT(wrong({-1, 2, 2, 2}), HasSubstr("rows out of range"));
  EXPECT_THAT(wrong({0, 0, 1, 1}), HasSubstr("rows out of range"));
  EXPECT_THAT(wrong({0, 13, 13, 13}), HasSubstr("rows out of range"));
  EXPECT_THAT(wrong({0, 6, 4, 6}), HasSubstr("do not divide"));
  EXPECT_THAT(wrong({0, 6, 0, 6}), HasSubstr("do not divide"));
  EXPECT_THAT(wrong({0, 6, 2, 1}), HasSubstr("runs out of range"));
  EXPECT_THAT(wrong({0, 6, 2, INT64_MAX}), HasSubstr("runs out of range"));
  EXPECT_THAT(wrong({INT64_MAX, 1, 1, 1}), HasSubstr("ends after"));
}
} // namespace
