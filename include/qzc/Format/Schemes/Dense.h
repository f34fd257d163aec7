//===- Dense.h - Unquantized elements: f32, f16, bf16 -----------*- C++ -*-===//
//
// Conversions between f32 and the bits of the 16-bit types, rounding half to
// even. Written with integer operations, so that every compiler and machine
// gives the same bits and loops over them vectorize.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_FORMAT_SCHEMES_DENSE_H
#define QZC_FORMAT_SCHEMES_DENSE_H

#include "qzc/Format/Portable.h"

namespace qzc::format::dense {

/// The largest finite f16.
inline constexpr float kLargestF16 = 65504.0f;

QZC_HD float fromBf16(uint16_t bits) {
  return floatFromBits(static_cast<uint32_t>(bits) << 16);
}

/// A finite value; one beyond the largest bf16 becomes an infinity.
QZC_HD uint16_t toBf16(float value) {
  const uint32_t bits = floatBits(value);
  return static_cast<uint16_t>((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}

QZC_HD float fromF16(uint16_t bits) {
  const uint32_t sign = static_cast<uint32_t>(bits & 0x8000u) << 16;
  const uint32_t magnitude = bits & 0x7fffu;
  // The exponent is rebiased by a multiplication, which also normalizes
  // subnormals; infinities and NaNs get their exponent back by hand.
  const uint32_t scaled =
      floatBits(mulRounded(floatFromBits(magnitude << 13), 0x1p112f));
  const uint32_t special = magnitude >= 0x7c00u ? 0x7f800000u : 0u;
  return floatFromBits(sign | scaled | special);
}

/// A finite value; one that rounds beyond kLargestF16 becomes an infinity.
QZC_HD uint16_t toF16(float value) {
  const uint32_t bits = floatBits(value);
  const uint32_t sign = bits >> 16 & 0x8000u;
  const uint32_t magnitude = bits & 0x7fffffffu;
  // Normal results: rebias the exponent and round away 13 bits.
  const uint32_t normal =
      (magnitude - (112u << 23) + 0xfffu + (magnitude >> 13 & 1u)) >> 13;
  // Subnormal results: 0.5 has the bits of 2^-24 as its last place, so adding
  // it rounds there.
  const uint32_t subnormal =
      floatBits(addRounded(floatFromBits(magnitude), 0.5f)) - 0x3f000000u;
  const uint32_t small = magnitude < (113u << 23) ? subnormal : normal;
  return static_cast<uint16_t>(sign |
                               (magnitude >= 0x477ff000u ? 0x7c00u : small));
}

} // namespace qzc::format::dense

#endif // QZC_FORMAT_SCHEMES_DENSE_H
