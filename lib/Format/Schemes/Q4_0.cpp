//===- Q4_0.cpp - Codes of 4 bits, a scale for 32 -------------------------===//

#include "../GgmlWeighted.h"
#include "GgmlTraits.h"

#include <vector>

using namespace qzc::format;

namespace {
struct Code {
  /// Low nibbles first, then high ones.
  static int at(const std::byte *codes, int64_t i) {
    const auto byte = static_cast<int>(codes[i % 16]);
    return (i < 16 ? byte & 15 : byte >> 4) - 8;
  }

  static Levels levels(const PackedShape &) {
    return evenLevels(ggml::kBlock, 16);
  }

  static void readGroups(const PackedShape &, const std::byte *const *parts,
                         int64_t count, float *scales, float *offsets) {
    const auto *stored = reinterpret_cast<const uint16_t *>(parts[1]);
    for (int64_t i = 0; i < count / ggml::kBlock; ++i) {
      scales[i] = dense::fromF16(stored[i]);
      offsets[i] = -8 * scales[i];
    }
  }

  static void replaceCodes(const PackedShape &, const uint8_t *codes,
                           int64_t count, std::byte *const *parts) {
    std::byte *out = parts[0];
    for (int64_t begin = 0; begin < count; begin += ggml::kBlock) {
      ggml::BlockQ4_0 block;
      ggml::packCodes(codes + begin, block);
      std::memcpy(out, block.codes, sizeof block.codes);
      out += sizeof block.codes;
    }
  }
};
using Q4_0 = GgmlTraits<ggml::BlockQ4_0, Code>;

float search(const PackedShape &shape, const float *values,
             const ErrorWeights &weights, int64_t count,
             std::byte *const *parts) {
  std::vector<ggml::BlockQ4_0> blocks(
      static_cast<size_t>(count / ggml::kBlock));
  const float largest = ggml::quantizeRows(
      {values, weights.importance, shape.cols, count / shape.cols},
      blocks.data());
  Q4_0::split(reinterpret_cast<const std::byte *>(blocks.data()), count, parts);
  return largest;
}
} // namespace

/// Evenly distributed codes have a deviation of 4.61.
const SchemeTraits qzc::format::kQ4_0Traits = {
    2,
    {"codes", "scales"},
    0,
    ScaleCodec::Plain,
    {{SyntheticPart::Uniform, 0}, {SyntheticPart::HalfScales, 1 / 4.61}},
    Q4_0::checkShape,
    Q4_0::unit,
    Q4_0::partBytes,
    Q4_0::encode,
    Q4_0::decode,
    search,
    Code::levels,
    Code::readGroups,
    Code::replaceCodes,
    Q4_0::blocks()};
