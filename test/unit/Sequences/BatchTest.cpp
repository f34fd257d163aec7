//===- BatchTest.cpp - Batches in passes ----------------------------------===//

#include "qzc/Runtime/Batch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace qzc::runtime;

namespace {

std::vector<Piece> piecesOf(const std::vector<int64_t> &counts) {
  std::vector<Piece> batch;
  for (int64_t count : counts) {
    batch.emplace_back();
    batch.back().count = count;
  }
  return batch;
}

TEST(BatchTest, PassesAreFullAndInOrder) {
  const std::vector<Piece> batch = piecesOf({3, 9, 1, 4});
  for (int64_t chunk : {1, 2, 5, 9, 17, 100}) {
    const std::vector<Pass> passes = cutIntoPasses(batch, chunk);
    size_t piece = 0;
    int64_t token = 0;
    for (const Pass &pass : passes) {
      EXPECT_LE(pass.rows, chunk);
      EXPECT_TRUE(pass.rows == chunk || &pass == &passes.back());
      int64_t row = 0;
      for (const Segment &segment : pass.segments) {
        EXPECT_EQ(segment.row, row);
        EXPECT_EQ(segment.piece, piece);
        EXPECT_EQ(segment.begin, token);
        ASSERT_GT(segment.count(), 0);
        row += segment.count();
        token = segment.end;
        if (token == batch[piece].count) {
          ++piece;
          token = 0;
        }
      }
      EXPECT_EQ(pass.rows, row);
    }
    EXPECT_EQ(piece, batch.size());
  }
}

TEST(BatchTest, WantedRowsAreThoseAskedFor) {
  std::vector<Piece> batch = piecesOf({4, 3, 2});
  float out = 0;
  batch[0].losses = &out;
  batch[0].firstRow = 2;
  batch[1].firstRow = 0; // nothing to write them to
  batch[2].logits = &out;
  batch[2].firstRow = 1;
  EXPECT_FALSE(wantsLastLogitsOnly(batch[0]));
  EXPECT_TRUE(wantsLastLogitsOnly(batch[2]));
  const auto all = [](const Piece &) { return true; };
  const auto rowsOf = [&](int64_t chunk, size_t pass) {
    std::vector<int64_t> rows;
    for (const WantedRow &row :
         wantedRows(batch, cutIntoPasses(batch, chunk)[pass], all))
      rows.insert(rows.end(),
                  {row.row, static_cast<int64_t>(row.piece), row.token});
    return rows;
  };
  EXPECT_THAT(rowsOf(100, 0), testing::ElementsAre(2, 0, 2, 3, 0, 3, 8, 2, 1));
  EXPECT_THAT(rowsOf(3, 1), testing::ElementsAre(0, 0, 3));
  EXPECT_THAT(rowsOf(3, 2), testing::ElementsAre(2, 2, 1));
  const std::vector<WantedRow> wanted =
      wantedRows(batch, cutIntoPasses(batch, 100)[0], all);
  EXPECT_EQ(runOfRows(wanted, 0, 10), 2);
  EXPECT_EQ(runOfRows(wanted, 0, 1), 1);
  EXPECT_EQ(runOfRows(wanted, 2, 10), 1);
}

} // namespace
