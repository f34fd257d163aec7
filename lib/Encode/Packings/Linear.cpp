//===- Linear.cpp - Checkpoints of linear codes in groups -----------------===//

#include "Linear.h"

#include "qzc/Format/Portable.h"
#include "qzc/Format/Schemes/Dense.h"
#include "qzc/Format/Schemes/GroupedInt.h"

#include <algorithm>
#include <cmath>

using namespace qzc;
using namespace qzc::encode;
using format::PackedShape;
using format::Scheme;
namespace dense = format::dense;

uint32_t encode::bitsAt(const std::byte *words, int64_t stride, int64_t at,
                        int bits) {
  const int64_t word = at / 32;
  const auto shift = static_cast<int>(at % 32);
  uint32_t value = PackedTensors::load<uint32_t>(words, word * stride) >> shift;
  if (shift + bits > 32)
    value |= PackedTensors::load<uint32_t>(words, (word + 1) * stride)
             << (32 - shift);
  return value & ((1u << bits) - 1);
}

/// Of the codes that the storage has; 0 of f32.
static int storedBits(Scheme scheme) {
  switch (scheme) {
  case Scheme::Int2:
    return 2;
  case Scheme::Int3:
    return 3;
  case Scheme::Int4:
    return 4;
  case Scheme::Int8g:
    return 8;
  default:
    return 0;
  }
}

int encode::bitsOf(const PackedTensors &tensors, int64_t words, int64_t count) {
  tensors.requireScheme(
      {Scheme::Int2, Scheme::Int3, Scheme::Int4, Scheme::Int8g, Scheme::None});
  const int stored = storedBits(tensors.shape().scheme);
  for (int bits : {2, 3, 4, 8})
    if (words == (count * bits + 31) / 32 && (stored == 0 || stored == bits))
      return bits;
  tensors.fail("has codes in " + std::to_string(words) + " words for " +
               std::to_string(count) +
               " values, which is not what its storage says");
}

int64_t LinearSource::groupOf(int64_t col) const {
  if (Tensors.has("order"))
    return Tensors.at<int32_t>("order", col);
  return col / (Tensors.shape().cols / groups());
}

void LinearSource::check() const {
  const PackedShape &shape = Tensors.shape();
  if (Tensors.has("order"))
    Tensors.require("order", "I32", {shape.cols});
  else if (groups() > shape.cols || shape.cols % groups() != 0)
    Tensors.fail("its " + std::to_string(groups()) +
                 " groups do not divide its rows of " +
                 std::to_string(shape.cols));
  for (int64_t col = 0; col < shape.cols; ++col) {
    const int64_t group = groupOf(col);
    if (group < 0 || group >= groups())
      Tensors.fail("column " + std::to_string(col) + " is in group " +
                   std::to_string(group) + " of " + std::to_string(groups()));
    if (shape.blockSize != 0 && col % shape.blockSize != 0 &&
        group != groupOf(col - 1))
      Tensors.fail("column " + std::to_string(col) +
                   " begins a group inside one of the storage's " +
                   std::to_string(shape.blockSize));
  }
}

void LinearSource::readValues(int64_t begin, int64_t end, const uint8_t *codes,
                              float *out) const {
  const int64_t cols = Tensors.shape().cols;
  std::vector<size_t> groupOfCol;
  for (int64_t col = 0; col < cols; ++col)
    groupOfCol.push_back(static_cast<size_t>(groupOf(col)));
  std::vector<float> scales(static_cast<size_t>(groups()));
  std::vector<int64_t> zeros(scales.size());
  for (int64_t at = begin; at < end;) {
    const int64_t row = at / cols;
    for (size_t group = 0; group < scales.size(); ++group) {
      scales[group] = scale(row, static_cast<int64_t>(group));
      zeros[group] = zero(row, static_cast<int64_t>(group));
    }
    for (const int64_t stop = std::min(end, (row + 1) * cols); at < stop;
         ++at) {
      const size_t group = groupOfCol[static_cast<size_t>(at % cols)];
      *out++ = format::mulRounded(static_cast<float>(*codes++ - zeros[group]),
                                  scales[group]);
    }
  }
}

std::byte *LinearSource::readScale(int64_t row, int64_t col,
                                   std::byte *out) const {
  const bool asym = Tensors.shape().scales == format::ScaleCodec::Asym;
  const int64_t group = groupOf(col);
  const float value = scale(row, group);
  const std::string where = " of row " + std::to_string(row) + ", group " +
                            std::to_string(group) + " is ";
  const uint16_t stored = std::isfinite(value) ? dense::toF16(value) : 0x7c00;
  if (dense::fromF16(stored) != value || !std::isfinite(value))
    Tensors.fail("the scale" + where + std::to_string(value) +
                 ", which is no f16");
  const int64_t point = zero(row, group);
  if (!asym && point != format::groupedint::middle(bits()))
    Tensors.fail("the zero point" + where + std::to_string(point) +
                 ", not in the middle, where the storage has it");
  const format::groupedint::ScaleZero pair = {
      stored, dense::toF16(static_cast<float>(point))};
  const size_t bytes = asym ? sizeof pair : sizeof pair.scale;
  std::memcpy(out, &pair, bytes);
  return out + bytes;
}

void LinearSource::read(int64_t begin, int64_t end,
                        std::byte *const *parts) const {
  const PackedShape &shape = Tensors.shape();
  const int64_t first = begin / shape.cols;
  const int64_t last = (end + shape.cols - 1) / shape.cols;
  std::vector<uint8_t> all(static_cast<size_t>((last - first) * shape.cols));
  codes(first, last, all.data());
  const uint8_t *wanted = all.data() + (begin - first * shape.cols);
  if (shape.scheme == Scheme::None) {
    readValues(begin, end, wanted, reinterpret_cast<float *>(parts[0]));
    return;
  }
  format::storeCodes(shape.scheme, wanted, end - begin, parts[0]);
  std::byte *scales = parts[1];
  for (int64_t at = begin; at < end; at += shape.blockSize)
    scales = readScale(at / shape.cols, at % shape.cols, scales);
}
