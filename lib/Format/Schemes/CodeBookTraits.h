//===- CodeBookTraits.h - Schemes of 4-bit codes ----------------*- C++ -*-===//
//
// nf4 and fp4 differ in their books alone.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_LIB_FORMAT_SCHEMES_CODEBOOKTRAITS_H
#define QZC_LIB_FORMAT_SCHEMES_CODEBOOKTRAITS_H

#include "Traits.h"

#include "qzc/Format/Schemes/CodeBook.h"
#include "qzc/Format/Schemes/DoubleQuant.h"

#include <algorithm>
#include <array>

namespace qzc::format {

/// The functions of SchemeTraits for Book::kCodeBook, Book::kCoder and
/// Book::encodeBlock (below), which sees the coder as a constant.
template <typename Book> struct CodeBookTraits {
  static constexpr int64_t kLargestBlock = 4096;

  static std::optional<std::string_view> checkShape(const PackedShape &shape) {
    const int64_t block = shape.blockSize;
    if (block < 32 || block > kLargestBlock || (block & (block - 1)) != 0)
      return "its block size must be a power of two from 32 to 4096";
    return std::nullopt;
  }

  static int64_t unit(const PackedShape &shape) { return shape.blockSize; }

  static uint64_t partBytes(const PackedShape &shape, size_t part,
                            int64_t elements) {
    const int64_t blocks = codebook::blockCount(elements, shape.blockSize);
    if (part == 0)
      return static_cast<uint64_t>(
          codebook::codeBytes(elements, shape.blockSize));
    return static_cast<uint64_t>(shape.scales == ScaleCodec::Double
                                     ? doublequant::scaleBytes(blocks)
                                     : blocks *
                                           static_cast<int64_t>(sizeof(float)));
  }

  static float encode(const PackedShape &shape, const float *values,
                      int64_t count, std::byte *const *parts) {
    const int64_t block = shape.blockSize;
    auto *bytes = reinterpret_cast<uint8_t *>(parts[0]);
    auto *scales = reinterpret_cast<float *>(parts[1]);
    const uint8_t zero = codebook::encode(Book::kCoder, 0.0f, 1.0f);
    std::array<uint8_t, kLargestBlock> codes;
    float largest = 0;
    for (int64_t begin = 0; begin < count; begin += block) {
      const int64_t present = std::min(block, count - begin);
      const float absmax = largestMagnitude(values + begin, present);
      Book::encodeBlock(values + begin, present, codebook::inverseScale(absmax),
                        codes.data());
      std::fill(codes.begin() + present, codes.begin() + block, zero);
      for (int64_t i = 0; i < block; i += 2)
        *bytes++ = codebook::pack(codes[i], codes[i + 1]);
      *scales++ = absmax;
      largest = std::max(largest, absmax);
    }
    return largest;
  }

  static void decode(const PackedView &weight, int64_t rowBegin, int64_t rowEnd,
                     float *out) {
    const int64_t cols = weight.shape.cols;
    const int64_t block = weight.shape.blockSize;
    const auto *codes = reinterpret_cast<const uint8_t *>(weight.parts[0]);
    const auto *scales = reinterpret_cast<const float *>(weight.parts[1]);
    const int64_t end = rowEnd * cols;
    for (int64_t i = rowBegin * cols; i < end;) {
      const float scale = weight.shape.scales == ScaleCodec::Double
                              ? doublequant::scaleAt(scales, i / block)
                              : scales[i / block];
      const int64_t blockEnd = std::min(end, (i / block + 1) * block);
      for (; i < blockEnd; ++i)
        *out++ = mulRounded(Book::kCodeBook[codebook::codeAt(codes, i)], scale);
    }
  }

  /// The largest of a block of 64 normal values is about 2.4 deviations, and
  /// real codes are distributed evenly.
  static constexpr SchemeTraits kTraits = {
      2,
      {"codes", "scales"},
      64,
      ScaleCodec::Double,
      {{SyntheticPart::Uniform, 0}, {SyntheticPart::Scales, 2.4}},
      checkShape,
      unit,
      partBytes,
      encode,
      decode};
};

} // namespace qzc::format

#endif // QZC_LIB_FORMAT_SCHEMES_CODEBOOKTRAITS_H
