//===- Lanes.h - Rows side by side as lanes of vectors ----------*- C++ -*-===//
//
// Sums over the columns of a row have one order; vectors come from several rows
// at a time. What is summed by is a packed triangle, whose rows lie one after
// the other.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_LIB_ENCODE_LANES_H
#define QZC_LIB_ENCODE_LANES_H

#include "qzc/Format/VectorClones.h"

#include <algorithm>
#include <cstdint>

namespace qzc::encode {

inline constexpr int64_t kLanes = 16;
/// Rows of a triangle that are summed by together.
inline constexpr int64_t kTogether = 4;

/// One column of all lanes.
struct Column {
  float lanes[kLanes];
};

/// sums[c] += Σ_{j < count} values[j] · factors[c][j], in the order of j.
QZC_IN_CLONES void addProducts(const Column *values,
                               const float *const (&factors)[kTogether],
                               int64_t count, Column (&sums)[kTogether]) {
  using format::Eight;
  static_assert(kLanes == 16, "two vectors a column");
  Eight local[kTogether][2];
  for (int64_t c = 0; c < kTogether; ++c) {
    const auto *from = reinterpret_cast<const Eight *>(sums[c].lanes);
    local[c][0] = from[0];
    local[c][1] = from[1];
  }
  for (int64_t j = 0; j < count; ++j) {
    const auto *value = reinterpret_cast<const Eight *>(values[j].lanes);
    for (int64_t c = 0; c < kTogether; ++c) {
      local[c][0] += value[0] * factors[c][j];
      local[c][1] += value[1] * factors[c][j];
    }
  }
  for (int64_t c = 0; c < kTogether; ++c) {
    auto *to = reinterpret_cast<Eight *>(sums[c].lanes);
    to[0] = local[c][0];
    to[1] = local[c][1];
  }
}

} // namespace qzc::encode

#endif // QZC_LIB_ENCODE_LANES_H
