//===- Ggml.cpp - Quantizers of ggml's blocks without groups --------------===//

#include "qzc/Format/Ggml.h"

#include "Schemes/Traits.h"

#include "qzc/Format/Portable.h"
#include "qzc/Format/Schemes/Dense.h"

#include <algorithm>
#include <cmath>

namespace qzc::format::ggml {

static constexpr uint16_t kInfiniteF16 = 0x7c00;

/// Loops with std::isfinite are not made of vectors.
static QZC_IN_CLONES bool isFinite(float value) {
  return (floatBits(value) & 0x7f800000u) != 0x7f800000u;
}

/// 1 / d; 0 for 0. Where it is infinite, codes are 0: what llama.cpp's
/// conversion makes of infinities and NaN.
static float inverse(float d) { return d == 0.0f ? 0.0f : 1.0f / d; }

/// The least and the largest value of a block; of zeros either sign.
static QZC_IN_CLONES void extremesOf(const float *values, float &least,
                                     float &most) {
  constexpr int kLanes = sizeof(Eight) / sizeof(float);
  const auto *some = reinterpret_cast<const Eight *>(values);
  Eight low = some[0];
  Eight high = some[0];
  for (int64_t i = 1; i < kBlock / kLanes; ++i) {
    low = some[i] < low ? some[i] : low;
    high = some[i] > high ? some[i] : high;
  }
  // Lane 0 becomes that of all: halves meet, then quarters, then neighbours.
  const auto fold = [&](const Eight &lows, const Eight &highs)
                        QZC_INLINE_LAMBDA {
                          low = lows < low ? lows : low;
                          high = highs > high ? highs : high;
                        };
  fold(__builtin_shufflevector(low, low, 4, 5, 6, 7, 4, 5, 6, 7),
       __builtin_shufflevector(high, high, 4, 5, 6, 7, 4, 5, 6, 7));
  fold(__builtin_shufflevector(low, low, 2, 3, 2, 3, 2, 3, 2, 3),
       __builtin_shufflevector(high, high, 2, 3, 2, 3, 2, 3, 2, 3));
  fold(__builtin_shufflevector(low, low, 1, 1, 1, 1, 1, 1, 1, 1),
       __builtin_shufflevector(high, high, 1, 1, 1, 1, 1, 1, 1, 1));
  least = low[0];
  most = high[0];
}
QZC_VECTOR_CLONES
static void findExtremes(const float *values, float &least, float &most) {
  extremesOf(values, least, most);
}

/// The first value of largest magnitude, with its sign; 0 for zeros.
static float signedMaximum(const float *values) {
  float least;
  float most;
  findExtremes(values, least, most);
  if (most == 0.0f && least == 0.0f)
    return 0.0f;
  if (most != -least)
    return most > -least ? most : least;
  return *std::find_if(values, values + kBlock,
                       [&](float value) { return std::fabs(value) == most; });
}

/// The largest magnitude that codes up to `code` decode to; infinite where d
/// is.
static float largestDecoded(uint16_t d, float code) {
  return std::fabs(dense::fromF16(d)) * code;
}

//===----------------------------------------------------------------------===//
// Q8_0
//===----------------------------------------------------------------------===//

QZC_VECTOR_CLONES
static void encodeQ8_0(const float *values, float factor, int8_t *codes) {
  for (int64_t i = 0; i < kBlock; ++i) {
    const float x = values[i] * factor;
    const float magnitude = std::fabs(x);
    const auto whole = static_cast<int32_t>(magnitude);
    const int32_t code =
        whole + (magnitude - static_cast<float>(whole) >= 0.5f);
    codes[i] = static_cast<int8_t>(x < 0 ? -code : code);
  }
}

float quantize(const float *values, int64_t count, BlockQ8_0 *blocks) {
  float largest = 0;
  for (int64_t begin = 0; begin < count; begin += kBlock, ++blocks) {
    const float d = largestMagnitude(values + begin, kBlock) / 127.0f;
    blocks->d = dense::toF16(d);
    const float factor = inverse(d);
    encodeQ8_0(values + begin, std::isfinite(factor) ? factor : 0.0f,
               blocks->codes);
    largest = std::max(largest, largestDecoded(blocks->d, 127.0f));
  }
  return largest;
}

//===----------------------------------------------------------------------===//
// Four and five bits: a scale
//===----------------------------------------------------------------------===//

/// Codes of `2 · Half` values around `Half`.
template <int Half>
static inline void encodeAround(const float *values, float factor,
                                uint8_t *codes) {
  for (int64_t i = 0; i < kBlock; ++i) {
    const float x = values[i] * factor;
    codes[i] = static_cast<uint8_t>(
        std::min(2 * Half - 1, static_cast<int32_t>(x + (Half + 0.5f))));
  }
}
QZC_VECTOR_CLONES
static void encodeQ4_0(const float *values, float factor, uint8_t *codes) {
  encodeAround<8>(values, factor, codes);
}
QZC_VECTOR_CLONES
static void encodeQ5_0(const float *values, float factor, uint8_t *codes) {
  encodeAround<16>(values, factor, codes);
}

template <typename Block, typename Encode>
static float quantizeAround(const float *values, int64_t count, Block *blocks,
                            float half, Encode encode) {
  float largest = 0;
  for (int64_t begin = 0; begin < count; begin += kBlock, ++blocks) {
    // Of a block of zeros this is -0, as in ggml.
    const float d = signedMaximum(values + begin) / -half;
    blocks->d = dense::toF16(d);
    uint8_t codes[kBlock] = {};
    if (const float factor = inverse(d); std::isfinite(factor))
      encode(values + begin, factor, codes);
    packCodes(codes, *blocks);
    largest = std::max(largest, largestDecoded(blocks->d, half));
  }
  return largest;
}

float quantize(const float *values, int64_t count, BlockQ4_0 *blocks) {
  return quantizeAround(values, count, blocks, 8.0f, encodeQ4_0);
}
float quantize(const float *values, int64_t count, BlockQ5_0 *blocks) {
  return quantizeAround(values, count, blocks, 16.0f, encodeQ5_0);
}

//===----------------------------------------------------------------------===//
// Four and five bits: a scale and a minimum
//===----------------------------------------------------------------------===//

static QZC_IN_CLONES void encodeAbove(const float *values, float minimum,
                                      float factor, int32_t most,
                                      uint8_t *codes) {
  for (int64_t i = 0; i < kBlock; ++i) {
    const float x = (values[i] - minimum) * factor;
    const auto code = static_cast<int32_t>(x + 0.5f);
    codes[i] = static_cast<uint8_t>(code < most ? code : most);
  }
}

namespace {
/// Blocks whose scales are made side by side.
constexpr int kTogether = 8;

/// Of each of them its range, and what is made of it.
struct AboveScales {
  float minimum[kTogether];
  float maximum[kTogether];
  float factor[kTogether]; ///< 1 / d, or 0 for codes of 0
  uint16_t d[kTogether];
  uint16_t m[kTogether];
  float largest = 0; ///< that any block so far decodes to
};
} // namespace

/// Makes factors, scales and minima of the ranges.
static QZC_IN_CLONES void finishAbove(int32_t most, AboveScales &scales) {
  const auto codes = static_cast<float>(most);
  float largest[kTogether];
  for (int i = 0; i < kTogether; ++i) {
    const float d = (scales.maximum[i] - scales.minimum[i]) / codes;
    const float factor = inverse(d);
    scales.factor[i] = isFinite(factor) ? factor : 0.0f;
    scales.d[i] = isFinite(d) ? dense::toF16(d) : kInfiniteF16;
    scales.m[i] = dense::toF16(scales.minimum[i]);
    const float range = largestDecoded(scales.d[i], codes);
    const float least = largestDecoded(scales.m[i], 1.0f);
    largest[i] = range > least ? range : least;
  }
  for (const float one : largest)
    scales.largest = one > scales.largest ? one : scales.largest;
}

template <typename Block>
static QZC_IN_CLONES float quantizeAbove(const float *values, int64_t count,
                                         Block *blocks, int32_t most) {
  AboveScales scales;
  for (int64_t begin = 0; begin < count; begin += kTogether * kBlock) {
    const auto some = static_cast<int>(
        std::min<int64_t>(kTogether, (count - begin) / kBlock));
    for (int i = 0; i < kTogether; ++i) {
      const float *block = values + begin + std::min(i, some - 1) * kBlock;
      extremesOf(block, scales.minimum[i], scales.maximum[i]);
      if (scales.minimum[i] == 0.0f) // the first one's sign is kept
        scales.minimum[i] = *std::find(block, block + kBlock, 0.0f);
    }
    finishAbove(most, scales);
    for (int i = 0; i < some; ++i, ++blocks) {
      blocks->d = scales.d[i];
      blocks->m = scales.m[i];
      uint8_t codes[kBlock];
      encodeAbove(values + begin + i * kBlock, scales.minimum[i],
                  scales.factor[i], most, codes);
      packCodes(codes, *blocks);
    }
  }
  return scales.largest;
}

QZC_VECTOR_CLONES
static float quantizeQ4_1(const float *values, int64_t count,
                          BlockQ4_1 *blocks) {
  return quantizeAbove(values, count, blocks, 15);
}
QZC_VECTOR_CLONES
static float quantizeQ5_1(const float *values, int64_t count,
                          BlockQ5_1 *blocks) {
  return quantizeAbove(values, count, blocks, 31);
}
float quantize(const float *values, int64_t count, BlockQ4_1 *blocks) {
  return quantizeQ4_1(values, count, blocks);
}
float quantize(const float *values, int64_t count, BlockQ5_1 *blocks) {
  return quantizeQ5_1(values, count, blocks);
}

//===----------------------------------------------------------------------===//
// TQ1_0 and TQ2_0
//===----------------------------------------------------------------------===//

QZC_VECTOR_CLONES
static void encodeTernary(const float *values, float factor, uint8_t *codes) {
  for (int64_t i = 0; i < kSuperBlock; ++i) {
    const float x = values[i] * factor;
    codes[i] = static_cast<uint8_t>(1 + (x >= 0.5f) - (x <= -0.5f));
  }
}

template <typename Block>
static float quantizeTernary(const float *values, int64_t count,
                             Block *blocks) {
  float largest = 0;
  for (int64_t begin = 0; begin < count; begin += kSuperBlock, ++blocks) {
    const float d = largestMagnitude(values + begin, kSuperBlock);
    blocks->d = dense::toF16(d);
    const float factor = inverse(d);
    uint8_t codes[kSuperBlock];
    encodeTernary(values + begin, std::isfinite(factor) ? factor : 0.0f, codes);
    packCodes(codes, *blocks);
    largest = std::max(largest, largestDecoded(blocks->d, 1.0f));
  }
  return largest;
}
float quantize(const float *values, int64_t count, BlockTq1_0 *blocks) {
  return quantizeTernary(values, count, blocks);
}
float quantize(const float *values, int64_t count, BlockTq2_0 *blocks) {
  return quantizeTernary(values, count, blocks);
}

//===----------------------------------------------------------------------===//
// IQ4_NL
//===----------------------------------------------------------------------===//

/// Scales that are tried for a block: the first guess, then m / (t - 127) for
/// t from -7 to 7.
static constexpr int kGuesses = 16;
/// Blocks below this magnitude count as zeros.
static constexpr float kLeastMagnitude = 1e-15f;

/// The index of the entry nearest to x, the upper one of two; and the entry.
static inline int nearestIq4Nl(float x, float &value) {
  int code = 0;
  int sum = kIq4NlValues[0];
  for (int i = 0; i < 15; ++i) {
    const int gap = kIq4NlValues[i + 1] - kIq4NlValues[i];
    const float middle = 0.5f * (kIq4NlValues[i] + kIq4NlValues[i + 1]);
    code += x >= middle ? 1 : 0;
    sum += x >= middle ? gap : 0;
  }
  value = static_cast<float>(sum);
  return code;
}

/// For each guess, Σ w·q·x and Σ w·q² with w = x² and q the entry nearest to
/// x · inverses[guess]: side by side, each in the order of the elements.
QZC_VECTOR_CLONES
static void correlate(const float *values, const float *inverses, float *dots,
                      float *squares) {
  for (int guess = 0; guess < kGuesses; ++guess)
    dots[guess] = squares[guess] = 0;
  for (int64_t i = 0; i < kBlock; ++i) {
    const float x = values[i];
    const float weight = x * x;
    for (int guess = 0; guess < kGuesses; ++guess) {
      float q;
      nearestIq4Nl(inverses[guess] * x, q);
      dots[guess] += weight * q * x;
      squares[guess] += weight * q * q;
    }
  }
}

/// The scale of a block whose signedMaximum is `m`.
static float bestScale(const float *values, float m) {
  float inverses[kGuesses];
  inverses[0] = 1.0f / (-m / static_cast<float>(kIq4NlValues[0]));
  for (int guess = 1; guess < kGuesses; ++guess)
    inverses[guess] = static_cast<float>(guess - 8 + kIq4NlValues[0]) / m;
  float dots[kGuesses];
  float squares[kGuesses];
  correlate(values, inverses, dots, squares);
  float scale = dots[0] / squares[0];
  float best = scale * dots[0];
  for (int guess = 1; guess < kGuesses; ++guess)
    if (squares[guess] > 0 &&
        dots[guess] * dots[guess] > best * squares[guess]) {
      scale = dots[guess] / squares[guess];
      best = scale * dots[guess];
    }
  return scale;
}

QZC_VECTOR_CLONES
static void encodeIq4Nl(const float *values, float factor, uint8_t *codes) {
  for (int64_t i = 0; i < kBlock; ++i) {
    float value;
    codes[i] = static_cast<uint8_t>(nearestIq4Nl(factor * values[i], value));
  }
}

float quantize(const float *values, int64_t count, BlockIq4Nl *blocks) {
  float largest = 0;
  for (int64_t begin = 0; begin < count; begin += kBlock, ++blocks) {
    const float m = signedMaximum(values + begin);
    const float d =
        std::fabs(m) < kLeastMagnitude ? 0.0f : bestScale(values + begin, m);
    // Sums of values near the largest f32 overflow to infinities and NaN.
    blocks->d = std::isfinite(d) ? dense::toF16(d) : kInfiniteF16;
    uint8_t codes[kBlock];
    encodeIq4Nl(values + begin, inverse(d), codes);
    packCodes(codes, *blocks);
    largest = std::max(largest, largestDecoded(blocks->d, 127.0f));
  }
  return largest;
}

} // namespace qzc::format::ggml
