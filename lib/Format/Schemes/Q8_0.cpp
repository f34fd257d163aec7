//===- Q8_0.cpp - Codes of 8 bits, a scale for 32 -------------------------===//

#include "GgmlTraits.h"

using namespace qzc::format;

namespace {
struct Code {
  static int at(const std::byte *codes, int64_t i) {
    return static_cast<int8_t>(codes[i]);
  }
};
using Q8_0 = GgmlTraits<ggml::BlockQ8_0, Code>;
} // namespace

const SchemeTraits qzc::format::kQ8_0Traits = {
    2,
    {"codes", "scales"},
    0,
    ScaleCodec::Plain,
    {{SyntheticPart::Int8Codes, 0},
     {SyntheticPart::HalfScales, synthetic::kLargest / 127}},
    Q8_0::checkShape,
    Q8_0::unit,
    Q8_0::partBytes,
    Q8_0::encode,
    Q8_0::decode,
    nullptr,
    nullptr,
    nullptr,
    nullptr,
    Q8_0::blocks()};
