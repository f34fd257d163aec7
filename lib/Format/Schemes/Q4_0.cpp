//===- Q4_0.cpp - Codes of 4 bits, a scale for 32 -------------------------===//

#include "GgmlTraits.h"

using namespace qzc::format;

namespace {
struct Code {
  /// Low nibbles first, then high ones.
  static int at(const std::byte *codes, int64_t i) {
    const auto byte = static_cast<int>(codes[i % 16]);
    return (i < 16 ? byte & 15 : byte >> 4) - 8;
  }
};
using Q4_0 = GgmlTraits<ggml::BlockQ4_0, Code>;
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
    Q4_0::decode};
