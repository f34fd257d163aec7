//===- ScaleSearch.h - Scales that leave little error -----------*- C++ -*-===//
//
// A scale s is good where Σ w·(s·q - x)² is small, q being the levels nearest
// to x / s; or, where errors weigh together, e·P·eᵀ with e = s·q - x. Several
// scales are tried, side by side as the lanes of vectors, so that every sum has
// the order of the elements. For the levels that a try leads to, the best scale
// is Σ w·x·q / Σ w·q², and leaves Σ w·x² less (Σ w·x·q)² / Σ w·q²: the try with
// the largest of these wins. The same holds with x·P·qᵀ and q·P·qᵀ.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_LIB_FORMAT_SCHEMES_SCALESEARCH_H
#define QZC_LIB_FORMAT_SCHEMES_SCALESEARCH_H

#include "Traits.h"

#include "qzc/Format/GroupSearch.h"

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

/// Of each try, Σ w·x·q and Σ w·q²; or x·P·qᵀ and q·P·qᵀ.
struct TrySums {
  float dots[kTries] = {};
  float squares[kTries] = {};
};

template <typename Level>
QZC_IN_CLONES void sumApart(const float *values, const float *importance,
                            int64_t count, const Tries &tries, Level level,
                            TrySums &sums) {
  for (int64_t i = 0; i < count; ++i) {
    const float x = values[i];
    const float w = importance[i];
    const float wx = w * x;
    for (int t = 0; t < kTries; ++t) {
      const float q = level(x * tries.inverse[t], tries.zero[t]);
      sums.dots[t] += wx * q;
      sums.squares[t] += w * q * q;
    }
  }
}

/// of[t] = Σ_{j < count} row[j] · levels[j][t].
QZC_IN_CLONES void sumLevels(const float *row, const float (*levels)[kTries],
                             int64_t count, float (&of)[kTries]) {
  constexpr int kVectors = kTries * sizeof(float) / sizeof(Eight);
  Eight sums[kVectors] = {};
  for (int64_t j = 0; j < count; ++j) {
    const auto *level = reinterpret_cast<const Eight *>(levels[j]);
    for (int v = 0; v < kVectors; ++v)
      sums[v] += level[v] * row[j];
  }
  for (int v = 0; v < kVectors; ++v)
    reinterpret_cast<Eight *>(of)[v] = sums[v];
}

template <typename Level>
QZC_IN_CLONES void sumTogether(const float *values, const float *products,
                               int64_t count, const Tries &tries, Level level,
                               TrySums &sums) {
  float weighted[kMostTogether] = {}; // x·P
  const float *row = products;
  for (int64_t i = 0; i < count; row += ++i)
    for (int64_t j = 0; j <= i; ++j) {
      weighted[i] += row[j] * values[j];
      if (j < i)
        weighted[j] += row[j] * values[i];
    }
  float levels[kMostTogether][kTries];
  row = products;
  for (int64_t i = 0; i < count; row += ++i) {
    float before[kTries];
    sumLevels(row, levels, i, before);
    for (int t = 0; t < kTries; ++t) {
      const float q = level(values[i] * tries.inverse[t], tries.zero[t]);
      levels[i][t] = q;
      sums.dots[t] += weighted[i] * q;
      sums.squares[t] += q * (2 * before[t] + row[i] * q);
    }
  }
}

/// The index of the best try of a group, and its best scale. `level(x, zero)`
/// is the level nearest to x = value / scale, of a code with that zero point.
/// The index is -1 where no try leads to anything but zeros.
template <typename Level>
QZC_IN_CLONES int bestTry(const float *values, const ErrorWeights &weights,
                          int64_t count, const Tries &tries, Level level,
                          float &scale) {
  TrySums sums;
  if (weights.products)
    sumTogether(values, weights.products, count, tries, level, sums);
  else
    sumApart(values, weights.importance, count, tries, level, sums);
  int best = -1;
  float gain = 0;
  for (int t = 0; t < kTries; ++t) {
    const float dot = sums.dots[t];
    if (!(sums.squares[t] > 0) || !(dot > 0))
      continue;
    const float fit = dot / sums.squares[t];
    if (fit * dot > gain) {
      gain = fit * dot;
      scale = fit;
      best = t;
    }
  }
  return best;
}

} // namespace qzc::format

#endif // QZC_LIB_FORMAT_SCHEMES_SCALESEARCH_H
