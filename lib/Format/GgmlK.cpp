//===- GgmlK.cpp - Quantizers of ggml's k-quants --------------------------===//
//
// Q4_K and Q5_K give each group of 32 values a scale and a minimum (never above
// zero) that minimize Σ w·(scale·q + min - x)², w = √(mean x²) + |x|: a number
// of inverse scales are tried, each with the least-squares fit for the codes it
// leads to. A fit that is better moves the minimum for the tries that follow,
// so tries cannot run side by side; groups can. Q6_K gives each 16 values a
// scale that minimizes Σ x²·(scale·q - x)² over 19 tries.
//
// Groups then get 6-bit scales and minima (8-bit scales) of the block's f16 d
// and dmin, and the codes are made anew from what these decode to; where that
// is zero, they stay what the search left.
//
// All groups of a block are vectors' lanes; each has the sums that ggml's
// scalar code has, in its order.
//
//===----------------------------------------------------------------------===//

#include "GgmlParts.h"

#include <algorithm>
#include <limits>

namespace qzc::format::ggml {

/// Element i of all groups lies together: `Groups` lanes.
template <int Groups, int Size>
static QZC_IN_CLONES void transpose(const float *values,
                                    float (&x)[Size][Groups]) {
  for (int i = 0; i < Size; ++i)
    for (int g = 0; g < Groups; ++g)
      x[i][g] = values[g * Size + i];
}

//===----------------------------------------------------------------------===//
// Q4_K, Q5_K
//===----------------------------------------------------------------------===//

namespace {
constexpr int kLanes = kscales::kGroups;
constexpr int kSize = 32;

/// How wide the search is.
struct Search {
  int32_t most; ///< the largest code
  float first;  ///< inverse scales are (first + step · t + most) / range
  float step;
  int tries;
};
constexpr Search kQ4Search = {15, -1.0f, 0.1f, 21};
constexpr Search kQ5Search = {31, -0.5f, 0.1f, 16};

/// What the search leaves: values are scale · code - minimum.
struct Groups {
  float scale[kLanes];
  float minimum[kLanes];
  int32_t codes[kSize][kLanes];
};
} // namespace

/// Codes of the inverse scales, and the sums for the least-squares fit.
static QZC_IN_CLONES void
fitSums(const float (&x)[kSize][kLanes], const float (&weight)[kSize][kLanes],
        const float (&inverse)[kLanes], const float (&minimum)[kLanes],
        int32_t most, int32_t (&codes)[kSize][kLanes], float (&sumL)[kLanes],
        float (&sumL2)[kLanes], float (&sumXL)[kLanes]) {
  for (int g = 0; g < kLanes; ++g)
    sumL[g] = sumL2[g] = sumXL[g] = 0;
  for (int i = 0; i < kSize; ++i)
    for (int g = 0; g < kLanes; ++g) {
      const int32_t code =
          clamped(nearest(inverse[g] * (x[i][g] - minimum[g])), 0, most);
      codes[i][g] = code;
      const auto l = static_cast<float>(code);
      const float wl = weight[i][g] * l;
      sumL[g] += wl;
      sumL2[g] += wl * l;
      sumXL[g] += wl * x[i][g];
    }
}

/// Σ w·(scale·code + minimum - x)².
static QZC_IN_CLONES void
errors(const float (&x)[kSize][kLanes], const float (&weight)[kSize][kLanes],
       const int32_t (&codes)[kSize][kLanes], const float (&scale)[kLanes],
       const float (&minimum)[kLanes], float (&error)[kLanes]) {
  for (int g = 0; g < kLanes; ++g)
    error[g] = 0;
  for (int i = 0; i < kSize; ++i)
    for (int g = 0; g < kLanes; ++g) {
      const float off =
          scale[g] * static_cast<float>(codes[i][g]) + minimum[g] - x[i][g];
      error[g] += weight[i][g] * (off * off);
    }
}

static QZC_IN_CLONES void search(const float *values, const Search &by,
                                 Groups &result) {
  float x[kSize][kLanes];
  transpose<kLanes, kSize>(values, x);

  float mean[kLanes] = {};
  for (int i = 0; i < kSize; ++i)
    for (int g = 0; g < kLanes; ++g)
      mean[g] += x[i][g] * x[i][g];
  for (int g = 0; g < kLanes; ++g)
    mean[g] = std::sqrt(mean[g] / kSize);
  float weight[kSize][kLanes];
  float minimum[kLanes];
  float maximum[kLanes];
  float sumW[kLanes];
  float sumX[kLanes];
  for (int g = 0; g < kLanes; ++g) {
    weight[0][g] = mean[g] + std::fabs(x[0][g]);
    minimum[g] = maximum[g] = x[0][g];
    sumW[g] = weight[0][g];
    sumX[g] = weight[0][g] * x[0][g];
  }
  for (int i = 1; i < kSize; ++i)
    for (int g = 0; g < kLanes; ++g) {
      weight[i][g] = mean[g] + std::fabs(x[i][g]);
      minimum[g] = x[i][g] < minimum[g] ? x[i][g] : minimum[g];
      maximum[g] = x[i][g] > maximum[g] ? x[i][g] : maximum[g];
      sumW[g] += weight[i][g];
      sumX[g] += weight[i][g] * x[i][g];
    }

  const auto most = static_cast<float>(by.most);
  float inverse[kLanes];
  bool flat[kLanes];
  for (int g = 0; g < kLanes; ++g) {
    minimum[g] = minimum[g] > 0 ? 0.0f : minimum[g];
    flat[g] = maximum[g] == minimum[g];
    result.minimum[g] = minimum[g];
    inverse[g] = most / (maximum[g] - minimum[g]);
    result.scale[g] = 1.0f / inverse[g];
  }
  float sumL[kLanes];
  float sumL2[kLanes];
  float sumXL[kLanes];
  fitSums(x, weight, inverse, minimum, by.most, result.codes, sumL, sumL2,
          sumXL);
  float best[kLanes];
  errors(x, weight, result.codes, result.scale, minimum, best);

  int32_t codes[kSize][kLanes];
  float scale[kLanes];
  float lowest[kLanes];
  float error[kLanes];
  bool better[kLanes];
  for (int t = 0; t < by.tries; ++t) {
    const float numerator = by.first + by.step * static_cast<float>(t) + most;
    for (int g = 0; g < kLanes; ++g)
      inverse[g] = numerator / (maximum[g] - minimum[g]);
    fitSums(x, weight, inverse, minimum, by.most, codes, sumL, sumL2, sumXL);
    for (int g = 0; g < kLanes; ++g) {
      const float determinant = sumW[g] * sumL2[g] - sumL[g] * sumL[g];
      scale[g] = (sumW[g] * sumXL[g] - sumX[g] * sumL[g]) / determinant;
      lowest[g] = (sumL2[g] * sumX[g] - sumL[g] * sumXL[g]) / determinant;
      const bool above = lowest[g] > 0;
      scale[g] = above ? sumXL[g] / sumL2[g] : scale[g];
      lowest[g] = above ? 0.0f : lowest[g];
      better[g] = determinant > 0;
    }
    errors(x, weight, codes, scale, lowest, error);
    for (int g = 0; g < kLanes; ++g) {
      better[g] = better[g] && error[g] < best[g];
      best[g] = better[g] ? error[g] : best[g];
      result.scale[g] = better[g] ? scale[g] : result.scale[g];
      minimum[g] = better[g] ? lowest[g] : minimum[g];
    }
    for (int i = 0; i < kSize; ++i)
      for (int g = 0; g < kLanes; ++g)
        result.codes[i][g] = better[g] ? codes[i][g] : result.codes[i][g];
  }
  for (int g = 0; g < kLanes; ++g) {
    if (flat[g]) {
      result.scale[g] = 0;
      minimum[g] = result.minimum[g];
      for (auto &row : result.codes)
        row[g] = 0;
    }
    result.minimum[g] = -minimum[g];
  }
}

QZC_VECTOR_CLONES
static void searchQ4(const float *values, Groups &result) {
  search(values, kQ4Search, result);
}
QZC_VECTOR_CLONES
static void searchQ5(const float *values, Groups &result) {
  search(values, kQ5Search, result);
}

/// A 63rd of the largest of `values`, at least 0, and multiples of it.
static float quantizeSix(const float (&values)[kLanes],
                         uint8_t (&codes)[kLanes]) {
  float largest = 0;
  for (float value : values)
    largest = value > largest ? value : largest;
  const float inverse = largest > 0 ? 63.0f / largest : 0.0f;
  for (int g = 0; g < kLanes; ++g) {
    const auto code = static_cast<uint8_t>(nearest(inverse * values[g]));
    codes[g] = std::min<uint8_t>(63, code);
  }
  return largest / 63.0f;
}

QZC_VECTOR_CLONES
static void codesAbove(const float *values, float minimum, float scale,
                       int32_t most, uint8_t *codes) {
  for (int i = 0; i < kSize; ++i)
    codes[i] = static_cast<uint8_t>(
        clamped(nearest((values[i] + minimum) / scale), 0, most));
}

template <typename Block>
static float finish(const float *values, GroupCodes &groups, int32_t most,
                    Block &block) {
  block.d = halfOf(groups.d);
  block.dmin = halfOf(groups.dmin);
  kscales::pack(groups.scales, groups.minima, block.scales);

  const float d = dense::fromF16(block.d);
  const float dmin = dense::fromF16(block.dmin);
  for (int g = 0; g < kLanes; ++g) {
    const float scale = d * static_cast<float>(groups.scales[g]);
    if (scale != 0)
      codesAbove(values + kSize * g,
                 dmin * static_cast<float>(groups.minima[g]), scale, most,
                 groups.codes + kSize * g);
  }
  packCodes(groups.codes, block);
  return std::max(d * 63 * static_cast<float>(most), dmin * 63);
}

float finishGroups(const float *values, GroupCodes &groups, BlockQ4_K &block) {
  return finish(values, groups, kQ4Search.most, block);
}
float finishGroups(const float *values, GroupCodes &groups, BlockQ5_K &block) {
  return finish(values, groups, kQ5Search.most, block);
}

template <typename Block>
static float quantizeGroups(const float *values, Block &block,
                            void (*search)(const float *, Groups &)) {
  Groups found;
  search(values, found);
  GroupCodes groups;
  groups.d = quantizeSix(found.scale, groups.scales);
  groups.dmin = quantizeSix(found.minimum, groups.minima);
  for (int g = 0; g < kLanes; ++g)
    for (int i = 0; i < kSize; ++i)
      groups.codes[kSize * g + i] = static_cast<uint8_t>(found.codes[i][g]);
  return finishGroups(values, groups, block);
}

float quantize(const float *values, int64_t count, BlockQ4_K *blocks) {
  float largest = 0;
  for (int64_t begin = 0; begin < count; begin += kSuperBlock)
    largest =
        std::max(largest, quantizeGroups(values + begin, *blocks++, searchQ4));
  return largest;
}

float quantize(const float *values, int64_t count, BlockQ5_K *blocks) {
  float largest = 0;
  for (int64_t begin = 0; begin < count; begin += kSuperBlock)
    largest =
        std::max(largest, quantizeGroups(values + begin, *blocks++, searchQ5));
  return largest;
}

//===----------------------------------------------------------------------===//
// Q6_K
//===----------------------------------------------------------------------===//

namespace {
constexpr int32_t kHalf = 32; ///< codes are from -kHalf to kHalf - 1
} // namespace

/// The scale of each group, and codes plus kHalf by group.
QZC_VECTOR_CLONES
static void searchQ6(const float *values, float (&scale)[kSmall],
                     uint8_t *codes) {
  float x[kSmall][kSmall];
  transpose<kSmall, kSmall>(values, x);
  float absmax[kSmall] = {};
  float extreme[kSmall] = {}; // the first of largest magnitude
  for (int i = 0; i < kSmall; ++i)
    for (int g = 0; g < kSmall; ++g) {
      const float magnitude = std::fabs(x[i][g]);
      extreme[g] = magnitude > absmax[g] ? x[i][g] : extreme[g];
      absmax[g] = magnitude > absmax[g] ? magnitude : absmax[g];
    }

  float best[kSmall];
  float kept[kSmall]; // the inverse scale that codes are made by
  for (int t = -10; t <= 9; ++t) {
    if (t == 0)
      continue;
    // The first try is the middle one.
    const bool isFirst = t == -10;
    const float range = static_cast<float>(kHalf) +
                        (isFirst ? 0.0f : 0.1f * static_cast<float>(t));
    float inverse[kSmall];
    float dot[kSmall] = {};
    float square[kSmall] = {};
    for (int g = 0; g < kSmall; ++g)
      inverse[g] = -range / extreme[g];
    for (int i = 0; i < kSmall; ++i)
      for (int g = 0; g < kSmall; ++g) {
        const auto l = static_cast<float>(
            clamped(nearest(inverse[g] * x[i][g]), -kHalf, kHalf - 1));
        const float weight = x[i][g] * x[i][g];
        dot[g] += weight * x[i][g] * l;
        square[g] += weight * l * l;
      }
    for (int g = 0; g < kSmall; ++g) {
      const float fit = dot[g] / square[g];
      if (isFirst) {
        scale[g] = square[g] != 0 ? fit : 0.0f;
        best[g] = scale[g] * dot[g];
        kept[g] = inverse[g];
      } else {
        const bool better =
            square[g] > 0 && dot[g] * dot[g] > best[g] * square[g];
        scale[g] = better ? fit : scale[g];
        best[g] = better ? fit * dot[g] : best[g];
        kept[g] = better ? inverse[g] : kept[g];
      }
    }
  }
  for (int g = 0; g < kSmall; ++g) {
    const bool isZero = absmax[g] < kLeast;
    scale[g] = isZero ? 0.0f : scale[g];
    for (int i = 0; i < kSmall; ++i) {
      const int32_t code =
          clamped(nearest(kept[g] * x[i][g]), -kHalf, kHalf - 1) + kHalf;
      codes[kSmall * g + i] = static_cast<uint8_t>(isZero ? 0 : code);
    }
  }
}

QZC_VECTOR_CLONES
static void codesAround(const float *values, float scale, uint8_t *codes) {
  for (int i = 0; i < kSmall; ++i)
    codes[i] = static_cast<uint8_t>(
        clamped(nearest(values[i] / scale), -kHalf, kHalf - 1) + kHalf);
}

float finishGroups(const float *values, const float (&scales)[kSmall],
                   uint8_t (&codes)[kSuperBlock], BlockQ6_K &block) {
  float extreme = 0; // the first scale of largest magnitude
  bool isFinite = true;
  for (float scale : scales) {
    extreme = std::fabs(scale) > std::fabs(extreme) ? scale : extreme;
    isFinite &= std::isfinite(scale);
  }
  if (!isFinite) { // sums of squares near the largest f32
    block = {};
    return std::numeric_limits<float>::infinity();
  }
  if (std::fabs(extreme) < kLeast) {
    block = {};
    return 0;
  }
  const float inverse = -128.0f / extreme;
  block.d = halfOf(1 / inverse);
  const float d = dense::fromF16(block.d);
  for (int g = 0; g < kSmall; ++g) {
    block.scales[g] =
        static_cast<int8_t>(std::min(127, nearest(inverse * scales[g])));
    const float scale = d * static_cast<float>(block.scales[g]);
    if (scale != 0)
      codesAround(values + kSmall * g, scale, codes + kSmall * g);
  }
  packCodes(codes, block);
  return std::fabs(d) * 128 * kHalf;
}

float quantize(const float *values, int64_t count, BlockQ6_K *blocks) {
  float largest = 0;
  for (int64_t begin = 0; begin < count; begin += kSuperBlock) {
    float scales[kSmall];
    uint8_t codes[kSuperBlock];
    searchQ6(values + begin, scales, codes);
    largest = std::max(largest,
                       finishGroups(values + begin, scales, codes, *blocks++));
  }
  return largest;
}

} // namespace qzc::format::ggml
