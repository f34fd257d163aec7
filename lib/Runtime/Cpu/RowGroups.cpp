//===- RowGroups.cpp - Weights with rows side by side ---------------------===//

#include "RowGroups.h"

#include "qzc/Format/Schemes/DoubleQuant.h"

#include <algorithm>
#include <cstring>

namespace qzc::runtime::cpu {

static constexpr int64_t kChunk = 32;
static constexpr int64_t kWords = 4;

bool canGroupRows(const format::PackedShape &shape,
                  const KernelTable &kernels) {
  if (shape.rows < kGroupRows || shape.cols % kChunk != 0)
    return false;
  switch (shape.scheme) {
  case format::Scheme::Q4_0:
    return true;
  case format::Scheme::Int4:
    return shape.scales == format::ScaleCodec::Plain &&
           shape.cols % shape.blockSize == 0;
  case format::Scheme::Nf4:
  case format::Scheme::Fp4:
    return kernels.groupsCodeBooks && shape.cols % shape.blockSize == 0;
  default:
    return false;
  }
}

uint64_t groupedBytes(const format::PackedShape &shape) {
  const int64_t groups = (shape.rows + kGroupRows - 1) / kGroupRows;
  return static_cast<uint64_t>(groups * groupBytes(shape));
}

/// to[i][row] = element i of the row, each of which has `count`.
template <typename T>
static void transpose(const std::byte *from, int64_t rows, int64_t count,
                      std::byte *to) {
  for (int64_t i = 0; i != count; ++i)
    for (int64_t row = 0; row != rows; ++row)
      std::memcpy(to + (i * kGroupRows + row) * int64_t{sizeof(T)},
                  from + (row * count + i) * int64_t{sizeof(T)}, sizeof(T));
}

/// A group's scales of double quantization, as transpose<float> of what they
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

void groupRows(const format::PackedView &weight, int64_t begin, int64_t end,
               std::byte *memory) {
  const format::PackedShape &shape = weight.shape;
  const int64_t words = shape.cols / kChunk * kWords;
  const int64_t scales = words / kWords / chunksOfScale(shape);
  for (int64_t group = begin; group != end; ++group) {
    const int64_t first = group * kGroupRows;
    const int64_t rows = std::min(shape.rows - first, kGroupRows);
    std::byte *to = memory + group * groupBytes(shape);
    transpose<uint32_t>(weight.parts[0] + first * words * 4, rows, words, to);
    to += words * 4 * kGroupRows;
    if (shape.scales == format::ScaleCodec::Double)
      transposeDouble(weight.parts[1], first, rows, scales, to);
    else if (hasCodeBook(shape))
      transpose<float>(weight.parts[1] + first * scales * 4, rows, scales, to);
    else
      transpose<uint16_t>(weight.parts[1] + first * scales * 2, rows, scales,
                          to);
  }
}

} // namespace qzc::runtime::cpu
