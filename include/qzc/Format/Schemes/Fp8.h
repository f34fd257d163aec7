//===- Fp8.h - The fp8 scheme -----------------------------------*- C++ -*-===//
//
// Codes are e4m3: a sign, four bits of exponent, three of mantissa; no
// infinities, and NaN where all seven bits are set (never stored). One f32
// scale for a row, or for a block of 128 rows and 128 columns, as transformers'
// fine-grained kind has them:
//
//  * factor = 448 · (1 / absmax), rounded twice as PyTorch does;
//    code = w · factor, rounded half to even; scale = 1 / factor. Of zeros the
//    scale is 1.
//  * Decoded: code · scale in f32.
//
// The scale of a block is stored once for each of its rows. Where 128 does not
// divide the columns there is one for 64 or 32 of a row.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_FORMAT_SCHEMES_FP8_H
#define QZC_FORMAT_SCHEMES_FP8_H

#include "qzc/Format/Portable.h"

namespace qzc::format::fp8 {

/// Rows, and columns, that share a scale.
inline constexpr int64_t kBlock = 128;
inline constexpr float kLargest = 448.0f;

/// What values of this absmax are multiplied with; limited, so that the
/// smallest decode to something finite.
QZC_HD float factor(float absmax) {
  const float largest = 3.402823466e+38f;
  if (absmax == 0.0f)
    return 1.0f;
  const float exact = mulRounded(1.0f / absmax, kLargest);
  return exact > largest ? largest : exact;
}

QZC_HD bool isNan(uint8_t code) { return (code & 0x7fu) == 0x7fu; }

/// The value of a code that is no NaN.
QZC_HD float decode(uint8_t code) {
  const uint32_t sign = static_cast<uint32_t>(code & 0x80u) << 24;
  const uint32_t rest = static_cast<uint32_t>(code & 0x7fu) << 20;
  // The exponent is rebiased by a multiplication, which also normalizes
  // subnormals.
  return floatFromBits(sign |
                       floatBits(mulRounded(floatFromBits(rest), 0x1p120f)));
}

/// The nearest code of a finite value, the even one of two; 448 beyond it.
QZC_HD uint8_t encode(float value) {
  const uint32_t bits = floatBits(value);
  const uint32_t sign = bits >> 24 & 0x80u;
  const uint32_t magnitude = bits & 0x7fffffffu;
  // Normal results: rebias the exponent and round away 20 bits.
  const uint32_t normal =
      (magnitude - (120u << 23) + 0x7ffffu + (magnitude >> 20 & 1u)) >> 20;
  // Subnormal results: 2^14 has 2^-9 as its last place, so adding it rounds
  // there.
  const uint32_t subnormal =
      floatBits(addRounded(floatFromBits(magnitude), 0x1p14f)) - 0x46800000u;
  const uint32_t code = magnitude < (121u << 23)  ? subnormal
                        : magnitude > 0x43e80000u ? 0x7eu
                                                  : normal;
  return static_cast<uint8_t>(sign | (code > 0x7eu ? 0x7eu : code));
}

} // namespace qzc::format::fp8

#endif // QZC_FORMAT_SCHEMES_FP8_H
