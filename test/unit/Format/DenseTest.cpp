//===- DenseTest.cpp - Conversions of 16-bit floats -----------------------===//

#include "qzc/Format/Schemes/Dense.h"

#include <cmath>
#include <gtest/gtest.h>

using namespace qzc::format;

/// The value of f16 bits by definition.
static float valueOfF16(uint16_t bits) {
  const int exponent = bits >> 10 & 31;
  const int fraction = bits & 1023;
  const float magnitude =
      exponent == 0 ? std::ldexp(float(fraction), -24)
                    : std::ldexp(float(1024 + fraction), exponent - 25);
  return bits & 0x8000 ? -magnitude : magnitude;
}

static bool isFiniteF16(uint16_t bits) { return (bits & 0x7c00) != 0x7c00; }

TEST(Dense, EveryF16IsDecodedByDefinition) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const auto half = static_cast<uint16_t>(bits);
    const float value = dense::fromF16(half);
    if (isFiniteF16(half)) {
      EXPECT_EQ(floatBits(value), floatBits(valueOfF16(half))) << bits;
    } else {
      EXPECT_EQ(std::isnan(value), (bits & 1023) != 0) << bits;
      EXPECT_FALSE(std::isfinite(value)) << bits;
    }
  }
}

TEST(Dense, EveryFiniteHalfSurvivesARoundTrip) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const auto half = static_cast<uint16_t>(bits);
    if (isFiniteF16(half)) {
      EXPECT_EQ(dense::toF16(dense::fromF16(half)), half);
    }
    if ((half & 0x7f80) != 0x7f80) {
      EXPECT_EQ(dense::toBf16(dense::fromBf16(half)), half);
    }
  }
}

/// Neighbours of the same sign: the middle goes to the even one, everything
/// beside it to the nearer.
template <typename To, typename From>
static void checkRounding(uint16_t lower, To to, From from) {
  const auto upper = static_cast<uint16_t>(lower + 1);
  const float middle = static_cast<float>(
      (static_cast<double>(from(lower)) + static_cast<double>(from(upper))) /
      2);
  EXPECT_EQ(to(middle), lower & 1 ? upper : lower) << lower;
  EXPECT_EQ(to(std::nextafter(middle, from(lower))), lower) << lower;
  EXPECT_EQ(to(std::nextafter(middle, from(upper))), upper) << lower;
}

TEST(Dense, RoundsHalfToEven) {
  for (uint32_t bits = 0; bits < 0xfbff; ++bits)
    if (isFiniteF16(static_cast<uint16_t>(bits)) &&
        isFiniteF16(static_cast<uint16_t>(bits + 1)))
      checkRounding(static_cast<uint16_t>(bits), dense::toF16, dense::fromF16);
  for (uint32_t bits = 0; bits < 0xff7f; ++bits)
    if ((bits & 0x7f80) != 0x7f80 && ((bits + 1) & 0x7f80) != 0x7f80)
      checkRounding(static_cast<uint16_t>(bits), dense::toBf16,
                    dense::fromBf16);
}

TEST(Dense, OverflowBecomesInfinite) {
  EXPECT_EQ(dense::toF16(65504.0f), 0x7bff);
  EXPECT_EQ(dense::toF16(std::nextafter(65520.0f, 0.0f)), 0x7bff);
  EXPECT_EQ(dense::toF16(65520.0f), 0x7c00);
  EXPECT_EQ(dense::toF16(-1e30f), 0xfc00);
  EXPECT_EQ(dense::toBf16(3.4028235e38f), 0x7f80);
}
