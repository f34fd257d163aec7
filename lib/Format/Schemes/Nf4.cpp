//===- Nf4.cpp - 4-bit codes of the normal code book ----------------------===//

#include "qzc/Format/Schemes/Nf4.h"

#include "Traits.h"

#include <algorithm>
#include <array>

using namespace qzc::format;

static constexpr int64_t kLargestBlock = 4096;

static std::optional<std::string_view> checkBlock(const PackedShape &shape) {
  const int64_t block = shape.blockSize;
  if (block < 32 || block > kLargestBlock || (block & (block - 1)) != 0)
    return "nf4 takes a block size that is a power of two from 32 to 4096";
  return std::nullopt;
}

static int64_t unit(const PackedShape &shape) { return shape.blockSize; }

static uint64_t bytesOf(const PackedShape &shape, size_t part,
                        int64_t elements) {
  return static_cast<uint64_t>(
      part == 0 ? nf4::codeBytes(elements, shape.blockSize)
                : nf4::blockCount(elements, shape.blockSize) *
                      static_cast<int64_t>(sizeof(float)));
}

QZC_VECTOR_CLONES
static void encodeBlock(const float *values, int64_t count, float inverse,
                        uint8_t *codes) {
  for (int64_t i = 0; i < count; ++i)
    codes[i] = nf4::encode(values[i], inverse);
}

static float encode(const PackedShape &shape, const float *values,
                    int64_t count, std::byte *const *parts) {
  const int64_t block = shape.blockSize;
  auto *bytes = reinterpret_cast<uint8_t *>(parts[0]);
  auto *scales = reinterpret_cast<float *>(parts[1]);
  std::array<uint8_t, kLargestBlock> codes;
  float largest = 0;
  for (int64_t begin = 0; begin < count; begin += block) {
    const int64_t present = std::min(block, count - begin);
    const float absmax = largestMagnitude(values + begin, present);
    encodeBlock(values + begin, present, nf4::inverseScale(absmax),
                codes.data());
    std::fill(codes.begin() + present, codes.begin() + block, nf4::kZeroCode);
    for (int64_t i = 0; i < block; i += 2)
      *bytes++ = nf4::pack(codes[i], codes[i + 1]);
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
    const float scale = scales[i / block];
    const int64_t blockEnd = std::min(end, (i / block + 1) * block);
    for (; i < blockEnd; ++i)
      *out++ = mulRounded(nf4::kCodeBook[nf4::codeAt(codes, i)], scale);
  }
}

const SchemeTraits qzc::format::kNf4Traits = {
    2, {"codes", "scales"}, 64, checkBlock, unit, bytesOf, encode, decode,
};
