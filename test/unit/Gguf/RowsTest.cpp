//===- RowsTest.cpp - Which rows of its source a tensor holds -------------===//

#include "Rows.h"

#include "qzc/Support/Error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace qzc::gguf {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

std::vector<int64_t> rowsIn(const Ranges &ranges) {
  std::vector<int64_t> rows;
  for (const auto &[low, high] : ranges)
    for (int64_t row = low; row < high; ++row)
      rows.push_back(row);
  return rows;
}

TEST(Rows, OfAWholeSource) {
  format::TensorSource source;
  source.shape = {8, 5};
  EXPECT_THAT(source.heldRows(), ElementsAre(Pair(0, 8)));
  source.transposed = true;
  EXPECT_THAT(source.heldRows(), ElementsAre(Pair(0, 5)));
  source.rows = {{1, 3}};
  EXPECT_THAT(source.heldRows(), ElementsAre(Pair(1, 3)));
}

TEST(Rows, OfPartsOfWhatATensorHolds) {
  format::TensorSource source;
  source.shape = {20, 5};
  EXPECT_THAT(inSource(source, {{2, 4}, {6, 8}}),
              ElementsAre(Pair(2, 4), Pair(6, 8)));
  // Rows 3, 4, 10, 11, 12 of the source.
  source.rows = {{3, 5}, {10, 13}};
  EXPECT_THAT(inSource(source, {{0, 1}, {1, 4}, {4, 5}}),
              ElementsAre(Pair(3, 4), Pair(4, 5), Pair(10, 12), Pair(12, 13)));
}

TEST(Rows, HalvesOfEachHeadInterleave) {
  EXPECT_THAT(rowsIn(interleaved({{0, 8}}, 2)),
              ElementsAre(0, 2, 1, 3, 4, 6, 5, 7));
  EXPECT_THAT(rowsIn(interleaved({{2, 4}, {10, 12}}, 1)),
              ElementsAre(2, 10, 3, 11));
}

Part part(const std::string &name, Ranges rows) {
  Part result;
  result.source.name = name;
  result.source.shape = {6, 5};
  result.source.rows = std::move(rows);
  return result;
}

std::string refusal(std::vector<Part> parts) {
  Tensor tensor;
  tensor.info.name = "t";
  tensor.parts = std::move(parts);
  try {
    orderParts(tensor);
  } catch (const Error &error) {
    return error.what();
  }
  return "accepted";
}

TEST(Rows, PartsMakeUpTheirSource) {
  Tensor tensor;
  tensor.parts = {part("w", {{4, 6}}), part("w", {{0, 4}})};
  orderParts(tensor);
  EXPECT_THAT(tensor.parts[0].source.rows, ElementsAre(Pair(0, 4)));
  EXPECT_THAT(refusal({part("w", {{0, 4}})}), HasSubstr("4 of the 6 rows"));
  EXPECT_THAT(refusal({part("w", {{0, 4}}), part("w", {{3, 6}})}),
              HasSubstr("row 3 of 'w' twice"));
  EXPECT_THAT(refusal({part("w", {{0, 4}}), part("v", {{4, 6}})}),
              HasSubstr("'w' and 'v'"));
}

} // namespace
} // namespace qzc::gguf
