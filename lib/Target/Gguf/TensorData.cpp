//===- TensorData.cpp - Values to ggml's types and back -------------------===//

#include "TensorData.h"

#include "qzc/Format/Ggml.h"
#include "qzc/Format/Schemes/Dense.h"

#include <cmath>
#include <cstring>

namespace qzc::gguf {

using format::DType;
using format::PackedShape;
using format::PackedView;
using format::Scheme;
using format::dense::fromF16;
using format::ggml::BlockIq4Nl;
using format::ggml::BlockQ4_0;
using format::ggml::BlockQ8_0;
using format::ggml::kBlock;

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
  case TensorType::Q4_0:
    largest = format::ggml::quantize(values, count,
                                     reinterpret_cast<BlockQ4_0 *>(out));
    break;
  case TensorType::Q8_0:
    largest = format::ggml::quantize(values, count,
                                     reinterpret_cast<BlockQ8_0 *>(out));
    break;
  case TensorType::IQ4_NL:
    largest = format::ggml::quantize(values, count,
                                     reinterpret_cast<BlockIq4Nl *>(out));
    break;
  }
  return std::isfinite(largest);
}

/// Decodes blocks; decode(block, i) is element i's code as a number.
template <typename Block, typename Decode>
static void loadBlocks(const std::byte *stored, int64_t count, float *out,
                       Decode decode) {
  const auto *blocks = reinterpret_cast<const Block *>(stored);
  for (int64_t begin = 0; begin < count; begin += kBlock, ++blocks) {
    const float d = fromF16(blocks->d);
    for (int64_t i = 0; i < kBlock; ++i)
      *out++ = static_cast<float>(decode(*blocks, i)) * d;
  }
}

/// The 4-bit code of element i.
template <typename Block> static int nibble(const Block &block, int64_t i) {
  return i < kBlock / 2 ? block.codes[i] & 15
                        : block.codes[i - kBlock / 2] >> 4;
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
  case TensorType::Q4_0:
    return loadBlocks<BlockQ4_0>(
        stored, count, out,
        [](const BlockQ4_0 &block, int64_t i) { return nibble(block, i) - 8; });
  case TensorType::Q8_0:
    return loadBlocks<BlockQ8_0>(
        stored, count, out,
        [](const BlockQ8_0 &block, int64_t i) { return block.codes[i]; });
  case TensorType::IQ4_NL:
    return loadBlocks<BlockIq4Nl>(
        stored, count, out, [](const BlockIq4Nl &block, int64_t i) {
          return format::ggml::kIq4NlValues[nibble(block, i)];
        });
  }
}

} // namespace qzc::gguf
