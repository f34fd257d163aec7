//===- CodeBookTraits.h - Schemes of 4-bit codes ----------------*- C++ -*-===//
//
// nf4 and fp4 differ in their books alone.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_LIB_FORMAT_SCHEMES_CODEBOOKTRAITS_H
#define QZC_LIB_FORMAT_SCHEMES_CODEBOOKTRAITS_H

#include "ScaleSearch.h"

#include "qzc/Format/Schemes/CodeBook.h"
#include "qzc/Format/Schemes/DoubleQuant.h"

#include <algorithm>
#include <array>

namespace qzc::format {

/// The entry of a book that is nearest to x.
QZC_IN_CLONES float nearestEntry(const float (&book)[16],
                                 const codebook::Coder &coder, float x) {
  int32_t code = coder.first;
  float entry = book[code];
  for (int i = 0; i < 15; ++i) {
    const int32_t next = code + coder.steps[i];
    const float gap = book[next] - book[code];
    code = next;
    entry += x > coder.midpoints[i] ? gap : 0.0f;
  }
  return entry;
}

/// The scale of a block of this absmax that leaves little error.
QZC_IN_CLONES float searchScale(const float (&book)[16],
                                const codebook::Coder &coder,
                                const float *values,
                                const ErrorWeights &weights, int64_t count,
                                float absmax) {
  Tries tries;
  triesAround(absmax, tries);
  float scale = absmax;
  bestTry(
      values, weights, count, tries,
      [&](float x, float)
          QZC_INLINE_LAMBDA { return nearestEntry(book, coder, x); },
      scale);
  return scale;
}

/// The functions of SchemeTraits for Book::kCodeBook, Book::kCoder,
/// Book::encodeBlock and Book::search, which see the coder as a constant.
template <typename Book> struct CodeBookTraits {
  static constexpr int64_t kLargestBlock = 4096;
  /// Blocks below have squares that are no normal numbers.
  static constexpr float kLeastSearched = 1e-15f;

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
    return search(shape, values, {}, count, parts);
  }

  /// Without weights a block's scale is its absmax.
  static float search(const PackedShape &shape, const float *values,
                      const ErrorWeights &weights, int64_t count,
                      std::byte *const *parts) {
    const int64_t block = shape.blockSize;
    auto *bytes = reinterpret_cast<uint8_t *>(parts[0]);
    auto *scales = reinterpret_cast<float *>(parts[1]);
    const uint8_t zero = codebook::encode(Book::kCoder, 0.0f, 1.0f);
    std::array<uint8_t, kLargestBlock> codes;
    float largest = 0;
    for (int64_t begin = 0; begin < count; begin += block) {
      const int64_t present = std::min(block, count - begin);
      float scale = largestMagnitude(values + begin, present);
      if (weights.any() && scale >= kLeastSearched)
        scale =
            Book::search(values + begin, weights.at(begin, block, shape.cols),
                         present, scale);
      Book::encodeBlock(values + begin, present, codebook::inverseScale(scale),
                        codes.data());
      std::fill(codes.begin() + present, codes.begin() + block, zero);
      for (int64_t i = 0; i < block; i += 2)
        *bytes++ = codebook::pack(codes[i], codes[i + 1]);
      *scales++ = scale;
      largest = std::max(largest, scale);
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

  static Levels levels(const PackedShape &shape) {
    Levels levels;
    levels.group = shape.blockSize;
    levels.count = 16;
    int32_t code = Book::kCoder.first;
    for (int i = 0; i < 16; ++i) {
      levels.codes[i] = static_cast<uint8_t>(code);
      levels.values[i] = Book::kCodeBook[code];
      code += i < 15 ? Book::kCoder.steps[i] : 0;
    }
    return levels;
  }

  static void readGroups(const PackedShape &shape,
                         const std::byte *const *parts, int64_t count,
                         float *scales, float *offsets) {
    const int64_t blocks = codebook::blockCount(count, shape.blockSize);
    std::memcpy(scales, parts[1], static_cast<size_t>(blocks) * sizeof(float));
    std::fill_n(offsets, blocks, 0.0f);
  }

  static void replaceCodes(const PackedShape &, const uint8_t *codes,
                           int64_t count, std::byte *const *parts) {
    auto *bytes = reinterpret_cast<uint8_t *>(parts[0]);
    for (int64_t i = 0; i < count; i += 2)
      bytes[i / 2] = codebook::pack(
          codes[i], i + 1 < count ? codes[i + 1] : bytes[i / 2] & 15u);
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
      decode,
      search,
      levels,
      readGroups,
      replaceCodes};
};

} // namespace qzc::format

#endif // QZC_LIB_FORMAT_SCHEMES_CODEBOOKTRAITS_H
