//===- GroupedIntTraits.h - Schemes of linear codes in groups ---*- C++ -*-===//
//
// int2, int3, int4 and int8g differ in their bits alone.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_LIB_FORMAT_SCHEMES_GROUPEDINTTRAITS_H
#define QZC_LIB_FORMAT_SCHEMES_GROUPEDINTTRAITS_H

#include "PlanarTraits.h"
#include "ScaleSearch.h"

#include "qzc/Format/Schemes/Dense.h"
#include "qzc/Format/Schemes/GroupedInt.h"

#include <cmath>
#include <type_traits>

namespace qzc::format {

/// Codes of 8 bits, by the interface of PlanarCodes.
struct ByteCodes {
  static constexpr int64_t kUnit = 1;
  static int64_t bytes(int64_t elements) { return elements; }
  static void store(const uint8_t *codes, int64_t begin, int64_t count,
                    std::byte *part) {
    std::memcpy(part + begin, codes, static_cast<size_t>(count));
  }
  static void load(const std::byte *part, int64_t begin, int64_t count,
                   uint8_t *codes) {
    std::memcpy(codes, part + begin, static_cast<size_t>(count));
  }
  static void replace(const PackedShape &, const uint8_t *codes, int64_t count,
                      std::byte *const *parts) {
    store(codes, 0, count, parts[0]);
  }
};

/// The functions of SchemeTraits; Coder::codes and Coder::search are
/// linearCodes and searchGroup (below), compiled for several vector widths.
template <int Bits, typename Coder> struct GroupedIntTraits {
  using Codes = std::conditional_t<Bits == 8, ByteCodes, PlanarCodes<Bits>>;
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
    return std::max(shape.blockSize, Codes::kUnit);
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

  /// Scales that are no normal f16 leave nothing to search for.
  static bool isSearched(const groupedint::ScaleZero &stored) {
    const float scale = dense::fromF16(stored.scale);
    return scale >= 0x1p-14f && scale <= dense::kLargestF16;
  }

  static float encode(const PackedShape &shape, const float *values,
                      int64_t count, std::byte *const *parts) {
    return search(shape, values, {}, count, parts);
  }

  /// Without weights scales clip nothing.
  static float search(const PackedShape &shape, const float *values,
                      const ErrorWeights &weights, int64_t count,
                      std::byte *const *parts) {
    const bool asym = isAsym(shape);
    const int64_t group = shape.blockSize;
    std::fill_n(parts[0], Codes::bytes(count), std::byte{0});
    std::byte *scales = parts[1];
    float largest = 0;
    for (int64_t begin = 0; begin < count; begin += group) {
      groupedint::ScaleZero stored = scaleOf(values + begin, group, asym);
      if (weights.any() && isSearched(stored))
        Coder::search(values + begin, weights.at(begin, group, shape.cols),
                      group, asym, stored);
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

  /// Codes of 8 bits are fine enough as they are.
  static constexpr bool kHasLevels = Bits < 8;
  static Levels levels(const PackedShape &shape) {
    if constexpr (kHasLevels)
      return evenLevels(shape.blockSize, kMost + 1);
    return {};
  }

  static void readGroups(const PackedShape &shape,
                         const std::byte *const *parts, int64_t count,
                         float *scales, float *offsets) {
    const bool asym = isAsym(shape);
    for (int64_t i = 0; i < count / shape.blockSize; ++i) {
      groupedint::ScaleZero stored = {};
      std::memcpy(&stored, parts[1] + i * (asym ? 4 : 2), asym ? 4 : 2);
      scales[i] = dense::fromF16(stored.scale);
      const float zero =
          asym ? dense::fromF16(stored.zero) : static_cast<float>(kMiddle);
      offsets[i] = mulRounded(-zero, scales[i]);
    }
  }

  static void storeCodes(const uint8_t *codes, int64_t count, std::byte *part) {
    std::fill_n(part, Codes::bytes(count), std::byte{0});
    Codes::store(codes, 0, count, part);
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
      decode,
      search,
      kHasLevels ? levels : nullptr,
      readGroups,
      Codes::replace,
      {},
      storeCodes};
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

/// Scale and zero point of a group that leave little error, where a try does
/// better than the ones that clip nothing.
template <int Bits>
QZC_IN_CLONES void searchGroup(const float *values, const ErrorWeights &weights,
                               int64_t count, bool asym,
                               groupedint::ScaleZero &stored) {
  constexpr float shift = 12582912.0f; // rounds half to even
  constexpr auto most = static_cast<float>(groupedint::most(Bits));
  constexpr auto middle = static_cast<float>(groupedint::middle(Bits));
  const float plain = dense::fromF16(stored.scale);
  Tries tries;
  triesAround(plain, tries);
  for (int t = 0; t < kTries; ++t) {
    tries.zero[t] = middle;
    if (!asym)
      continue;
    // Eight scales, each with four zero points around the middle of the range.
    const float factor = 0.7f + 0.05f * static_cast<float>(t / 4);
    tries.inverse[t] = 1.0f / (plain * factor);
    const float centred =
        (dense::fromF16(stored.zero) - most / 2) / factor + most / 2;
    const float zero = addRounded(addRounded(centred, shift), -shift) +
                       static_cast<float>(t % 4 - 1);
    tries.zero[t] = zero > 0 ? (zero < most ? zero : most) : 0.0f;
  }
  float scale = plain;
  const int best = bestTry(
      values, weights, count, tries,
      [](float x, float zero) QZC_INLINE_LAMBDA {
        float code = addRounded(addRounded(x + zero, shift), -shift);
        code = code > 0 ? code : 0.0f;
        code = code < most ? code : most;
        return code - zero;
      },
      scale);
  if (best < 0)
    return;
  const uint16_t rounded = dense::toF16(scale);
  if (rounded == 0 || rounded >= 0x7c00u)
    return;
  stored.scale = rounded;
  if (asym)
    stored.zero = dense::toF16(tries.zero[best]);
}

} // namespace qzc::format

#endif // QZC_LIB_FORMAT_SCHEMES_GROUPEDINTTRAITS_H
