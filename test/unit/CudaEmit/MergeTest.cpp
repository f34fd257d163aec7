//===- MergeTest.cpp - Ranges of a context become one result --------------===//

#include "Emulator.h"

#include "Attention.cuh"

#include <algorithm>
#include <gtest/gtest.h>

using namespace qzc::kernels;

namespace {
/// Records of D sums, m and l, as the warps and blocks of attention leave them:
/// some have seen no position.
TEST(MergeTest, IsTheSoftmaxOverAllRecords) {
  constexpr int kSums = 3;
  constexpr int kRecord = kSums + 2;
  unsigned state = 1;
  const auto random = [&] {
    state = state * 1664525u + 1013904223u;
    return static_cast<float>(state >> 8) / (1 << 24);
  };
  for (int count = 1; count <= 20; ++count) {
    std::vector<float> records;
    double top = -INFINITY;
    for (int i = 0; i != count; ++i) {
      // The first one is never empty.
      const bool empty = i % 5 == 4;
      for (int d = 0; d != kSums; ++d)
        records.push_back(empty ? 0.0f : 4 * random() - 2);
      records.push_back(empty ? -INFINITY : 60 * random() - 30);
      records.push_back(empty ? 0.0f : 1 + random());
      top = std::max<double>(top, records[size_t(i * kRecord + kSums)]);
    }
    for (int d = 0; d != kSums; ++d) {
      double sum = 0;
      double l = 0;
      for (int i = 0; i != count; ++i) {
        const float *record = records.data() + i * kRecord;
        const double factor = std::exp2(record[kSums] - top);
        sum += record[d] * factor;
        l += record[kSums + 1] * factor;
      }
      const OnlineSoftmax<1> merged =
          mergeRecords<kSums>(count, d, [&](int i, int e) {
            return records[size_t(i * kRecord + e)];
          });
      EXPECT_EQ(merged.m, static_cast<float>(top));
      EXPECT_NEAR(merged.l, l, 1e-5 * l);
      EXPECT_NEAR(merged.sum[0], sum, 1e-5 * l) << count << " records";
    }
  }
}
} // namespace
