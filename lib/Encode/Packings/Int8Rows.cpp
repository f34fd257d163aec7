//===- Int8Rows.cpp - Codes of 8 bits, a scale a row ----------------------===//
//
// codes: I8 [rows, cols]. scales: of bitsandbytes F32 [rows], the absmax of
// each, which the storage int8 keeps with `absmax`; of others [rows, 1], what
// codes are multiplied with.
//
//===----------------------------------------------------------------------===//

#include "Packings.h"

#include <algorithm>

using namespace qzc;
using namespace qzc::encode;
using format::PackedShape;

static void check(const PackedTensors &tensors) {
  const PackedShape &shape = tensors.shape();
  tensors.requireScheme({format::Scheme::Int8});
  tensors.require("codes", "I8", {shape.rows, shape.cols});
  if (shape.scales == format::ScaleCodec::Absmax)
    tensors.require("scales", "F32", {shape.rows});
  else
    tensors.requireNumbers("scales", {shape.rows, 1});
}

static void read(const PackedTensors &tensors, int64_t begin, int64_t end,
                 std::byte *const *parts) {
  const std::byte *codes = tensors.data("codes");
  std::copy(codes + begin, codes + end, parts[0]);
  const int64_t cols = tensors.shape().cols;
  for (int64_t row = begin / cols; row < end / cols; ++row) {
    const float scale = tensors.number("scales", row);
    std::memcpy(parts[1] + (row - begin / cols) * 4, &scale, sizeof scale);
  }
}

const PackingTraits encode::kInt8RowsPacking = {check, read};
