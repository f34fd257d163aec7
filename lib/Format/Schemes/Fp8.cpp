//===- Fp8.cpp - Codes of e4m3 --------------------------------------------===//

#include "qzc/Format/Schemes/Fp8.h"

#include "Traits.h"

#include <algorithm>

using namespace qzc::format;

/// Scales of a row.
static int64_t scalesPerRow(const PackedShape &shape) {
  return shape.blockSize == 0 ? 1 : shape.cols / shape.blockSize;
}

static std::optional<std::string_view> check(const PackedShape &shape) {
  const int64_t block = shape.blockSize;
  if (block != 0 && block != 32 && block != 64 && block != fp8::kBlock)
    return "its block size must be 128, or 64 or 32 where that does not divide "
           "the rows; without one each row has a scale";
  if (block != 0 && shape.cols % block != 0)
    return "its blocks do not divide the rows: choose a smaller block size, or "
           "none for a scale a row";
  return std::nullopt;
}

static int64_t unit(const PackedShape &shape) {
  return shape.blockSize == 0 ? shape.cols : fp8::kBlock * shape.cols;
}

static uint64_t bytesOf(const PackedShape &shape, size_t part,
                        int64_t elements) {
  if (part == 0)
    return static_cast<uint64_t>(elements);
  return static_cast<uint64_t>(elements / shape.cols * scalesPerRow(shape)) *
         sizeof(float);
}

/// Codes of `count` values.
QZC_VECTOR_CLONES
static void encodeAll(const float *values, int64_t count, float factor,
                      uint8_t *codes) {
  for (int64_t i = 0; i < count; ++i)
    codes[i] = fp8::encode(mulRounded(values[i], factor));
}

static float encode(const PackedShape &shape, const float *values,
                    int64_t count, std::byte *const *parts) {
  auto *codes = reinterpret_cast<uint8_t *>(parts[0]);
  auto *scales = reinterpret_cast<float *>(parts[1]);
  const int64_t cols = shape.cols;
  const int64_t rows = count / cols;
  const int64_t height = shape.blockSize == 0 ? 1 : fp8::kBlock;
  const int64_t width = shape.blockSize == 0 ? cols : fp8::kBlock;
  const int64_t perRow = scalesPerRow(shape);
  float largest = 0;
  for (int64_t top = 0; top < rows; top += height)
    for (int64_t left = 0; left < cols; left += width) {
      const int64_t bottom = std::min(rows, top + height);
      const int64_t right = std::min(cols, left + width);
      float absmax = 0;
      for (int64_t row = top; row < bottom; ++row)
        absmax = std::max(
            absmax, largestMagnitude(values + row * cols + left, right - left));
      const float factor = fp8::factor(absmax);
      const float scale = 1.0f / factor;
      for (int64_t row = top; row < bottom; ++row) {
        encodeAll(values + row * cols + left, right - left, factor,
                  codes + row * cols + left);
        const int64_t share = cols / perRow;
        std::fill(scales + row * perRow + left / share,
                  scales + row * perRow + (right + share - 1) / share, scale);
      }
      largest = std::max(largest, scale * fp8::kLargest);
    }
  return largest;
}

static void decode(const PackedView &weight, int64_t rowBegin, int64_t rowEnd,
                   float *out) {
  const int64_t cols = weight.shape.cols;
  const int64_t perRow = scalesPerRow(weight.shape);
  const auto *codes = reinterpret_cast<const uint8_t *>(weight.parts[0]);
  const auto *scales = reinterpret_cast<const float *>(weight.parts[1]);
  const int64_t share = cols / perRow;
  codes += rowBegin * cols;
  scales += rowBegin * perRow;
  for (int64_t i = rowBegin * perRow; i < rowEnd * perRow; ++i, ++scales)
    for (int64_t k = 0; k < share; ++k)
      *out++ = mulRounded(fp8::decode(*codes++), *scales);
}

/// Codes below 2 of even exponents have a root mean square of 0.6.
const SchemeTraits qzc::format::kFp8Traits = {
    2,
    {"codes", "scales"},
    0,
    ScaleCodec::Plain,
    {{SyntheticPart::E4m3Codes, 0}, {SyntheticPart::Scales, 1 / 0.6}},
    check,
    unit,
    bytesOf,
    encode,
    decode};
