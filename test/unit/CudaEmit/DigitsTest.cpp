//===- DigitsTest.cpp - Activations as two signed bytes -------------------===//

#include "Emulator.h"

#include "Convert.cuh"

#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>
#include <random>

using namespace qzc::kernels;

namespace {
int byteOf(const uint2 &eight, int i) {
  return static_cast<signed char>((i < 4 ? eight.x : eight.y) >> (i % 4 * 8));
}

TEST(DigitsTest, AreTheInteger) {
  for (int first = -kMostDigits; first <= kMostDigits; first += 8) {
    float v[8];
    for (int i = 0; i != 8; ++i)
      v[i] = static_cast<float>(std::min(first + i, kMostDigits));
    const EightDigits digits(v, 1.0f);
    for (int i = 0; i != 8; ++i)
      EXPECT_EQ(256 * byteOf(digits.high, i) + byteOf(digits.low, i), v[i]);
  }
}

/// Errors of products with random codes, relative to them, of rows whose
/// largest element is about `outlier` times the others.
struct Lost {
  double digits = 0, halves = 0;
};
Lost lostWith(float outlier) {
  constexpr int kInputs = 2048;
  constexpr int kRows = 16;
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  std::uniform_real_distribution<float> around(0.7f, 1.4f);
  std::uniform_int_distribution<int> code(-127, 127);
  Lost lost;
  double squares = 0;
  for (int row = 0; row != kRows; ++row) {
    std::vector<float> x(kInputs);
    std::generate(x.begin(), x.end(), [&] { return normal(random); });
    x[size_t(row)] = outlier * around(random);
    float largest = 0;
    for (float value : x)
      largest = std::max(largest, std::fabs(value));
    double ofDigits = 0, ofHalves = 0, sum = 0;
    for (size_t i = 0; i != kInputs; i += 8) {
      float eight[8];
      std::copy_n(x.begin() + i, 8, eight);
      const EightDigits digits(eight, kMostDigits / largest);
      for (int e = 0; e != 8; ++e) {
        const double weight = code(random);
        const double integer =
            256 * byteOf(digits.high, e) + byteOf(digits.low, e);
        const double value = eight[e];
        sum += weight * value;
        ofDigits += weight * (integer * largest / kMostDigits - value);
        ofHalves += weight * (toFloat(toHalf(eight[e])) - value);
      }
    }
    squares += sum * sum;
    lost.digits += ofDigits * ofDigits;
    lost.halves += ofHalves * ofHalves;
  }
  return {std::sqrt(lost.digits / squares), std::sqrt(lost.halves / squares)};
}

TEST(DigitsTest, LoseLessThanHalvesButForOutliers) {
  for (const auto &[outlier, most] :
       {std::pair(4.0f, 0.25), {10.0f, 0.6}, {1000.0f, 2.5}}) {
    const Lost lost = lostWith(outlier);
    EXPECT_LT(lost.halves, 4e-4) << outlier;
    EXPECT_LT(lost.digits, most * lost.halves) << outlier;
  }
}
} // namespace
