//===- GroupedIntTraits.h - Schemes of linear codes in groups ---*- C++ -*-===//
//
// int4 and int3 differ in their bits alone.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_LIB_FORMAT_SCHEMES_GROUPEDINTTRAITS_H
#define QZC_LIB_FORMAT_SCHEMES_GROUPEDINTTRAITS_H

#include "PlanarTraits.h"

#include "qzc/Format/Schemes/Dense.h"
#include "qzc/Format/Schemes/GroupedInt.h"

#include <cmath>

namespace qzc::format {

/// The functions of SchemeTraits; Coder::codes is linearCodes (below), compiled
/// for several vector widths.
template <int Bits, typename Coder> struct GroupedIntTraits {
  using Codes = PlanarCodes<Bits>;
  static constexpr int64_t kLargestGroup = 128;
  static constexpr int32_t kMiddle = groupedint::middle(Bits);
  static constexpr int32_t kMost = groupedint::most(Bits);

  static bool isAsym(const PackedShape &shape) {
    return shape.scales == ScaleCodec::Asym;
  }

  static std::optional<std::string_view> checkShape(const PackedShape &shape) {
    const int64_t group = shape.blockSize;
    if (group != 32 && group != 64 && group != kLargestGroup)
      return "its block size must be 32, 64 or 128";
    if (shape.cols % group != 0)
      return "its groups do not divide the rows: choose a smaller block size "
             "(int8, fp4 and nf4 take rows of any length)";
    return std::nullopt;
  }

  static int64_t unit(const PackedShape &shape) {
    return std::max(shape.blockSize, Planes<Bits>::kUnit);
  }

  static uint64_t partBytes(const PackedShape &shape, size_t part,
                            int64_t elements) {
    return static_cast<uint64_t>(part == 0 ? Codes::bytes(elements)
                                           : elements / shape.blockSize *
                                                 (isAsym(shape) ? 4 : 2));
  }

  /// The scale and zero point of a group.
  static groupedint::ScaleZero scaleOf(const float *values, int64_t count,
                                       bool asym) {
    if (!asym)
      return {dense::toF16(largestMagnitude(values, count) /
                           (static_cast<float>(kMost) / 2)),
              0};
    float low = 0;
    float high = 0;
    for (int64_t i = 0; i < count; ++i) {
      low = std::min(low, values[i]);
      high = std::max(high, values[i]);
    }
    const float scale = (high - low) / static_cast<float>(kMost);
    if (!(scale <= dense::kLargestF16))
      return {0x7c00, 0};
    const uint16_t stored = dense::toF16(scale);
    const float rounded = dense::fromF16(stored);
    const auto middle = static_cast<float>(kMiddle);
    const float zero = rounded == 0
                           ? 0.0f
                           : std::nearbyint(std::clamp(-middle - low / rounded,
                                                       -middle, middle - 1)) +
                                 middle;
    return {stored, dense::toF16(zero)};
  }

  static float encode(const PackedShape &shape, const float *values,
                      int64_t count, std::byte *const *parts) {
    const bool asym = isAsym(shape);
    const int64_t group = shape.blockSize;
    std::fill_n(parts[0], Codes::bytes(count), std::byte{0});
    std::byte *scales = parts[1];
    float largest = 0;
    for (int64_t begin = 0; begin < count; begin += group) {
      const groupedint::ScaleZero stored = scaleOf(values + begin, group, asym);
      const float scale = dense::fromF16(stored.scale);
      const float zero =
          asym ? dense::fromF16(stored.zero) : static_cast<float>(kMiddle);
      uint8_t codes[kLargestGroup];
      if (scale == 0)
        std::fill_n(codes, group, static_cast<uint8_t>(zero));
      else
        Coder::codes(values + begin, group, scale,
                     zero - static_cast<float>(kMiddle), codes);
      Codes::store(codes, begin, group, parts[0]);
      std::memcpy(scales, &stored, asym ? 4 : 2);
      scales += asym ? 4 : 2;
      largest = std::max(largest, scale * static_cast<float>(kMost));
    }
    return largest;
  }

  static void decode(const PackedView &weight, int64_t rowBegin, int64_t rowEnd,
                     float *out) {
    const bool asym = isAsym(weight.shape);
    const int64_t cols = weight.shape.cols;
    const int64_t group = weight.shape.blockSize;
    for (int64_t at = rowBegin * cols; at < rowEnd * cols; at += group) {
      groupedint::ScaleZero stored = {};
      std::memcpy(&stored, weight.parts[1] + at / group * (asym ? 4 : 2),
                  asym ? 4 : 2);
      const float scale = dense::fromF16(stored.scale);
      const float zero =
          asym ? dense::fromF16(stored.zero) : static_cast<float>(kMiddle);
      uint8_t codes[kLargestGroup];
      Codes::load(weight.parts[0], at, group, codes);
      for (int64_t i = 0; i < group; ++i)
        *out++ = mulRounded(static_cast<float>(codes[i]) - zero, scale);
    }
  }

  /// Evenly distributed codes, as deviations of 2^Bits / √12.
  static constexpr SchemeTraits kTraits = {
      2,
      {"codes", "scales"},
      64,
      ScaleCodec::Asym,
      {{SyntheticPart::Uniform, 0},
       {SyntheticPart::HalfScales, 1 / ((1 << Bits) * 0.288), kMiddle}},
      checkShape,
      unit,
      partBytes,
      encode,
      decode};
};

/// The codes of a group by the signed zero point: x / scale + zero, rounded
/// half to even.
template <int Bits>
inline void linearCodes(const float *values, int64_t count, float scale,
                        float zero, uint8_t *codes) {
  // Adding and subtracting 1.5 · 2^23 rounds half to even, as vectors too.
  constexpr float shift = 12582912.0f;
  constexpr auto middle = static_cast<float>(groupedint::middle(Bits));
  for (int64_t i = 0; i < count; ++i) {
    float x = values[i] / scale + zero;
    x = x > -middle ? x : -middle;
    x = x < middle - 1 ? x : middle - 1;
    codes[i] = static_cast<uint8_t>(static_cast<int32_t>(
        addRounded(addRounded(x, shift), -shift) + middle));
  }
}

} // namespace qzc::format

#endif // QZC_LIB_FORMAT_SCHEMES_GROUPEDINTTRAITS_H
