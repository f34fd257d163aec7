//===- GgmlK.cpp - Quantizers of ggml's k-quants --------------------------===//
//
// Q4_K and Q5_K give each group of 32 values a scale and a minimum (never above
// zero) that minimize Σ w·(scale·q + min - x)², w = √(mean x²) + |x|: a number
// of inverse scales are tried, each with the least-squares fit for the codes it
// leads to. Q6_K gives each 16 values a scale that minimizes Σ x²·(scale·q -
// x)² over 19 tries. GgmlSearch.h has both searches.
//
// Groups then get 6-bit scales and minima (8-bit scales) of the block's f16 d
// and dmin, and the codes are made anew from what these decode to; where that
// is zero, they stay what the search left.
//
//===----------------------------------------------------------------------===//

#include "GgmlParts.h"
#include "GgmlSearch.h"

#include <algorithm>
#include <limits>

namespace qzc::format::ggml {

//===----------------------------------------------------------------------===//
// Q4_K, Q5_K
//===----------------------------------------------------------------------===//

static_assert(kLanes == kscales::kGroups, "lanes are a block's groups");
static constexpr int kSize = 32; ///< of a group
static constexpr AboveSearch kQ4Search = {15, -1.0f, 0.1f, 21};
static constexpr AboveSearch kQ5Search = {31, -0.5f, 0.1f, 16};

/// √(mean x²) + |x| of a group whose squares are known.
static void weightsOf(const float *values, float squares,
                      float (&weights)[kSize]) {
  const float mean = std::sqrt(squares / kSize);
  for (int i = 0; i < kSize; ++i)
    weights[i] = mean + std::fabs(values[i]);
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
static float quantizeGroups(const float *values, int64_t count,
                            const AboveSearch &by, Block *blocks) {
  float largest = 0;
  for (int64_t begin = 0; begin < count; begin += kSuperBlock) {
    float squares[kLanes];
    sumSquares(values + begin, kSize, kLanes, squares);
    Groups<kSize> groups;
    for (int g = 0; g < kLanes; ++g) {
      const float *x = values + begin + kSize * g;
      float weights[kSize];
      weightsOf(x, squares[g], weights);
      groups.put(g, x, weights);
    }
    FoundAbove found;
    searchAbove(groups, by, found);
    GroupCodes codes;
    codes.d = quantizeSix(found.scale, codes.scales);
    codes.dmin = quantizeSix(found.minimum, codes.minima);
    for (int g = 0; g < kLanes; ++g)
      found.take(g, codes.codes + kSize * g);
    largest = std::max(largest, finishGroups(values + begin, codes, *blocks++));
  }
  return largest;
}

float quantize(const float *values, int64_t count, BlockQ4_K *blocks) {
  return quantizeGroups(values, count, kQ4Search, blocks);
}
float quantize(const float *values, int64_t count, BlockQ5_K *blocks) {
  return quantizeGroups(values, count, kQ5Search, blocks);
}

//===----------------------------------------------------------------------===//
// Q6_K
//===----------------------------------------------------------------------===//

static constexpr int32_t kHalf = 32; ///< codes are from -kHalf to kHalf - 1

QZC_VECTOR_CLONES
static void codesAround(const float *values, float scale, uint8_t *codes) {
  for (int i = 0; i < kSmall; ++i)
    codes[i] = static_cast<uint8_t>(
        clamped(nearest(values[i] / scale), -kHalf, kHalf - 1) + kHalf);
}

static float finishGroups(const float *values, const float (&scales)[kSmall],
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

float quantizeSmall(const float *values, const float *weights,
                    BlockQ6_K &block) {
  float scales[kSmall];
  uint8_t codes[kSuperBlock];
  for (int first = 0; first < kSmall; first += kLanes) {
    Groups<kSmall> groups;
    for (int g = 0; g < kLanes; ++g) {
      const int at = kSmall * (first + g);
      groups.put(g, values + at, weights + at);
    }
    Found<kSmall> found;
    searchAround(groups, kHalf, found);
    std::copy_n(found.scale, kLanes, scales + first);
    for (int g = 0; g < kLanes; ++g)
      found.take(g, codes + kSmall * (first + g));
  }
  return finishGroups(values, scales, codes, block);
}

float quantize(const float *values, int64_t count, BlockQ6_K *blocks) {
  float largest = 0;
  for (int64_t begin = 0; begin < count; begin += kSuperBlock) {
    float weights[kSuperBlock];
    for (int i = 0; i < kSuperBlock; ++i)
      weights[i] = values[begin + i] * values[begin + i];
    largest =
        std::max(largest, quantizeSmall(values + begin, weights, *blocks++));
  }
  return largest;
}

} // namespace qzc::format::ggml
