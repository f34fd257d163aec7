//===- Footprint.cpp - A model's memory, as people count it ---------------===//

#include "qzc/Format/Footprint.h"

#include <algorithm>
#include <iterator>
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

Footprint sourceFootprint(const Manifest &manifest) {
  Footprint sum;
  using Part =
      std::pair<std::string_view, std::vector<std::pair<int64_t, int64_t>>>;
  std::set<Part> counted;
  for (const Tensor &tensor : manifest.tensors) {
    const TensorSource &source = tensor.source;
    if (!counted.emplace(source.name, source.rows).second)
      continue;
    PackedShape shape;
    shape.dtype = source.dtype;
    shape.rows = tensor.shape.rows;
    shape.cols = tensor.shape.cols;
    sum.add(shape);
  }
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

} // namespace qzc::format
