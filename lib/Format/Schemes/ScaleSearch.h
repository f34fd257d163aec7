//===- ScaleSearch.h - Scales that leave little error -----------*- C++ -*-===//
//
// A scale s is good where Σ w·(s·q - x)² is small, q being the levels nearest
// to x / s. Several scales are tried, side by side as the lanes of vectors, so
// that every sum has the order of the elements. For the levels that a try leads
// to, the best scale is Σ w·x·q / Σ w·q², and leaves Σ w·x² less (Σ w·x·q)² /
// Σ w·q²: the try with the largest of these wins.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_LIB_FORMAT_SCHEMES_SCALESEARCH_H
#define QZC_LIB_FORMAT_SCHEMES_SCALESEARCH_H

#include "Traits.h"

namespace qzc::format {

inline constexpr int kTries = 32;

struct Tries {
  float inverse[kTries]; ///< of the scales that are tried
  float zero[kTries];    ///< added to x / s before it is rounded
};

/// Scales around `scale`, which clips nothing: 0.48 to 1.1 of it, itself among
/// them.
QZC_IN_CLONES void triesAround(float scale, Tries &tries) {
  for (int t = 0; t < kTries; ++t) {
    tries.inverse[t] =
        1.0f / (scale * (1.0f + 0.02f * static_cast<float>(t - 26)));
    tries.zero[t] = 0;
  }
}

/// The index of the best try, and its best scale. `level(x, zero)` is the
/// level nearest to x = value / scale, of a code with that zero point. The
/// index is -1 where no try leads to anything but zeros.
template <typename Level>
QZC_IN_CLONES int bestTry(const float *values, const float *importance,
                          int64_t count, const Tries &tries, Level level,
                          float &scale) {
  float dots[kTries] = {};
  float squares[kTries] = {};
  for (int64_t i = 0; i < count; ++i) {
    const float x = values[i];
    const float w = importance[i];
    const float wx = w * x;
    for (int t = 0; t < kTries; ++t) {
      const float q = level(x * tries.inverse[t], tries.zero[t]);
      dots[t] += wx * q;
      squares[t] += w * q * q;
    }
  }
  int best = -1;
  float gain = 0;
  for (int t = 0; t < kTries; ++t) {
    if (!(squares[t] > 0) || !(dots[t] > 0))
      continue;
    const float fit = dots[t] / squares[t];
    if (fit * dots[t] > gain) {
      gain = fit * dots[t];
      scale = fit;
      best = t;
    }
  }
  return best;
}

} // namespace qzc::format

#endif // QZC_LIB_FORMAT_SCHEMES_SCALESEARCH_H
