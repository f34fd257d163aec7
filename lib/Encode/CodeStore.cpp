//===- CodeStore.cpp - Weights that were encoded before -------------------===//

#include "qzc/Encode/CodeStore.h"

#include "qzc/Encode/Encoder.h"

namespace qzc::encode {

using format::Tensor;

/// Of two weights of one source's name.
static bool isSame(const Tensor &a, const Tensor &b) {
  return a.source.transposed == b.source.transposed &&
         a.source.heldRows() == b.source.heldRows() &&
         a.shape.rows == b.shape.rows && a.shape.cols == b.shape.cols &&
         format::storedAlike(a.shape, b.shape) && a.method == b.method &&
         a.scaling.columns == b.scaling.columns &&
         a.scaling.rows == b.scaling.rows;
}

const CodeStore::Entry *CodeStore::find(const Tensor &tensor) const {
  const auto [begin, end] = Entries.equal_range(tensor.source.name);
  for (auto entry = begin; entry != end; ++entry)
    if (isSame(entry->second, tensor))
      return &entry->second;
  return nullptr;
}

void CodeStore::read(const Entry &entry, uint64_t offset, void *data,
                     size_t bytes) const {
  File->read(entry.offset + offset, data, bytes);
}

CodeStore::Entry &CodeStore::add(const Tensor &tensor) {
  if (!File)
    File.emplace();
  Entry &entry = Entries.emplace(tensor.source.name, tensor)->second;
  entry.offset = End;
  End += format::paddedBytes(tensor.shape);
  return entry;
}

void CodeStore::keep(const Tensor &tensor, const std::byte *bytes) {
  if (find(tensor))
    return;
  File->write(add(tensor).offset, bytes, format::paddedBytes(tensor.shape));
}

void CodeStore::encode(const std::vector<Tensor> &tensors,
                       const std::vector<WeightRef> &refs,
                       const WeightSources &sources, ThreadPool &pool,
                       const Statistics *statistics) {
  std::vector<Tensor> missing;
  std::vector<WeightRef> from;
  std::vector<Entry *> entries;
  const uint64_t begin = End;
  for (size_t i = 0; i < tensors.size(); ++i)
    if (!find(tensors[i])) {
      entries.push_back(&add(tensors[i]));
      missing.push_back(tensors[i]);
      from.push_back(refs[i]);
    }
  // One behind the other, as add() places them.
  assignOffsets(missing);
  encodeWeights(
      missing, from, sources,
      [&](uint64_t offset, const void *data, size_t bytes) {
        File->write(begin + offset, data, bytes);
      },
      pool, statistics);
  for (size_t i = 0; i < missing.size(); ++i)
    entries[i]->f16Exponent = missing[i].f16Exponent;
}

} // namespace qzc::encode
