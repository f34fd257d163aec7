//===- GgmlTraits.h - Schemes of ggml's blocks ------------------*- C++ -*-===//
//
// q8_0 and q4_0 hold the blocks of Format/Ggml.h as two parts, so that codes
// are aligned: all codes of all blocks, then all scales.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_LIB_FORMAT_SCHEMES_GGMLTRAITS_H
#define QZC_LIB_FORMAT_SCHEMES_GGMLTRAITS_H

#include "Traits.h"

#include "qzc/Format/Ggml.h"
#include "qzc/Format/Portable.h"
#include "qzc/Format/Schemes/Dense.h"

#include <algorithm>

namespace qzc::format {

/// The functions of SchemeTraits for blocks of type `Block`; Code::at gives
/// the value of element i of a block's codes.
template <typename Block, typename Code> struct GgmlTraits {
  static constexpr auto kCodeBytes = static_cast<int64_t>(sizeof(Block::codes));
  static constexpr auto kScaleBytes = static_cast<int64_t>(sizeof(Block::d));
  static constexpr auto kBytes = static_cast<int64_t>(sizeof(Block));

  static std::optional<std::string_view> checkShape(const PackedShape &shape) {
    if (shape.cols % ggml::kBlock != 0)
      return kNot32;
    return requireNoBlockSize(shape);
  }

  static int64_t unit(const PackedShape &) { return ggml::kBlock; }

  static uint64_t partBytes(const PackedShape &, size_t part,
                            int64_t elements) {
    const int64_t blocks = elements / ggml::kBlock;
    return static_cast<uint64_t>(blocks *
                                 (part == 0 ? kCodeBytes : kScaleBytes));
  }

  static float encode(const PackedShape &, const float *values, int64_t count,
                      std::byte *const *parts) {
    float largest = 0;
    for (int64_t i = 0; i < count / ggml::kBlock; ++i) {
      Block block;
      largest = std::max(largest, ggml::quantize(values + i * ggml::kBlock,
                                                 ggml::kBlock, &block));
      std::memcpy(parts[0] + i * kCodeBytes, block.codes, sizeof block.codes);
      std::memcpy(parts[1] + i * kScaleBytes, &block.d, sizeof block.d);
    }
    return largest;
  }

  static void split(const std::byte *blocks, int64_t count,
                    std::byte *const *parts) {
    for (int64_t i = 0; i < count / ggml::kBlock; ++i) {
      Block block;
      std::memcpy(&block, blocks + i * kBytes, sizeof block);
      std::memcpy(parts[0] + i * kCodeBytes, block.codes, sizeof block.codes);
      std::memcpy(parts[1] + i * kScaleBytes, &block.d, sizeof block.d);
    }
  }
  static void join(const std::byte *const *parts, int64_t count,
                   std::byte *blocks) {
    for (int64_t i = 0; i < count / ggml::kBlock; ++i) {
      Block block;
      std::memcpy(block.codes, parts[0] + i * kCodeBytes, sizeof block.codes);
      std::memcpy(&block.d, parts[1] + i * kScaleBytes, sizeof block.d);
      std::memcpy(blocks + i * kBytes, &block, sizeof block);
    }
  }

  static constexpr BlockFormat blocks() {
    return {ggml::kTypeNumber<Block>, ggml::kBlock, kBytes, split, join};
  }

  static void decode(const PackedView &weight, int64_t rowBegin, int64_t rowEnd,
                     float *out) {
    const int64_t perRow = weight.shape.cols / ggml::kBlock;
    const std::byte *codes = weight.parts[0];
    const auto *scales = reinterpret_cast<const uint16_t *>(weight.parts[1]);
    for (int64_t block = rowBegin * perRow; block < rowEnd * perRow; ++block) {
      const float scale = dense::fromF16(scales[block]);
      for (int64_t i = 0; i < ggml::kBlock; ++i)
        *out++ = mulRounded(
            static_cast<float>(Code::at(codes + block * kCodeBytes, i)), scale);
    }
  }
};

} // namespace qzc::format

#endif // QZC_LIB_FORMAT_SCHEMES_GGMLTRAITS_H
