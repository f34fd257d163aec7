//===- Synthetic.h - Weights made from a counter ----------------*- C++ -*-===//
//
// With --weights=synthetic an image stores no weights: the runtime makes the
// stored bytes at load. The bytes of a part (see Scheme.h) are little-endian
// 64-bit words; word i is a function of (seed, source name and rows, part
// index, i) alone. The place of a weight in a plan is no part of it: passes
// move weights, and the interpreter has to find the same values before and
// after them.
//
//   f32, f16, bf16  normal-like values of standard deviation 0.02 (a sum of
//                   four uniform 16-bit numbers), around 1 for the role "norm",
//                   and a tenth of that for the role "bias"
//   8-bit codes     the same sum, as codes in [-127, 127]
//   other codes     uniform, which is how real nf4 codes are distributed
//   scales          what such weights have, ± 25 % uniformly; f32, f16, f16
//   with
//                   a constant minimum or zero point, or quantized themselves,
//                   with uniform codes
//
// A part whose bytes are no multiple of 8 ends with the first bytes of its last
// word.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_FORMAT_SYNTHETIC_H
#define QZC_FORMAT_SYNTHETIC_H

#include "qzc/Format/Manifest.h"
#include "qzc/Format/Schemes/Dense.h"
#include "qzc/Format/Schemes/DoubleQuant.h"

namespace qzc::format {

/// How one part is made.
struct SyntheticPart {
  enum Kind {
    F32,
    F16,
    Bf16,
    Int8Codes,
    E4m3Codes, ///< below 2
    Uniform,
    Scales,
    HalfScales,
    HalfPairs,   ///< a scale and a minimum or zero point, both f16
    KScales,     ///< 16 bytes of Schemes/KScales.h: two f16, and any 12
    SmallScales, ///< any 16 bytes, and an f16
    ScaleGroups
  };
  uint64_t key; ///< of seed, tensor and part
  Kind kind;
  float center; ///< mean of dense values and scales
  /// Of the integer sum (dense), of 1/65536 (scales), of 1 (groups).
  float unit;
  float second; ///< minima and zero points
};

namespace synthetic {

/// Standard deviation of sum(): sqrt(4 · (65536² - 1) / 12).
inline constexpr double kSumDeviation = 37837.226;
/// The largest sum, in deviations.
inline constexpr double kLargest = 131070 / kSumDeviation;

/// Steele, Lea and Flood's SplitMix64 (OOPSLA 2014) at counter `index`.
inline uint64_t hash(uint64_t key, uint64_t index) {
  uint64_t z = key + (index + 1) * 0x9e3779b97f4a7c15ull;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
  return z ^ (z >> 31);
}

/// Roughly normal, in [-131070, 131070].
inline int32_t sum(uint64_t key, uint64_t element) {
  const uint64_t bits = hash(key, element);
  return static_cast<int32_t>((bits & 0xffff) + (bits >> 16 & 0xffff) +
                              (bits >> 32 & 0xffff) + (bits >> 48)) -
         131070;
}

inline float value(const SyntheticPart &part, uint64_t element) {
  const float spread =
      mulRounded(static_cast<float>(sum(part.key, element)), part.unit);
  return addRounded(part.center, spread);
}

/// Scale `i` of the word with these bits.
inline float scale(const SyntheticPart &part, uint64_t bits, uint32_t i) {
  const auto low = static_cast<int32_t>(bits >> i & 0xffff);
  const float spread = mulRounded(static_cast<float>(low - 32768), part.unit);
  return addRounded(part.center, spread);
}

} // namespace synthetic

/// Eight stored bytes, the first in the lowest bits.
inline uint64_t syntheticWord(const SyntheticPart &part, uint64_t word) {
  using synthetic::hash;
  using synthetic::scale;
  using synthetic::sum;
  using synthetic::value;
  uint64_t bytes = 0;
  switch (part.kind) {
  case SyntheticPart::F32:
    for (uint32_t i = 0; i < 2; ++i)
      bytes |= static_cast<uint64_t>(floatBits(value(part, word * 2 + i)))
               << 32 * i;
    break;
  case SyntheticPart::F16:
    for (uint32_t i = 0; i < 4; ++i)
      bytes |= static_cast<uint64_t>(dense::toF16(value(part, word * 4 + i)))
               << 16 * i;
    break;
  case SyntheticPart::Bf16:
    for (uint32_t i = 0; i < 4; ++i)
      bytes |= static_cast<uint64_t>(dense::toBf16(value(part, word * 4 + i)))
               << 16 * i;
    break;
  case SyntheticPart::Int8Codes:
    for (uint32_t i = 0; i < 8; ++i) {
      // 131070 · 127 fits in 32 bits; the division rounds towards zero.
      const int32_t code = sum(part.key, word * 8 + i) * 127 / 131070;
      bytes |= static_cast<uint64_t>(static_cast<uint8_t>(code)) << 8 * i;
    }
    break;
  case SyntheticPart::E4m3Codes:
    bytes = hash(part.key, word) & 0xbfbfbfbfbfbfbfbf;
    break;
  case SyntheticPart::Uniform:
    bytes = hash(part.key, word);
    break;
  case SyntheticPart::Scales:
    for (uint32_t i = 0; i < 64; i += 32)
      bytes |=
          static_cast<uint64_t>(floatBits(scale(part, hash(part.key, word), i)))
          << i;
    break;
  case SyntheticPart::HalfScales:
    for (uint32_t i = 0; i < 64; i += 16)
      bytes |= static_cast<uint64_t>(
                   dense::toF16(scale(part, hash(part.key, word), i)))
               << i;
    break;
  case SyntheticPart::HalfPairs:
    for (uint32_t i = 0; i < 64; i += 32)
      bytes |= (static_cast<uint64_t>(dense::toF16(part.second)) << 16 |
                dense::toF16(scale(part, hash(part.key, word), i)))
               << i;
    break;
  case SyntheticPart::KScales:
    bytes = hash(part.key, word);
    if (word % 2 == 0)
      bytes = bytes << 32 |
              static_cast<uint64_t>(dense::toF16(part.second)) << 16 |
              dense::toF16(part.center);
    break;
  case SyntheticPart::SmallScales:
    bytes = hash(part.key, word);
    for (uint32_t i = 0; i < 8; ++i)
      if (const uint64_t at = (word * 8 + i) % 18; at >= 16) {
        const uint64_t byte = dense::toF16(part.center) >> 8 * (at - 16) & 255;
        bytes = (bytes & ~(uint64_t{255} << 8 * i)) | byte << 8 * i;
      }
    break;
  case SyntheticPart::ScaleGroups:
    // The group's absmax and offset, then its codes.
    if (word % (sizeof(doublequant::ScaleGroup) / 8) == 0)
      bytes = static_cast<uint64_t>(floatBits(part.center)) << 32 |
              floatBits(part.unit);
    else
      bytes = hash(part.key, word);
    break;
  }
  return bytes;
}

/// The recipe for part `part` of a tensor.
SyntheticPart syntheticPart(const Tensor &tensor, size_t part, uint64_t seed);

/// Bytes [begin, begin + bytes) of a part; `begin` is a multiple of 8.
void synthesize(const SyntheticPart &part, uint64_t begin, uint64_t bytes,
                std::byte *out);

} // namespace qzc::format

#endif // QZC_FORMAT_SYNTHETIC_H
