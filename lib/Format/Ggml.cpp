//===- Ggml.cpp - ggml's quantizers ---------------------------------------===//

#include "qzc/Format/Ggml.h"

#include "Schemes/Traits.h"

#include "qzc/Format/Portable.h"
#include "qzc/Format/Schemes/Dense.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace qzc::format::ggml {

static constexpr float kLargestFloat = std::numeric_limits<float>::max();

/// 1 / d; 0 for 0. Limited to the largest f32: blocks of so small a scale
/// decode to zeros, whatever their codes are.
static float inverse(float d) {
  if (d == 0.0f)
    return 0.0f;
  return std::clamp(1.0f / d, -kLargestFloat, kLargestFloat);
}

/// The first value of largest magnitude, with its sign; 0 for zeros.
static float signedMaximum(const float *values) {
  const float absmax = largestMagnitude(values, kBlock);
  if (absmax == 0.0f)
    return 0.0f;
  return *std::find_if(values, values + kBlock,
                       [&](float value) { return std::fabs(value) == absmax; });
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
    encodeQ8_0(values + begin, inverse(d), blocks->codes);
    largest = std::max(largest, largestDecoded(blocks->d, 127.0f));
  }
  return largest;
}

//===----------------------------------------------------------------------===//
// Four bits
//===----------------------------------------------------------------------===//

static void packNibbles(const uint8_t *codes, uint8_t *bytes) {
  for (int64_t i = 0; i < kBlock / 2; ++i)
    bytes[i] = static_cast<uint8_t>(codes[i] | codes[i + kBlock / 2] << 4);
}

QZC_VECTOR_CLONES
static void encodeQ4_0(const float *values, float factor, uint8_t *codes) {
  for (int64_t i = 0; i < kBlock; ++i) {
    const float x = values[i] * factor;
    codes[i] =
        static_cast<uint8_t>(std::min(15, static_cast<int32_t>(x + 8.5f)));
  }
}

float quantize(const float *values, int64_t count, BlockQ4_0 *blocks) {
  float largest = 0;
  for (int64_t begin = 0; begin < count; begin += kBlock, ++blocks) {
    // Of a block of zeros this is -0, as in ggml.
    const float d = signedMaximum(values + begin) / -8.0f;
    blocks->d = dense::toF16(d);
    uint8_t codes[kBlock];
    encodeQ4_0(values + begin, inverse(d), codes);
    packNibbles(codes, blocks->codes);
    largest = std::max(largest, largestDecoded(blocks->d, 8.0f));
  }
  return largest;
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
    blocks->d = std::isfinite(d) ? dense::toF16(d) : uint16_t{0x7c00};
    uint8_t codes[kBlock];
    encodeIq4Nl(values + begin, inverse(d), codes);
    packNibbles(codes, blocks->codes);
    largest = std::max(largest, largestDecoded(blocks->d, 127.0f));
  }
  return largest;
}

} // namespace qzc::format::ggml
