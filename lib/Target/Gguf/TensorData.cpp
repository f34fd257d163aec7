//===- TensorData.cpp - Values to ggml's types and back -------------------===//

#include "TensorData.h"

#include "qzc/Format/Ggml.h"

#include <cmath>

namespace qzc::gguf {

using format::DType;
using format::PackedShape;
using format::PackedView;
using format::Scheme;

TensorType tensorType(DType dtype) {
  switch (dtype) {
  case DType::F32:
    return TensorType::F32;
  case DType::F16:
    return TensorType::F16;
  case DType::BF16:
    return TensorType::BF16;
  }
  return TensorType::F32;
}

/// `count` elements of an unquantized tensor.
static PackedShape dense(TensorType type, int64_t count) {
  const DType dtype = type == TensorType::F16    ? DType::F16
                      : type == TensorType::BF16 ? DType::BF16
                                                 : DType::F32;
  return {Scheme::None, dtype, 1, count, 0};
}

bool store(TensorType type, const float *values, int64_t count,
           std::byte *out) {
  float largest = 0;
  switch (type) {
  case TensorType::F32:
  case TensorType::F16:
  case TensorType::BF16:
    largest = format::encodeElements(dense(type, count), values, count, &out);
    break;
#define QZC_GGML_TYPE(Name, Number, Block, FileType)                           \
  case TensorType::Name:                                                       \
    largest = format::ggml::quantize(                                          \
        values, count, reinterpret_cast<format::ggml::Block *>(out));          \
    break;
#include "qzc/Format/GgmlTypes.def"
  }
  return std::isfinite(largest);
}

template <typename Block>
static void loadBlocks(const std::byte *stored, int64_t count, float *out) {
  const auto *blocks = reinterpret_cast<const Block *>(stored);
  for (int64_t begin = 0; begin < count; begin += Block::kValues)
    format::ggml::dequantize(*blocks++, out + begin);
}

void load(TensorType type, const std::byte *stored, int64_t count, float *out) {
  switch (type) {
  case TensorType::F32:
  case TensorType::F16:
  case TensorType::BF16: {
    PackedView view;
    view.shape = dense(type, count);
    view.parts[0] = stored;
    return format::decodeRows(view, 0, 1, out);
  }
#define QZC_GGML_TYPE(Name, Number, Block, FileType)                           \
  case TensorType::Name:                                                       \
    return loadBlocks<format::ggml::Block>(stored, count, out);
#include "qzc/Format/GgmlTypes.def"
  }
}

} // namespace qzc::gguf
