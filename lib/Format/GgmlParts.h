//===- GgmlParts.h - What quantizers of ggml's blocks share -----*- C++ -*-===//

#ifndef QZC_LIB_FORMAT_GGMLPARTS_H
#define QZC_LIB_FORMAT_GGMLPARTS_H

#include "qzc/Format/Ggml.h"
#include "qzc/Format/Portable.h"
#include "qzc/Format/Schemes/Dense.h"
#include "qzc/Format/Schemes/KScales.h"
#include "qzc/Format/VectorClones.h"

#include <cmath>
#include <cstdint>

namespace qzc::format::ggml {

/// The nearest whole number to x, half to even, is kMiddle less than the
/// mantissa of x + kShift; a number of no meaning beyond 2^22, which is clamped
/// by all who use it, as in ggml.
inline constexpr float kShift = 12582912.0f;
inline constexpr int32_t kMantissa = 0x007fffff;
inline constexpr int32_t kMiddle = 0x00400000;

QZC_IN_CLONES int32_t nearest(float x) {
  const auto bits = static_cast<int32_t>(floatBits(x + kShift));
  return (bits & kMantissa) - kMiddle;
}

QZC_IN_CLONES int32_t clamped(int32_t x, int32_t low, int32_t high) {
  const int32_t most = x < high ? x : high;
  return most > low ? most : low;
}

inline uint16_t halfOf(float x) {
  return std::isfinite(x) ? dense::toF16(x) : uint16_t{0x7c00};
}

/// What is smaller counts as zero.
inline constexpr float kLeast = 1e-15f;

/// Of Q4_K and Q5_K: the scales and minima of the groups, and codes that stay
/// where a scale decodes to zero.
struct GroupCodes {
  float d = 0;
  float dmin = 0;
  uint8_t scales[kscales::kGroups];
  uint8_t minima[kscales::kGroups];
  uint8_t codes[kSuperBlock];
};
/// Makes the block; the others' codes are made anew from what the scales and
/// minima decode to. Returns what quantize does.
float finishGroups(const float *values, GroupCodes &groups, BlockQ4_K &block);
float finishGroups(const float *values, GroupCodes &groups, BlockQ5_K &block);

/// Makes a block of Q6_K of values whose errors have these weights. Returns
/// what quantize does.
inline constexpr int kSmall = 16; ///< values of a group, groups of a block
float quantizeSmall(const float *values, const float *weights,
                    BlockQ6_K &block);

} // namespace qzc::format::ggml

#endif // QZC_LIB_FORMAT_GGMLPARTS_H
