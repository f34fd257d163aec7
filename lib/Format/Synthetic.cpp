//===- Synthetic.cpp - Recipes of synthetic weights -----------------------===//

#include "qzc/Format/Synthetic.h"

#include "Schemes/Traits.h"

#include "qzc/Support/Hash.h"

#include <algorithm>

namespace qzc::format {

static constexpr double kDeviation = 0.02;

static SyntheticPart::Kind denseKind(DType dtype) {
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

static SyntheticPart densePart(const Tensor &tensor) {
  const double scale = tensor.role == "bias" ? 0.1 : 1.0;
  SyntheticPart result = {};
  result.kind = denseKind(tensor.shape.dtype);
  result.center = tensor.role == "norm" ? 1.0f : 0.0f;
  result.unit =
      static_cast<float>(scale * kDeviation / synthetic::kSumDeviation);
  return result;
}

static SyntheticPart quantizedPart(const SyntheticRecipe &recipe,
                                   ScaleCodec scales) {
  SyntheticPart result = {};
  result.kind = recipe.kind;
  // An absmax is 127 scales.
  const double steps = scales == ScaleCodec::Absmax ? 127 : 1;
  result.center = static_cast<float>(recipe.mean * steps * kDeviation);
  // ± 25 %.
  result.unit = result.center / 2 / 65536;
  result.second = static_cast<float>(recipe.second * kDeviation);
  if (recipe.kind == SyntheticPart::HalfScales && scales == ScaleCodec::Asym) {
    result.kind = SyntheticPart::HalfPairs;
    result.second = static_cast<float>(recipe.second); // a zero point
  }
  if (recipe.kind == SyntheticPart::Scales && scales == ScaleCodec::Double) {
    result.kind = SyntheticPart::ScaleGroups;
    result.unit = result.center / 4;
  }
  return result;
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
  SyntheticPart result =
      tensor.shape.scheme == Scheme::None
          ? densePart(tensor)
          : quantizedPart(traits(tensor.shape.scheme).synthetic[part],
                          tensor.shape.scales);
  result.key = synthetic::hash(keyOf(tensor.source, seed), part);
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
