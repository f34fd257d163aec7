//===- GgmlWeighted.cpp - ggml's blocks by importance ---------------------===//
//
// Errors count by m·√(σ² + x²), m being the mean square of the column's input
// and σ² the mean of x² (of the row for blocks of 32, twice that of the block
// for Q4_K and Q5_K; Q6_K counts by m alone). Scales, and minima where there
// are some, are searched for as GgmlK.cpp says, over more tries, and stay as
// they are for blocks of 32. The scales of a k-quant's groups are quantized by
// a search too, in which a group counts by the sum of its weights.
//
// Sums have the order of ggml's scalar code, and its roundings.
//
//===----------------------------------------------------------------------===//

#include "GgmlWeighted.h"

#include "GgmlParts.h"

#include <algorithm>

namespace qzc::format::ggml {

//===----------------------------------------------------------------------===//
// Searches
//===----------------------------------------------------------------------===//

/// Codes -Half to Half - 1, stored plus Half, of `Count` values; returns their
/// scale. Of zeros codes are 0.
template <int Count, int Half>
static float searchAround(const float *x, const float *weights,
                          uint8_t *codes) {
  float absmax = 0;
  float extreme = 0; // the first of largest magnitude
  for (int i = 0; i < Count; ++i)
    if (std::fabs(x[i]) > absmax) {
      absmax = std::fabs(x[i]);
      extreme = x[i];
    }
  if (absmax < kLeast) {
    std::fill_n(codes, Count, uint8_t{0});
    return 0;
  }
  float scale = 0;
  float best = 0;
  float kept = 0; // the inverse scale that codes are made by
  const auto attempt = [&](float inverse, bool isFirst) {
    float dot = 0;
    float square = 0;
    for (int i = 0; i < Count; ++i) {
      const auto l =
          static_cast<float>(clamped(nearest(inverse * x[i]), -Half, Half - 1));
      dot += weights[i] * x[i] * l;
      square += weights[i] * l * l;
    }
    if (!isFirst && !(square > 0 && dot * dot > best * square))
      return;
    scale = square != 0 ? dot / square : 0.0f;
    best = scale * dot;
    kept = inverse;
  };
  attempt(-static_cast<float>(Half) / extreme, true);
  for (int t = -9; t <= 9; ++t)
    if (t != 0)
      attempt(-(static_cast<float>(Half) + 0.1f * static_cast<float>(t)) /
                  extreme,
              false);
  for (int i = 0; i < Count; ++i)
    codes[i] = static_cast<uint8_t>(
        clamped(nearest(kept * x[i]), -Half, Half - 1) + Half);
  return scale;
}

/// Codes 0 to `most` of 32 values, which are scale · code - minimum; returns
/// the scale. The minimum is not negative.
static float searchAbove(const float *x, const float *weights, int32_t most,
                         uint8_t *codes, float &minimum) {
  constexpr int kTries = 37;
  float low = x[0];
  float high = x[0];
  float sumW = weights[0];
  float sumX = sumW * x[0];
  for (int i = 1; i < kBlock; ++i) {
    low = x[i] < low ? x[i] : low;
    high = x[i] > high ? x[i] : high;
    sumW += weights[i];
    sumX += weights[i] * x[i];
  }
  low = low > 0 ? 0.0f : low;
  minimum = -low;
  std::fill_n(codes, kBlock, uint8_t{0});
  if (high <= low)
    return 0;

  uint8_t tried[kBlock];
  const auto code = [&](float inverse) {
    for (int i = 0; i < kBlock; ++i)
      tried[i] = static_cast<uint8_t>(
          clamped(nearest(inverse * (x[i] - low)), 0, most));
  };
  const auto errorOf = [&](float scale, float lowest) {
    float error = 0;
    for (int i = 0; i < kBlock; ++i) {
      const float off = scale * static_cast<float>(tried[i]) + lowest - x[i];
      error += weights[i] * (off * off);
    }
    return error;
  };
  const auto range = static_cast<float>(most);
  float scale = 1 / (range / (high - low));
  code(range / (high - low));
  float best = errorOf(scale, low);
  std::copy_n(tried, kBlock, codes);
  for (int t = 0; t < kTries; ++t) {
    code((-0.9f + 0.05f * static_cast<float>(t) + range) / (high - low));
    float sumL = 0;
    float sumL2 = 0;
    float sumXL = 0;
    for (int i = 0; i < kBlock; ++i) {
      const auto l = static_cast<float>(tried[i]);
      const float wl = weights[i] * l;
      sumL += wl;
      sumL2 += wl * l;
      sumXL += wl * x[i];
    }
    const float determinant = sumW * sumL2 - sumL * sumL;
    if (!(determinant > 0))
      continue;
    float fit = (sumW * sumXL - sumX * sumL) / determinant;
    float lowest = (sumL2 * sumX - sumL * sumXL) / determinant;
    if (lowest > 0) {
      lowest = 0;
      fit = sumXL / sumL2;
    }
    const float error = errorOf(fit, lowest);
    if (!(error < best))
      continue;
    best = error;
    scale = fit;
    low = lowest;
    std::copy_n(tried, kBlock, codes);
  }
  minimum = -low;
  return scale;
}

/// The scale of six-bit codes for what is not negative.
static float searchSix(const float (&x)[kscales::kGroups],
                       const float (&weights)[kscales::kGroups],
                       uint8_t (&codes)[kscales::kGroups]) {
  constexpr int kGroups = kscales::kGroups;
  constexpr int kMost = 63;
  constexpr int kRounds = 5;
  const float largest = std::max(0.0f, *std::max_element(x, x + kGroups));
  if (largest < kLeast) {
    std::fill_n(codes, kGroups, uint8_t{0});
    return 0;
  }
  float kept = 0;
  float best = 0;
  for (int t = -5; t <= 4; ++t) {
    if (t == 0)
      continue;
    // The first try is the middle one.
    const bool isFirst = t == -5;
    const float inverse =
        ((isFirst ? 0.0f : 0.1f * static_cast<float>(t)) + kMost) / largest;
    const float scale = 1 / inverse;
    float error = 0;
    for (int g = 0; g < kGroups; ++g) {
      const auto l =
          static_cast<float>(std::min(kMost, nearest(inverse * x[g])));
      const float off = x[g] - scale * l;
      error += weights[g] * off * off;
    }
    if (isFirst || error < best) {
      best = error;
      kept = inverse;
    }
  }
  float dot = 0;
  float square = 0;
  const auto part = [&](int g, int32_t l) {
    return weights[g] * x[g] * static_cast<float>(l);
  };
  const auto partSquare = [&](int g, int32_t l) {
    return weights[g] * static_cast<float>(l) * static_cast<float>(l);
  };
  for (int g = 0; g < kGroups; ++g) {
    const int32_t l = std::min(kMost, nearest(kept * x[g]));
    codes[g] = static_cast<uint8_t>(l);
    dot += part(g, l);
    square += partSquare(g, l);
  }
  // One code after the other, where another is better given the rest.
  bool changed = true;
  for (int round = 0; round < kRounds && changed; ++round) {
    changed = false;
    for (int g = 0; g < kGroups; ++g) {
      float dotAfter = dot - part(g, codes[g]);
      float squareAfter = square - partSquare(g, codes[g]);
      if (!(dotAfter > 0 && squareAfter > 0))
        continue;
      const int32_t l = std::min(kMost, nearest(x[g] * squareAfter / dotAfter));
      if (l == codes[g])
        continue;
      dotAfter += part(g, l);
      squareAfter += partSquare(g, l);
      if (dotAfter * dotAfter * square > dot * dot * squareAfter) {
        codes[g] = static_cast<uint8_t>(l);
        dot = dotAfter;
        square = squareAfter;
        changed = true;
      }
    }
  }
  return square > 0 ? dot / square : 0.0f;
}

//===----------------------------------------------------------------------===//
// Blocks of 32
//===----------------------------------------------------------------------===//

static float sumOfSquares(const float *values, int64_t count) {
  float sum = 0;
  for (int64_t i = 0; i < count; ++i)
    sum += values[i] * values[i];
  return sum;
}

/// m·√(σ² + x²) of a group of 32.
static void weightsOf(const float *values, const float *importance,
                      float variance, float (&weights)[kBlock]) {
  for (int i = 0; i < kBlock; ++i)
    weights[i] = importance[i] * std::sqrt(variance + values[i] * values[i]);
}

static float largestOf(uint16_t d, float code) {
  return std::fabs(dense::fromF16(d)) * code;
}

/// `search` makes a block's codes and scales of values and their weights, and
/// returns the largest magnitude that it decodes to.
template <typename Block, typename Search>
static float quantizeBlocks(const float *values, const float *importance,
                            int64_t columns, Block *blocks, Search search) {
  const float variance =
      sumOfSquares(values, columns) / static_cast<float>(columns);
  float largest = 0;
  for (int64_t begin = 0; begin < columns; begin += kBlock, ++blocks) {
    float weights[kBlock];
    weightsOf(values + begin, importance + begin, variance, weights);
    uint8_t codes[kBlock];
    largest =
        std::max(largest, search(values + begin, weights, codes, *blocks));
    packCodes(codes, *blocks);
  }
  return largest;
}

template <int Half, typename Block>
static float quantizeAround(const float *values, const float *importance,
                            int64_t columns, Block *blocks) {
  return quantizeBlocks(
      values, importance, columns, blocks,
      [](const float *x, const float *weights, uint8_t *codes, Block &block) {
        block.d = halfOf(searchAround<kBlock, Half>(x, weights, codes));
        return largestOf(block.d, Half);
      });
}

template <typename Block>
static float quantizeAbove(const float *values, const float *importance,
                           int64_t columns, int32_t most, Block *blocks) {
  return quantizeBlocks(
      values, importance, columns, blocks,
      [most](const float *x, const float *weights, uint8_t *codes,
             Block &block) {
        float minimum = 0;
        block.d = halfOf(searchAbove(x, weights, most, codes, minimum));
        block.m = halfOf(-minimum);
        return std::max(largestOf(block.d, static_cast<float>(most)),
                        largestOf(block.m, 1));
      });
}

float quantizeRow(const float *values, const float *importance, int64_t columns,
                  BlockQ4_0 *blocks) {
  return quantizeAround<8>(values, importance, columns, blocks);
}
float quantizeRow(const float *values, const float *importance, int64_t columns,
                  BlockQ5_0 *blocks) {
  return quantizeAround<16>(values, importance, columns, blocks);
}
float quantizeRow(const float *values, const float *importance, int64_t columns,
                  BlockQ4_1 *blocks) {
  return quantizeAbove(values, importance, columns, 15, blocks);
}
float quantizeRow(const float *values, const float *importance, int64_t columns,
                  BlockQ5_1 *blocks) {
  return quantizeAbove(values, importance, columns, 31, blocks);
}

//===----------------------------------------------------------------------===//
// K-quants
//===----------------------------------------------------------------------===//

template <typename Block>
static float quantizeGroups(const float *values, const float *importance,
                            int64_t columns, int32_t most, Block *blocks) {
  float largest = 0;
  for (int64_t begin = 0; begin < columns; begin += kSuperBlock, ++blocks) {
    const float *x = values + begin;
    const float variance = 2 * sumOfSquares(x, kSuperBlock) / kSuperBlock;
    GroupCodes groups;
    float scales[kscales::kGroups];
    float minima[kscales::kGroups];
    float counts[kscales::kGroups];
    for (int g = 0; g < kscales::kGroups; ++g) {
      const int64_t at = kBlock * g;
      float weights[kBlock];
      weightsOf(x + at, importance + begin + at, variance, weights);
      counts[g] = 0;
      for (const float weight : weights)
        counts[g] += weight;
      scales[g] =
          searchAbove(x + at, weights, most, groups.codes + at, minima[g]);
    }
    groups.d = searchSix(scales, counts, groups.scales);
    groups.dmin = searchSix(minima, counts, groups.minima);
    largest = std::max(largest, finishGroups(x, groups, *blocks));
  }
  return largest;
}

float quantizeRow(const float *values, const float *importance, int64_t columns,
                  BlockQ4_K *blocks) {
  return quantizeGroups(values, importance, columns, 15, blocks);
}
float quantizeRow(const float *values, const float *importance, int64_t columns,
                  BlockQ5_K *blocks) {
  return quantizeGroups(values, importance, columns, 31, blocks);
}
float quantizeRow(const float *values, const float *importance, int64_t columns,
                  BlockQ6_K *blocks) {
  float largest = 0;
  for (int64_t begin = 0; begin < columns; begin += kSuperBlock, ++blocks) {
    float scales[kSmall];
    uint8_t codes[kSuperBlock];
    for (int g = 0; g < kSmall; ++g) {
      const int64_t at = begin + kSmall * g;
      scales[g] = searchAround<kSmall, 32>(values + at, importance + at,
                                           codes + kSmall * g);
    }
    largest =
        std::max(largest, finishGroups(values + begin, scales, codes, *blocks));
  }
  return largest;
}

} // namespace qzc::format::ggml
