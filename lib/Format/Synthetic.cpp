//===- Synthetic.cpp - Recipes of synthetic weights -----------------------===//

#include "qzc/Format/Synthetic.h"

#include "qzc/Support/Hash.h"

#include <algorithm>

namespace qzc::format {

// Standard deviation of synthetic::sum: sqrt(4 · (65536² - 1) / 12).
static constexpr double kSumDeviation = 37837.226;
static constexpr double kDeviation = 0.02;
static constexpr double kLargest = kDeviation / kSumDeviation * 131070;

static uint32_t denseKind(DType dtype) {
  switch (dtype) {
  case DType::F16:
    return SyntheticPart::F16;
  case DType::BF16:
    return SyntheticPart::Bf16;
  case DType::F32:
    break;
  }
  return SyntheticPart::F32;
}

/// Scales of this mean, ± 25 %.
static void makeScales(SyntheticPart &result, double mean) {
  result.kind = SyntheticPart::Scales;
  result.center = static_cast<float>(mean);
  result.unit = static_cast<float>(mean / 2 / 65536);
}

/// One number for the seed and which weight it is.
static uint64_t keyOf(const TensorSource &source, uint64_t seed) {
  uint64_t key =
      synthetic::hash(seed, xxh3(source.name.data(), source.name.size()));
  for (const auto &[low, high] : source.rows)
    key = synthetic::hash(synthetic::hash(key, static_cast<uint64_t>(low)),
                          static_cast<uint64_t>(high));
  return key;
}

SyntheticPart syntheticPart(const Tensor &tensor, size_t part, uint64_t seed) {
  SyntheticPart result = {};
  result.key = synthetic::hash(keyOf(tensor.source, seed), part);
  switch (tensor.shape.scheme) {
  case Scheme::None: {
    const double scale = tensor.role == "bias" ? 0.1 : 1.0;
    result.kind = denseKind(tensor.shape.dtype);
    result.center = tensor.role == "norm" ? 1.0f : 0.0f;
    result.unit = static_cast<float>(scale * kDeviation / kSumDeviation);
    break;
  }
  case Scheme::Int8:
    if (part == 0)
      result.kind = SyntheticPart::Int8Codes;
    else
      makeScales(result, kLargest / 127);
    break;
  case Scheme::Nf4:
    // The largest of a block of 64 normal values is about 2.4 deviations.
    if (part == 0)
      result.kind = SyntheticPart::Uniform;
    else
      makeScales(result, 2.4 * kDeviation);
    break;
  }
  return result;
}

void synthesize(const SyntheticPart &part, uint64_t begin, uint64_t bytes,
                std::byte *out) {
  for (uint64_t done = 0; done < bytes; done += 8) {
    const uint64_t word = syntheticWord(part, (begin + done) / 8);
    std::memcpy(out + done, &word, std::min<uint64_t>(8, bytes - done));
  }
}

} // namespace qzc::format
