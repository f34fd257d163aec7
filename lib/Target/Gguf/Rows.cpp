//===- Rows.cpp - Which rows of its source a tensor holds -----------------===//

#include "Rows.h"

#include "qzc/Support/Error.h"

#include <algorithm>

namespace qzc::gguf {

Ranges inSource(const format::TensorSource &source, const Ranges &ranges) {
  Ranges result;
  for (const auto &[low, high] : ranges) {
    int64_t stored = 0;
    for (const auto &[begin, end] : source.heldRows()) {
      const int64_t from = std::max(low, stored);
      const int64_t to = std::min(high, stored + end - begin);
      if (from < to)
        result.emplace_back(begin + from - stored, begin + to - stored);
      stored += end - begin;
    }
  }
  return result;
}

Ranges interleaved(const Ranges &ranges, int64_t heads) {
  std::vector<int64_t> rows;
  for (const auto &[low, high] : ranges)
    for (int64_t row = low; row < high; ++row)
      rows.push_back(row);
  const auto count = static_cast<int64_t>(rows.size());
  const int64_t dim = count / heads;
  Ranges result;
  for (int64_t head = 0; head < count; head += dim)
    for (int64_t i = 0; i < dim / 2; ++i)
      for (int64_t from : {head + i, head + dim / 2 + i}) {
        const int64_t row = rows[static_cast<size_t>(from)];
        result.emplace_back(row, row + 1);
      }
  return result;
}

void orderParts(Tensor &tensor) {
  std::stable_sort(tensor.parts.begin(), tensor.parts.end(),
                   [](const Part &a, const Part &b) {
                     return a.source.heldRows().front() <
                            b.source.heldRows().front();
                   });
  const format::TensorSource &source = tensor.parts.front().source;
  std::vector<bool> seen(static_cast<size_t>(source.height()));
  size_t held = 0;
  for (const Part &part : tensor.parts) {
    if (part.source.name != source.name)
      throw Error("--gguf: tensors '" + source.name + "' and '" +
                  part.source.name + "' would both be '" + tensor.info.name +
                  "'");
    for (const auto &[low, high] : part.source.heldRows())
      for (int64_t row = low; row < high; ++row, ++held) {
        if (seen[static_cast<size_t>(row)])
          throw Error("--gguf: the module has row " + std::to_string(row) +
                      " of '" + source.name + "' twice");
        seen[static_cast<size_t>(row)] = true;
      }
  }
  if (held != seen.size())
    throw Error("--gguf: the module has " + std::to_string(held) + " of the " +
                std::to_string(seen.size()) + " rows of '" + source.name + "'");
}

} // namespace qzc::gguf
