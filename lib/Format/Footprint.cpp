//===- Footprint.cpp - A model's memory, as people count it ---------------===//

#include "qzc/Format/Footprint.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <optional>
#include <set>

namespace qzc::format {

/// model_types whose attention keeps its causal mask as a buffer.
static constexpr std::string_view kFamiliesWithMasks[] = {"gpt2"};

uint64_t parameterBytes(const PackedShape &shape) {
  // Elements or codes are the first part of every scheme.
  const int64_t unit = encodingUnit(shape);
  const uint64_t unitBytes = partBytes(shape, 0, unit);
  const auto elements = static_cast<uint64_t>(shape.rows * shape.cols);
  const auto step = static_cast<uint64_t>(unit);
  return elements / step * unitBytes +
         (elements % step * unitBytes + step - 1) / step;
}

void Footprint::add(const PackedShape &weight) {
  packed += storedBytes(weight);
  hfFootprint += parameterBytes(weight);
}

uint64_t bufferBytes(std::string_view family, int64_t layers, int64_t context,
                     const std::vector<int64_t> &ropeDims) {
  uint64_t bytes = 0;
  for (int64_t dim : ropeDims)
    bytes += static_cast<uint64_t>(dim / 2) * sizeof(float);
  const auto *end = std::end(kFamiliesWithMasks);
  if (std::find(std::begin(kFamiliesWithMasks), end, family) != end) {
    const auto positions = static_cast<uint64_t>(context);
    bytes +=
        static_cast<uint64_t>(layers) * (positions * positions + sizeof(float));
  }
  return bytes;
}

static uint64_t bufferBytes(const Manifest &manifest) {
  std::vector<int64_t> dims;
  for (const Rope &rope : manifest.plan.ropes)
    dims.push_back(rope.dim);
  const ModelInfo &model = manifest.model;
  return bufferBytes(model.family, model.layers, model.context, dims);
}

namespace {
/// The weights as they were imported, each part of a source tensor once.
class Imported {
public:
  /// Nothing where it was there before: a copy of the compiler's own.
  std::optional<PackedShape> add(const Tensor &tensor) {
    const TensorSource &source = tensor.source;
    if (!CountedParts.emplace(source.name, source.rows).second)
      return std::nullopt;
    PackedShape shape = source.held();
    shape.rows = tensor.shape.rows;
    shape.cols = tensor.shape.cols;
    return shape;
  }

private:
  using Part =
      std::pair<std::string_view, std::vector<std::pair<int64_t, int64_t>>>;
  std::set<Part> CountedParts;
};
} // namespace

Footprint sourceFootprint(const Manifest &manifest) {
  Footprint sum;
  Imported imported;
  for (const Tensor &tensor : manifest.tensors)
    if (const auto shape = imported.add(tensor))
      sum.add(*shape);
  sum.hfBuffers = bufferBytes(manifest);
  return sum;
}

Footprint storedFootprint(const Manifest &manifest) {
  Footprint sum;
  for (const Tensor &tensor : manifest.tensors)
    sum.add(tensor.shape);
  sum.hfBuffers = bufferBytes(manifest);
  return sum;
}

static std::string_view componentOf(std::string_view role) {
  static const std::map<std::string_view, std::string_view> kByRole = {
      {"embed", "embeddings"}, {"position", "embeddings"},
      {"q", "attention"},      {"k", "attention"},
      {"v", "attention"},      {"o", "attention"},
      {"up", "ffn"},           {"gate", "ffn"},
      {"down", "ffn"},         {"head", "head"},
      {"proj", "projections"},
  };
  const auto found = kByRole.find(role);
  return found == kByRole.end() ? "norms and biases" : found->second;
}

std::vector<ComponentUse> componentUses(const Manifest &manifest) {
  std::vector<ComponentUse> uses;
  for (std::string_view name : {"embeddings", "attention", "ffn", "head",
                                "projections", "norms and biases"}) {
    ComponentUse use{name, 0, 0};
    Imported imported;
    for (const Tensor &tensor : manifest.tensors) {
      // A tied table was imported for the embeddings, which come first.
      const auto shape = imported.add(tensor);
      if (componentOf(tensor.role) != name)
        continue;
      use.imported += shape ? storedBytes(*shape) : 0;
      use.stored += storedBytes(tensor.shape);
    }
    if (use.stored > 0)
      uses.push_back(use);
  }
  return uses;
}

} // namespace qzc::format
