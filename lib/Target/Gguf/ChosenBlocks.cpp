//===- ChosenBlocks.cpp - Blocks whose codes a method chose ---------------===//

#include "ChosenBlocks.h"

#include <array>

namespace qzc::gguf {

ChosenBlocks::ChosenBlocks(const Plan &plan,
                           const encode::WeightSources &sources,
                           const encode::Statistics *statistics,
                           encode::CodeStore &codes, ThreadPool &pool)
    : Codes(codes) {
  std::vector<const Part *> parts;
  std::vector<format::Tensor> tensors;
  std::vector<encode::WeightRef> refs;
  for (const Tensor &tensor : plan.tensors)
    for (const Part &part : tensor.parts) {
      if (!part.chosen)
        continue;
      parts.push_back(&part);
      format::Tensor &one = tensors.emplace_back();
      one.shape = part.chosen->shape;
      one.method = part.chosen->method;
      one.source = part.source;
      refs.push_back(part.ref);
    }
  if (tensors.empty())
    return;
  codes.encode(tensors, refs, sources, pool, statistics);
  for (size_t i = 0; i < parts.size(); ++i)
    Entries[parts[i]] = codes.find(tensors[i]);
}

int64_t ChosenBlocks::unit(const Part &part) const {
  return format::pieceUnit(part.chosen->shape);
}

void ChosenBlocks::read(const Part &part, int64_t begin, int64_t end,
                        std::byte *out) const {
  const encode::CodeStore::Entry &entry = *Entries.at(&part);
  std::array<std::vector<std::byte>, 4> stored;
  std::byte *parts[4] = {};
  size_t index = 0;
  for (const format::PartLayout &layout : format::layout(entry.shape)) {
    const uint64_t first = format::partBytes(entry.shape, index, begin);
    stored[index].resize(format::partBytes(entry.shape, index, end) - first);
    Codes.read(entry, layout.offset + first, stored[index].data(),
               stored[index].size());
    parts[index] = stored[index].data();
    ++index;
  }
  part.chosen->blocks->join(parts, end - begin, out);
}

} // namespace qzc::gguf
