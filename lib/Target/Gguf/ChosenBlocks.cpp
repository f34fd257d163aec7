//===- ChosenBlocks.cpp - Blocks whose codes a method chose ---------------===//

#include "ChosenBlocks.h"

#include "qzc/Encode/Encoder.h"

#include <array>

namespace qzc::gguf {

ChosenBlocks::ChosenBlocks(const AtomicFile &file, const Plan &plan,
                           const encode::WeightSources &sources,
                           const encode::Statistics *statistics,
                           ThreadPool &pool)
    : Scratch(file), Begin(file.size()) {
  std::vector<encode::WeightRef> refs;
  for (const Tensor &tensor : plan.tensors)
    for (const Part &part : tensor.parts) {
      if (!part.chosen)
        continue;
      Indices[&part] = Tensors.size();
      format::Tensor &one = Tensors.emplace_back();
      one.shape = part.chosen->shape;
      one.method = part.chosen->method;
      one.source = part.source;
      refs.push_back(part.ref);
    }
  if (Tensors.empty())
    return;
  encode::assignOffsets(Tensors);
  encode::encodeWeights(
      Tensors, refs, sources,
      [&](uint64_t offset, const void *data, size_t bytes) {
        Scratch.writeAt(Begin + offset, data, bytes);
      },
      pool, statistics);
}

int64_t ChosenBlocks::unit(const Part &part) const {
  return format::pieceUnit(tensorOf(part).shape);
}

void ChosenBlocks::read(const Part &part, int64_t begin, int64_t end,
                        std::byte *out) const {
  const format::Tensor &tensor = tensorOf(part);
  std::array<std::vector<std::byte>, 4> stored;
  std::byte *parts[4] = {};
  size_t index = 0;
  for (const format::PartLayout &layout : format::layout(tensor.shape)) {
    const uint64_t first = format::partBytes(tensor.shape, index, begin);
    stored[index].resize(format::partBytes(tensor.shape, index, end) - first);
    Scratch.readAt(Begin + tensor.offset + layout.offset + first,
                   stored[index].data(), stored[index].size());
    parts[index] = stored[index].data();
    ++index;
  }
  format::blockFormat(tensor.shape.scheme)->join(parts, end - begin, out);
}

} // namespace qzc::gguf
