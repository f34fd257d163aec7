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

RowGroups::RowGroups(const Image &image, const format::Plan &plan,
                     const KernelTable &kernels, ThreadPool &pool) {
  uint64_t bytes = 0;
  std::unordered_map<int32_t, uint64_t> offsets;
  for (const std::vector<format::Launch> *launches : {&plan.body, &plan.head})
    for (const format::Launch &launch : *launches) {
      if (launch.opcode != format::Opcode::Linear)
        continue;
      const auto parts = static_cast<size_t>(
          std::get<format::LinearParams>(launch.params).parts);
      for (size_t part = 0; part != parts; ++part) {
        const int32_t tensor = launch.weights[part];
        const format::PackedShape shape = image.tensor(tensor).shape;
        if (canGroupRows(shape, kernels) &&
            offsets.emplace(tensor, bytes).second)
          bytes += groupedBytes(shape);
      }
    }
  if (offsets.empty())
    return;
  // It would bring back what is let go of.
  image.checkWeights();
  Memory = ZeroedMemory(bytes, "weights with rows side by side");
  for (const auto &[tensor, offset] : offsets) {
    const format::PackedView weight = image.tensor(tensor);
    std::byte *to = Memory.bytes() + offset;
    pool.parallelFor((weight.shape.rows + kGroupRows - 1) / kGroupRows, 8,
                     [&](int64_t begin, int64_t end, int) {
                       groupRows(weight, begin, end, to);
                     });
    image.release(tensor);
    Views.emplace(tensor, GroupedView{weight.shape, to});
  }
}

GroupedView RowGroups::of(int32_t tensor) const {
  const auto found = Views.find(tensor);
  return found == Views.end() ? GroupedView{} : found->second;
}

} // namespace qzc::runtime::cpu
