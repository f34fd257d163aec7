//===- SequenceTableTest.cpp - Sequences and their pages ------------------===//

#include "qzc/Runtime/SequenceTable.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

using namespace qzc;
using namespace qzc::runtime;
using testing::HasSubstr;
using testing::ThrowsMessage;

namespace {

Piece piece(int sequence, int64_t position, int64_t count) {
  Piece result;
  result.sequence = sequence;
  result.position = position;
  result.count = count;
  return result;
}

/// Memory of so many pages, numbered from 1.
class SequenceTableTest : public testing::Test {
protected:
  SequenceTable make(int64_t sequences, int64_t context, int64_t pageSize) {
    return {sequences, context, pageSize, [this](int64_t pages) {
              if (Made + pages > Most)
                throw Error("no memory for " + std::to_string(pages));
              std::vector<uint64_t> addresses;
              while (pages-- > 0)
                addresses.push_back(static_cast<uint64_t>(++Made));
              return addresses;
            }};
  }
  int64_t Most = 1000;
  int64_t Made = 0;
};

TEST_F(SequenceTableTest, PagesGrowWithTheirSequences) {
  SequenceTable table = make(2, 100, 16);
  EXPECT_EQ(table.pagesPerSequence(), 7);
  const int a = table.open();
  const int b = table.open();
  EXPECT_EQ(Made, 0);
  table.prepare({piece(a, 0, 16), piece(b, 0, 17)});
  EXPECT_EQ(table.pageCount(a), 1);
  EXPECT_EQ(table.pageCount(b), 2);
  table.setLength(a, 16);
  table.setLength(b, 17);
  table.prepare(std::vector<Step>{{a, 16, 0}}, 84);
  EXPECT_EQ(table.pageCount(a), 7);
  std::set<uint64_t> all(table.pages(a), table.pages(a) + 7);
  all.insert(table.pages(b), table.pages(b) + 2);
  EXPECT_EQ(all.size(), 9U);
  EXPECT_EQ(table.allPages(), 9);
}

TEST_F(SequenceTableTest, ClosedSequencesGiveTheirPagesToOthers) {
  SequenceTable table = make(3, 64, 16);
  for (int i = 0; i != 1000; ++i) {
    const int a = table.open();
    const int b = table.open();
    table.prepare({piece(a, 0, 40), piece(b, 0, 1 + i % 64)});
    table.close(a);
    table.close(b);
  }
  EXPECT_LE(Made, 3 + 4);
}

TEST_F(SequenceTableTest, WhatDoesNotFitConcernsOneSequence) {
  SequenceTable table = make(3, 64, 16);
  Most = 3;
  const int a = table.open();
  const int b = table.open();
  const int c = table.open();
  table.prepare({piece(a, 0, 16)});
  table.setLength(a, 16);
  const auto failing = [&](const std::vector<Piece> &batch,
                           Shortage shortage = Shortage::Memory) {
    try {
      table.prepare(batch);
    } catch (const SequenceError &error) {
      EXPECT_EQ(error.shortage(), shortage);
      return error.sequence();
    }
    return -1;
  };
  // Memory: nothing has changed for anybody.
  EXPECT_EQ(failing({piece(a, 16, 10), piece(b, 0, 10), piece(c, 0, 10)}), c);
  EXPECT_EQ(table.pageCount(a), 1);
  EXPECT_EQ(table.pageCount(b), 0);
  EXPECT_EQ(failing({piece(a, 16, 10), piece(b, 0, 10)}), -1);
  // The context.
  EXPECT_EQ(failing({piece(c, 0, 1), piece(a, 16, 49)}, Shortage::Context), a);
  EXPECT_THAT(
      [&] {
        table.prepare(std::vector<Step>{{a, 16, 0}}, 49);
      },
      ThrowsMessage<SequenceError>(
          HasSubstr("the context of 64 tokens is full")));
}

TEST_F(SequenceTableTest, CallsThatMakeNoSenseAreErrors) {
  SequenceTable table = make(2, 64, 16);
  const int a = table.open();
  EXPECT_THAT([&] { table.prepare({piece(a, 1, 1)}); },
              ThrowsMessage<Error>(HasSubstr("it cannot take 1 tokens at 1")));
  EXPECT_THAT(
      [&] {
        table.prepare({piece(a, 0, 1), piece(a, 0, 1)});
      },
      ThrowsMessage<Error>(HasSubstr("named twice")));
  EXPECT_THAT([&] { table.prepare({piece(1, 0, 1)}); },
              ThrowsMessage<Error>(HasSubstr("there is no sequence 1")));
  table.open();
  EXPECT_THAT([&] { table.open(); },
              ThrowsMessage<Error>(HasSubstr("all 2 sequences")));
  table.close(a);
  EXPECT_THROW(table.close(a), Error);
  EXPECT_EQ(table.open(), a);
  EXPECT_EQ(table.length(a), 0);
}

} // namespace
