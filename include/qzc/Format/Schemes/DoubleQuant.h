//===- DoubleQuant.h - Quantized scales -------------------------*- C++ -*-===//
//
// Double quantization (QLoRA, arXiv:2305.14314): the f32 scales of a tensor's
// blocks are themselves quantized to 8 bits, bit for bit what bitsandbytes
// stores on the CPU given the same offset:
//
//  * offset = the mean of all scales of the tensor (in f64, rounded to f32).
//  * scale − offset is quantized in groups of 256, the last one short: one f32
//    absmax a group, and codes into the signed dynamic map (arXiv:1511.04561).
//  * x = (scale − offset) · (1 / absmax), brought to the nearest of 65536 even
//    steps from -1 to 1; the code is the number of midpoints between
//    neighbouring entries that this exceeds. (The package's GPU code skips the
//    steps: one scale in 600 gets the neighbouring code there.)
//  * Decoded: map[code] · absmax + offset, rounded twice.
//
// The scales part of such a weight is a row of ScaleGroups, the last one cut
// off behind its last code.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_FORMAT_SCHEMES_DOUBLEQUANT_H
#define QZC_FORMAT_SCHEMES_DOUBLEQUANT_H

#include "qzc/Format/Portable.h"

namespace qzc::format::doublequant {

/// Scales that share an absmax.
inline constexpr int64_t kGroup = 256;

struct ScaleGroup {
  float absmax;
  float offset; ///< the tensor's; repeated so that a scale's needs lie together
  uint8_t codes[kGroup];
};
static_assert(sizeof(ScaleGroup) == 264, "the layout of stored scales");

/// Bytes of `scales` scales.
QZC_HD int64_t scaleBytes(int64_t scales) {
  const int64_t rest = scales % kGroup;
  const int64_t head = sizeof(ScaleGroup) - kGroup;
  return scales / kGroup * static_cast<int64_t>(sizeof(ScaleGroup)) +
         (rest != 0 ? head + rest : 0);
}

/// The signed dynamic map: in each of seven decades 10^(k-7) to 10^(k-6), the
/// middles of 2^(k-1) even parts, both signs; 0 and 1.
struct DynamicMap {
  float values[256];
};

QZC_HD constexpr DynamicMap makeDynamicMap() {
  constexpr float powers[7] = {1e-6f, 1e-5f, 1e-4f, 1e-3f, 1e-2f, 1e-1f, 1.0f};
  DynamicMap map = {};
  map.values[127] = 0.0f;
  map.values[255] = 1.0f;
  int index = 0;
  for (int decade = 0; decade < 7; ++decade) {
    const int parts = 1 << decade;
    // PyTorch's linspace from 0.1 to 1: from both ends towards the middle, by
    // fused multiply-adds, for which doubles stand in.
    const float step = (1.0f - 0.1f) / static_cast<float>(parts);
    float lower = 0.1f;
    for (int i = 1; i <= parts; ++i) {
      const double value = i < (parts + 1) / 2
                               ? 0.1f + static_cast<double>(step) * i
                               : 1.0 - static_cast<double>(step) * (parts - i);
      const float upper = static_cast<float>(value);
      const float middle = (lower + upper) / 2 * powers[decade];
      map.values[128 + index] = middle;
      map.values[126 - index] = -middle;
      lower = upper;
      ++index;
    }
  }
  return map;
}

/// For host code; device code keeps a copy of its own.
inline constexpr DynamicMap kDynamicMap = makeDynamicMap();

/// A scale from its entry of the map and its group's absmax and offset.
QZC_HD float decode(float entry, float absmax, float offset) {
  return addRounded(mulRounded(entry, absmax), offset);
}

#ifndef __CUDACC_RTC__
/// Scale `index` of a scales part.
inline float scaleAt(const void *scales, int64_t index) {
  const auto *bytes = static_cast<const uint8_t *>(scales) +
                      index / kGroup * static_cast<int64_t>(sizeof(ScaleGroup));
  float head[2];
  std::memcpy(head, bytes, sizeof head);
  const uint8_t code = bytes[sizeof head + index % kGroup];
  return decode(kDynamicMap.values[code], head[0], head[1]);
}
#endif

} // namespace qzc::format::doublequant

#endif // QZC_FORMAT_SCHEMES_DOUBLEQUANT_H
