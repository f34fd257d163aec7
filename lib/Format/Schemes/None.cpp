//===- None.cpp - Unquantized weights -------------------------------------===//

#include "Traits.h"

#include "qzc/Format/Schemes/Dense.h"

#include <cstring>

using namespace qzc::format;

static int64_t unit(const PackedShape &) { return 1; }

static uint64_t bytesOf(const PackedShape &shape, size_t, int64_t elements) {
  return static_cast<uint64_t>(elements) * sizeOf(shape.dtype);
}

QZC_VECTOR_CLONES
static void toF16(const float *values, int64_t count, uint16_t *out) {
  for (int64_t i = 0; i < count; ++i)
    out[i] = dense::toF16(values[i]);
}

QZC_VECTOR_CLONES
static void toBf16(const float *values, int64_t count, uint16_t *out) {
  for (int64_t i = 0; i < count; ++i)
    out[i] = dense::toBf16(values[i]);
}

static float encode(const PackedShape &shape, const float *values,
                    int64_t count, std::byte *const *parts) {
  const float largest = largestMagnitude(values, count);
  auto *out = reinterpret_cast<uint16_t *>(parts[0]);
  switch (shape.dtype) {
  case DType::F32:
    std::memcpy(parts[0], values, static_cast<size_t>(count) * sizeof(float));
    return largest;
  case DType::F16:
    toF16(values, count, out);
    return dense::fromF16(dense::toF16(largest));
  case DType::BF16:
    toBf16(values, count, out);
    return dense::fromBf16(dense::toBf16(largest));
  }
  return largest;
}

static void decode(const PackedView &weight, int64_t rowBegin, int64_t rowEnd,
                   float *out) {
  const PackedShape &shape = weight.shape;
  const int64_t count = (rowEnd - rowBegin) * shape.cols;
  const std::byte *data =
      weight.parts[0] + bytesOf(shape, 0, rowBegin * shape.cols);
  const auto *halves = reinterpret_cast<const uint16_t *>(data);
  switch (shape.dtype) {
  case DType::F32:
    std::memcpy(out, data, static_cast<size_t>(count) * sizeof(float));
    break;
  case DType::F16:
    for (int64_t i = 0; i < count; ++i)
      out[i] = dense::fromF16(halves[i]);
    break;
  case DType::BF16:
    for (int64_t i = 0; i < count; ++i)
      out[i] = dense::fromBf16(halves[i]);
    break;
  }
}

const SchemeTraits qzc::format::kNoneTraits = {
    1,       {"data"}, 0,     ScaleCodec::Plain, {}, requireNoBlockSize, unit,
    bytesOf, encode,   decode};
