//===- RowGroups.cpp - Weights with rows side by side ---------------------===//

#include "RowGroups.h"

#include "qzc/Format/Schemes/DoubleQuant.h"
#include "qzc/Format/Schemes/KScales.h"
#include "qzc/Format/Schemes/Planes.h"

#include <algorithm>
#include <cstring>

namespace qzc::runtime::cpu {

static constexpr int64_t kChunk = 32;

bool canGroupRows(const format::PackedShape &shape,
                  const KernelTable &kernels) {
  if (shape.rows < kGroupRows || shape.cols % kChunk != 0)
    return false;
  const auto wholeBlocks = [&] {
    return shape.cols / kChunk % chunksOfScale(shape) == 0;
  };
  switch (shape.scheme) {
  case format::Scheme::Q4_0:
  case format::Scheme::Q4_1:
  case format::Scheme::Q5_0:
  case format::Scheme::Q5_1:
  case format::Scheme::Q4_K:
  case format::Scheme::Q5_K:
  case format::Scheme::Q6_K:
    return true;
  case format::Scheme::Int4:
  case format::Scheme::Int3:
  case format::Scheme::Int2:
  case format::Scheme::Ternary:
  case format::Scheme::Nf4:
  case format::Scheme::Fp4:
    return wholeBlocks();
  case format::Scheme::Int8g:
  case format::Scheme::Q8_0:
    return kernels.groupsBytes && wholeBlocks();
  default:
    return false;
  }
}

uint64_t groupedBytes(const format::PackedShape &shape) {
  const int64_t groups = (shape.rows + kGroupRows - 1) / kGroupRows;
  return static_cast<uint64_t>(groups * groupBytes(shape));
}

/// to[i][row] = element i of the row, each of which has `count`, with the bits
/// of `flip` the other way round.
template <typename T>
static void transpose(const std::byte *from, int64_t rows, int64_t count,
                      std::byte *to, T flip = 0) {
  for (int64_t i = 0; i != count; ++i)
    for (int64_t row = 0; row != rows; ++row) {
      T element;
      std::memcpy(&element, from + (row * count + i) * int64_t{sizeof(T)},
                  sizeof(T));
      element ^= flip;
      std::memcpy(to + (i * kGroupRows + row) * int64_t{sizeof(T)}, &element,
                  sizeof(T));
    }
}

/// A group's scales of double quantization, as transpose of the f32 that they
/// stand for.
static void transposeDouble(const std::byte *from, int64_t first, int64_t rows,
                            int64_t count, std::byte *to) {
  for (int64_t i = 0; i != count; ++i)
    for (int64_t row = 0; row != rows; ++row) {
      const float scale =
          format::doublequant::scaleAt(from, (first + row) * count + i);
      std::memcpy(to + (i * kGroupRows + row) * int64_t{sizeof scale}, &scale,
                  sizeof scale);
    }
}

/// A group's chunks of codes in planes: words of low bits, then of high ones.
template <int Bits>
static void transposeCodes(const format::PackedView &weight, int64_t first,
                           int64_t rows, std::byte *to) {
  using P = format::Planes<Bits>;
  constexpr int64_t words = P::kLowBytes / 4;
  const int64_t cols = weight.shape.cols;
  for (int64_t col = 0; col != cols; col += kChunk) {
    for (int64_t row = 0; row != rows; ++row) {
      const int64_t element = (first + row) * cols + col;
      const auto put = [&](int64_t from, int64_t count, int64_t at) {
        for (int64_t word = 0; word != count; ++word)
          std::memcpy(to + ((at + word) * kGroupRows + row) * 4,
                      weight.parts[0] + from + word * 4, 4);
      };
      put(P::lowOf(element), words, 0);
      put(P::highOf(element), P::kHighBytes / 4, words);
    }
    to += Bits * 4 * kGroupRows;
  }
}

/// Bytes of codes of a book: of each the rows' as tables of products find them.
static void transposeBytes(const std::byte *from, int64_t rows, int64_t count,
                           std::byte *to) {
  for (int64_t i = 0; i != count; ++i)
    for (int64_t row = 0; row != rows; ++row)
      to[i * kGroupRows + row % 8 * 2 + row / 8] = from[row * count + i];
}

static void groupCodes(const format::PackedView &weight, int64_t first,
                       int64_t rows, std::byte *to) {
  switch (groupedBits(weight.shape)) {
  case 3:
    return transposeCodes<3>(weight, first, rows, to);
  case 5:
    return transposeCodes<5>(weight, first, rows, to);
  case 6:
    return transposeCodes<6>(weight, first, rows, to);
  default:
    break;
  }
  // Those of q8_0 become unsigned.
  const uint32_t flip =
      weight.shape.scheme == format::Scheme::Q8_0 ? 0x80808080 : 0;
  const int64_t words = weight.shape.cols / kChunk * groupedBits(weight.shape);
  transpose(weight.parts[0] + first * words * 4, rows, words, to, flip);
}

/// A group's pairs of f16: of each block all first ones, then all second ones.
static void transposePairs(const std::byte *from, int64_t rows, int64_t count,
                           std::byte *to) {
  for (int64_t i = 0; i != count; ++i)
    for (int64_t half = 0; half != 2; ++half)
      for (int64_t row = 0; row != rows; ++row)
        std::memcpy(to + ((2 * i + half) * kGroupRows + row) * 2,
                    from + ((row * count + i) * 2 + half) * 2, 2);
}

/// A group's scales of six bits: of each block both f16, then of each chunk the
/// scales and the minima.
static void transposeSixBits(const std::byte *from, int64_t rows, int64_t count,
                             std::byte *to) {
  for (int64_t i = 0; i != count; ++i, to += kSixBitBlockBytes * kGroupRows)
    for (int64_t row = 0; row != rows; ++row) {
      const std::byte *record = from + (row * count + i) * 16;
      for (int64_t half = 0; half != 2; ++half)
        std::memcpy(to + (half * kGroupRows + row) * 2, record + half * 2, 2);
      for (int chunk = 0; chunk != format::kscales::kGroups; ++chunk) {
        const format::kscales::ScaleMin numbers = format::kscales::at(
            reinterpret_cast<const uint8_t *>(record + 4), chunk);
        std::byte *bytes = to + (4 + 2 * chunk) * kGroupRows + row;
        bytes[0] = static_cast<std::byte>(numbers.scale);
        bytes[kGroupRows] = static_cast<std::byte>(numbers.minimum);
      }
    }
}

/// A group's scales of eight bits: of each block the f16, then of each half of
/// a chunk the scales.
static void transposeEightBits(const std::byte *from, int64_t rows,
                               int64_t count, std::byte *to) {
  constexpr int64_t halves = kEightBitBlockBytes - 2;
  for (int64_t i = 0; i != count; ++i, to += kEightBitBlockBytes * kGroupRows)
    for (int64_t row = 0; row != rows; ++row) {
      const std::byte *record = from + (row * count + i) * kEightBitBlockBytes;
      std::memcpy(to + row * 2, record + halves, 2);
      for (int64_t half = 0; half != halves; ++half)
        to[(2 + half) * kGroupRows + row] = record[half];
    }
}

void groupRows(const format::PackedView &weight, const KernelTable &kernels,
               int64_t begin, int64_t end, std::byte *memory) {
  const format::PackedShape &shape = weight.shape;
  const int64_t chunks = shape.cols / kChunk;
  const int64_t scales = chunks / chunksOfScale(shape);
  for (int64_t group = begin; group != end; ++group) {
    const int64_t first = group * kGroupRows;
    const int64_t rows = std::min(shape.rows - first, kGroupRows);
    std::byte *to = memory + group * groupBytes(shape);
    if (hasCodeBook(shape) && kernels.bookProducts)
      transposeBytes(weight.parts[0] + first * chunks * 16, rows, chunks * 16,
                     to);
    else
      groupCodes(weight, first, rows, to);
    to += chunks * groupedChunkBytes(shape);
    const std::byte *from = weight.parts[1];
    if (shape.scales == format::ScaleCodec::Double)
      transposeDouble(from, first, rows, scales, to);
    else if (hasCodeBook(shape))
      transpose<uint32_t>(from + first * scales * 4, rows, scales, to);
    else if (hasSixBitScales(shape))
      transposeSixBits(from + first * scales * 16, rows, scales, to);
    else if (shape.scheme == format::Scheme::Q6_K)
      transposeEightBits(from + first * scales * kEightBitBlockBytes, rows,
                         scales, to);
    else if (groupsPairs(shape))
      transposePairs(from + first * scales * 4, rows, scales, to);
    else
      transpose<uint16_t>(from + first * scales * 2, rows, scales, to);
  }
}

} // namespace qzc::runtime::cpu
