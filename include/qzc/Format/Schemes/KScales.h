//===- KScales.h - The scales of Q4_K and Q5_K ------------------*- C++ -*-===//
//
// Eight groups have a scale and a minimum of 6 bits each, in 12 bytes: those of
// groups 0…3 are the low bits of bytes 0…3 (scales) and 4…7 (minima). Groups
// 4…7 have their low four bits in bytes 8…11 (the scale in the low nibble) and
// their high two bits above those of groups 0…3.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_FORMAT_SCHEMES_KSCALES_H
#define QZC_FORMAT_SCHEMES_KSCALES_H

#include "qzc/Format/Portable.h"

namespace qzc::format::kscales {

/// Groups of a block, and bytes of their scales.
inline constexpr int kGroups = 8;
inline constexpr int kBytes = 12;

struct ScaleMin {
  uint32_t scale;
  uint32_t minimum;
};

/// Of a group, from the byte of each third that it shares with group ± 4.
QZC_HD ScaleMin fromBytes(uint32_t first, uint32_t second, uint32_t third,
                          bool upper) {
  if (upper)
    return {(third & 15u) | (first >> 6 & 3u) << 4,
            (third >> 4 & 15u) | (second >> 6 & 3u) << 4};
  return {first & 63u, second & 63u};
}

QZC_HD ScaleMin at(const uint8_t *scales, int group) {
  const int i = group % 4;
  return fromBytes(scales[i], scales[4 + i], scales[8 + i], group >= 4);
}

#ifndef __CUDACC_RTC__
/// Stores those of all groups.
inline void pack(const uint8_t (&scale)[kGroups],
                 const uint8_t (&minimum)[kGroups], uint8_t (&out)[kBytes]) {
  for (int i = 0; i < 4; ++i) {
    out[i] = static_cast<uint8_t>(scale[i] | scale[i + 4] >> 4 << 6);
    out[4 + i] = static_cast<uint8_t>(minimum[i] | minimum[i + 4] >> 4 << 6);
    out[8 + i] =
        static_cast<uint8_t>((scale[i + 4] & 15) | (minimum[i + 4] & 15) << 4);
  }
}
#endif

} // namespace qzc::format::kscales

#endif // QZC_FORMAT_SCHEMES_KSCALES_H
