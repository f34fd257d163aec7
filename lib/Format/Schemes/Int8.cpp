//===- Int8.cpp - Codes of 8 bits, a scale a row --------------------------===//

#include "qzc/Format/Schemes/Int8.h"

#include "Traits.h"

#include <algorithm>

using namespace qzc::format;

static int64_t unit(const PackedShape &shape) { return shape.cols; }

static uint64_t bytesOf(const PackedShape &shape, size_t part,
                        int64_t elements) {
  return static_cast<uint64_t>(
      part == 0 ? elements
                : elements / shape.cols * static_cast<int64_t>(sizeof(float)));
}

QZC_VECTOR_CLONES
static void encodeRow(const float *values, int64_t count, float inverse,
                      int8_t *codes) {
  for (int64_t i = 0; i < count; ++i)
    codes[i] = int8::encode(values[i], inverse);
}

static float encode(const PackedShape &shape, const float *values,
                    int64_t count, std::byte *const *parts) {
  auto *codes = reinterpret_cast<int8_t *>(parts[0]);
  auto *scales = reinterpret_cast<float *>(parts[1]);
  float largest = 0;
  for (int64_t begin = 0; begin < count; begin += shape.cols) {
    const float absmax = largestMagnitude(values + begin, shape.cols);
    const bool byAbsmax = shape.scales == ScaleCodec::Absmax;
    const float scale = byAbsmax ? absmax : int8::scale(absmax);
    encodeRow(values + begin, shape.cols, int8::inverseScale(absmax),
              codes + begin);
    *scales++ = scale;
    largest = std::max(largest, byAbsmax ? int8::decodeByAbsmax(127, scale)
                                         : int8::decode(127, scale));
  }
  return largest;
}

static void decode(const PackedView &weight, int64_t rowBegin, int64_t rowEnd,
                   float *out) {
  const int64_t cols = weight.shape.cols;
  const auto *codes = reinterpret_cast<const int8_t *>(weight.parts[0]);
  const auto *scales = reinterpret_cast<const float *>(weight.parts[1]);
  const auto decodeAll = [&](auto decodeOne) {
    for (int64_t row = rowBegin; row < rowEnd; ++row)
      for (int64_t col = 0; col < cols; ++col)
        *out++ = decodeOne(codes[row * cols + col], scales[row]);
  };
  if (weight.shape.scales == ScaleCodec::Absmax)
    decodeAll(int8::decodeByAbsmax);
  else
    decodeAll(int8::decode);
}

const SchemeTraits qzc::format::kInt8Traits = {
    2,
    {"codes", "scales"},
    0,
    ScaleCodec::Absmax,
    {{SyntheticPart::Int8Codes, 0},
     {SyntheticPart::Scales, synthetic::kLargest / 127}},
    requireNoBlockSize,
    unit,
    bytesOf,
    encode,
    decode};
