//===- Bitsandbytes.cpp - nf4 and fp4 as bitsandbytes saves them ----------===//
//
// Of the n elements of the flattened weight:
//
//  * codes: U8 [(n + 1) / 2, 1], the element with the even index in the high
//    nibble; map: F32 [16], their values.
//  * scales: F32 [blocks], the absmax of each; or quantized, U8 [blocks], with
//    nested_map: F32 [256], nested_scales: F32 [blocks / 256, rounded up] and
//    the source's `offset`: map[code] · scale + offset.
//
// So stored weights are the storages nf4 and fp4, whose code books are those of
// the package: books of any other kind are refused.
//
//===----------------------------------------------------------------------===//

#include "Packings.h"

#include "qzc/Format/Schemes/DoubleQuant.h"
#include "qzc/Format/Schemes/Fp4.h"
#include "qzc/Format/Schemes/Nf4.h"

#include <algorithm>

using namespace qzc;
using namespace qzc::encode;
using format::PackedShape;
using format::Scheme;
namespace codebook = format::codebook;
namespace doublequant = format::doublequant;

static bool isDouble(const PackedTensors &tensors) {
  return tensors.shape().scales == format::ScaleCodec::Double;
}

static void requireBook(const PackedTensors &tensors, std::string_view role,
                        const float *book, int64_t size) {
  tensors.require(role, "F32", {size});
  for (int64_t i = 0; i < size; ++i)
    if (tensors.at<float>(role, i) != book[i])
      tensors.fail("code " + std::to_string(i) + " of its " +
                   std::string(role) + " ('" + tensors.tensor(role)->name +
                   "') stands for another value than the package's");
}

static void check(const PackedTensors &tensors) {
  const PackedShape &shape = tensors.shape();
  tensors.requireScheme({Scheme::Nf4, Scheme::Fp4});
  const int64_t count = shape.rows * shape.cols;
  const int64_t blocks = codebook::blockCount(count, shape.blockSize);
  tensors.require("codes", "U8", {(count + 1) / 2, 1});
  requireBook(tensors, "map",
              shape.scheme == Scheme::Nf4 ? format::nf4::kCodeBook
                                          : format::fp4::kCodeBook,
              16);
  tensors.require("scales", isDouble(tensors) ? "U8" : "F32", {blocks});
  if (!isDouble(tensors))
    return;
  requireBook(tensors, "nested_map", doublequant::kDynamicMap.values, 256);
  tensors.require("nested_scales", "F32",
                  {(blocks + doublequant::kGroup - 1) / doublequant::kGroup});
}

static void readDouble(const PackedTensors &tensors, int64_t begin,
                       int64_t count, std::byte *part) {
  const std::byte *codes = tensors.data("scales");
  for (int64_t at = begin; at < begin + count; at += doublequant::kGroup) {
    doublequant::ScaleGroup group = {
        tensors.at<float>("nested_scales", at / doublequant::kGroup),
        tensors.source().offset,
        {}};
    const int64_t size = std::min(doublequant::kGroup, begin + count - at);
    std::memcpy(group.codes, codes + at, static_cast<size_t>(size));
    std::memcpy(part, &group,
                static_cast<size_t>(doublequant::scaleBytes(size)));
    part += sizeof group;
  }
}

static void read(const PackedTensors &tensors, int64_t begin, int64_t end,
                 std::byte *const *parts) {
  const PackedShape &shape = tensors.shape();
  // The last block is padded with codes of 0.
  const codebook::Coder &coder =
      shape.scheme == Scheme::Nf4 ? format::nf4::kCoder : format::fp4::kCoder;
  const uint8_t zero = codebook::encode(coder, 0.0f, 1.0f);
  const int64_t bytes = (end - begin + 1) / 2;
  const std::byte *codes = tensors.data("codes") + begin / 2;
  std::copy(codes, codes + bytes, parts[0]);
  std::fill(parts[0] + bytes,
            parts[0] + codebook::codeBytes(end - begin, shape.blockSize),
            std::byte{codebook::pack(zero, zero)});

  const int64_t first = begin / shape.blockSize;
  const int64_t blocks = codebook::blockCount(end - begin, shape.blockSize);
  if (isDouble(tensors))
    readDouble(tensors, first, blocks, parts[1]);
  else
    std::memcpy(parts[1], tensors.data("scales") + first * 4,
                static_cast<size_t>(blocks) * 4);
}

const PackingTraits encode::kBitsandbytesPacking = {check, read};
