//===- DoubleQuant.cpp - Quantized scales ---------------------------------===//

#include "qzc/Format/Schemes/DoubleQuant.h"

#include "Traits.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

using namespace qzc::format;
using namespace qzc::format::doublequant;

static std::array<float, 255> makeMidpoints() {
  std::array<float, 255> midpoints;
  for (size_t i = 0; i < midpoints.size(); ++i)
    midpoints[i] = 0.5f * (kDynamicMap.values[i] + kDynamicMap.values[i + 1]);
  return midpoints;
}

/// The code of a value in [-1, 1], which is first brought to an even step.
static uint8_t encode(float x) {
  static const std::array<float, 255> midpoints = makeMidpoints();
  constexpr float kSteps = 65535;
  const float clamped = std::clamp(x, -1.0f, 1.0f);
  const auto step =
      static_cast<int32_t>((clamped + 1.0f) * 0.5f * kSteps + 0.5f);
  const float even = -1.0f + 2.0f * static_cast<float>(step) / kSteps;
  return static_cast<uint8_t>(
      std::lower_bound(midpoints.begin(), midpoints.end(), even) -
      midpoints.begin());
}

float qzc::format::encodeScales(const float *scales, int64_t count,
                                std::byte *part) {
  double sum = 0;
  for (int64_t i = 0; i < count; ++i)
    sum += static_cast<double>(scales[i]);
  const auto offset = static_cast<float>(sum / static_cast<double>(count));
  float largest = 0;
  for (int64_t begin = 0; begin < count; begin += kGroup) {
    const int64_t size = std::min(kGroup, count - begin);
    std::array<float, kGroup> rest;
    for (int64_t i = 0; i < size; ++i)
      rest[i] = scales[begin + i] - offset;
    ScaleGroup group = {largestMagnitude(rest.data(), size), offset, {}};
    // Limited, so that the smallest groups decode to something finite. Groups
    // of zeros keep codes 0.
    const float inverse =
        std::min(1.0f / group.absmax, std::numeric_limits<float>::max());
    for (int64_t i = 0; i < size; ++i) {
      if (group.absmax != 0.0f)
        group.codes[i] = encode(rest[i] * inverse);
      const float entry = kDynamicMap.values[group.codes[i]];
      largest =
          std::max(largest, std::fabs(decode(entry, group.absmax, offset)));
    }
    std::memcpy(part, &group, static_cast<size_t>(scaleBytes(size)));
    part += sizeof group;
  }
  return largest;
}
