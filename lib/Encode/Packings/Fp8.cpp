//===- Fp8.cpp - Codes of e4m3, scales of any extent ----------------------===//
//
// codes: F8_E4M3 [rows, cols]. scales: [] or [1] of the tensor, [rows] or
// [rows, 1] of rows; of blocks of 128 by 128 [rows / 128, cols / 128], rounded
// up. A weight is code · scale.
//
//===----------------------------------------------------------------------===//

#include "qzc/Format/Schemes/Fp8.h"

#include "Packings.h"

#include <algorithm>

using namespace qzc;
using namespace qzc::encode;
using format::PackedShape;
namespace fp8 = format::fp8;

static int64_t blocksOf(int64_t extent) {
  return (extent + fp8::kBlock - 1) / fp8::kBlock;
}

static void check(const PackedTensors &tensors) {
  const PackedShape &shape = tensors.shape();
  tensors.requireScheme({format::Scheme::Fp8});
  tensors.require("codes", "F8_E4M3", {shape.rows, shape.cols});
  const format::PackedTensor *scales = tensors.tensor("scales");
  if (shape.blockSize != 0)
    tensors.requireNumbers("scales",
                           {blocksOf(shape.rows), blocksOf(shape.cols)});
  else if (scales && scales->shape.size() < 2 &&
           (scales->shape.empty() || scales->shape[0] == 1))
    tensors.requireNumbers("scales", scales->shape);
  else if (scales && scales->shape.size() == 1)
    tensors.requireNumbers("scales", {shape.rows});
  else
    tensors.requireNumbers("scales", {shape.rows, 1});
}

static void read(const PackedTensors &tensors, int64_t begin, int64_t end,
                 std::byte *const *parts) {
  const PackedShape &shape = tensors.shape();
  const std::byte *codes = tensors.data("codes");
  if (std::any_of(codes + begin, codes + end, [](std::byte code) {
        return fp8::isNan(static_cast<uint8_t>(code));
      }))
    tensors.fail("has a NaN among its codes: the weights are damaged");
  std::copy(codes + begin, codes + end, parts[0]);

  const std::vector<int64_t> &extents = tensors.tensor("scales")->shape;
  const bool ofTensor =
      extents.empty() || (extents.size() == 1 && extents[0] == 1);
  const int64_t block = shape.blockSize;
  const int64_t perRow = block == 0 ? 1 : shape.cols / block;
  std::byte *out = parts[1];
  for (int64_t row = begin / shape.cols; row < end / shape.cols; ++row)
    for (int64_t i = 0; i < perRow; ++i, out += sizeof(float)) {
      const int64_t at = block == 0 ? (ofTensor ? 0 : row)
                                    : row / fp8::kBlock * blocksOf(shape.cols) +
                                          i * block / fp8::kBlock;
      const float scale = tensors.number("scales", at);
      std::memcpy(out, &scale, sizeof scale);
    }
}

const PackingTraits encode::kFp8Packing = {check, read};
