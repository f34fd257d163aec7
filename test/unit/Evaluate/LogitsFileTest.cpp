//===- LogitsFileTest.cpp - Heads of files of logits ----------------------===//

#include "qzc/Evaluate/LogitsFile.h"
#include "qzc/Support/Npy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace qzc::evaluate {
namespace {

TEST(LogitsFile, HeadsComeBack) {
  for (LogitsShape shape : {LogitsShape{1, 1}, LogitsShape{283000, 49152},
                            LogitsShape{int64_t{1} << 40, 256000}}) {
    std::string head = logitsHead(shape);
    EXPECT_EQ(head.size() % 64, 0U);
    EXPECT_EQ(npyHeadBytes(head.substr(0, kNpyPrefixBytes)), head.size());
    auto got = parseLogitsHead(head);
    ASSERT_TRUE(got);
    EXPECT_EQ(got->rows, shape.rows);
    EXPECT_EQ(got->vocab, shape.vocab);
  }
  EXPECT_THAT(logitsHead({3, 5}),
              testing::HasSubstr("{'descr': [('target', '<i4'), ('logits', "
                                 "'<f4', (5,))], 'fortran_order': False, "
                                 "'shape': (3, ), }"));
}

TEST(LogitsFile, AnythingElseIsNone) {
  const std::string good = logitsHead({3, 5});
  EXPECT_FALSE(parseLogitsHead(""));
  EXPECT_FALSE(parseLogitsHead(good.substr(0, good.size() - 1)));
  EXPECT_FALSE(parseLogitsHead(good + " "));
  for (size_t i = 0; i < good.size(); ++i) {
    std::string damaged = good;
    damaged[i] ^= 16;
    EXPECT_FALSE(parseLogitsHead(damaged)) << i;
  }
  EXPECT_FALSE(parseLogitsHead(logitsHead({0, 5})));
  EXPECT_FALSE(parseLogitsHead(logitsHead({3, -5})));
  EXPECT_FALSE(parseLogitsHead(logitsHead({3, int64_t{1} << 40})));
  EXPECT_FALSE(npyHeadBytes("PK\x03\x04______"));
  EXPECT_FALSE(npyHeadBytes(good));
}

} // namespace
} // namespace qzc::evaluate
