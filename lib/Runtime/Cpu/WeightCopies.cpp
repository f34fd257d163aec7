//===- WeightCopies.cpp - Weights as decoding reads them ------------------===//

#include "WeightCopies.h"

#include "RowGroups.h"

#include <algorithm>
#include <cstring>

namespace qzc::runtime::cpu {

/// The tensors of all linear layers, some of them several times.
static std::vector<int32_t> linearWeights(const format::Plan &plan) {
  std::vector<int32_t> tensors;
  for (const std::vector<format::Launch> *launches : {&plan.body, &plan.head})
    for (const format::Launch &launch : *launches) {
      if (launch.opcode != format::Opcode::Linear)
        continue;
      const int parts = std::get<format::LinearParams>(launch.params).parts;
      tensors.insert(tensors.end(), launch.weights.begin(),
                     launch.weights.begin() + parts);
    }
  return tensors;
}

WeightCopies::WeightCopies(const Image &image, const format::Plan &plan,
                           const KernelTable &kernels, ThreadPool &pool)
    : Source(image) {
  uint64_t bytes = 0;
  std::vector<int32_t> order;
  for (const int32_t tensor : linearWeights(plan)) {
    const format::PackedShape shape = image.tensor(tensor).shape;
    const bool grouped = canGroupRows(shape, kernels);
    const bool stored =
        shape.scheme != format::Scheme::None && image.canRelease();
    if (has(tensor) || !(grouped || stored))
      continue;
    Copies.emplace(tensor, Copy{bytes, grouped});
    order.push_back(tensor);
    bytes += grouped ? groupedBytes(shape) : format::paddedBytes(shape);
  }
  if (order.empty())
    return;
  // It would bring back what is let go of.
  image.checkWeights();
  Memory = ZeroedMemory(bytes, "the weights of linear layers");
  for (const int32_t tensor : order) {
    copy(image.tensor(tensor), Copies.at(tensor), kernels, pool);
    image.release(tensor);
  }
}

void WeightCopies::copy(const format::PackedView &weight, const Copy &copy,
                        const KernelTable &kernels, ThreadPool &pool) {
  const format::PackedShape &shape = weight.shape;
  std::byte *to = Memory.bytes() + copy.offset;
  if (copy.grouped) {
    pool.parallelFor((shape.rows + kGroupRows - 1) / kGroupRows, 8,
                     [&](int64_t begin, int64_t end, int) {
                       groupRows(weight, kernels, begin, end, to);
                     });
    return;
  }
  size_t number = 0;
  for (const format::PartLayout &part : format::layout(shape)) {
    const std::byte *from = weight.parts[number++];
    pool.parallelFor(static_cast<int64_t>(part.bytes), 1 << 20,
                     [&](int64_t begin, int64_t end, int) {
                       std::memcpy(to + part.offset + begin, from + begin,
                                   static_cast<size_t>(end - begin));
                     });
  }
}

GroupedView WeightCopies::groups(int32_t tensor) const {
  const auto found = Copies.find(tensor);
  if (found == Copies.end() || !found->second.grouped)
    return {};
  return {Source.tensor(tensor).shape, Memory.bytes() + found->second.offset};
}

format::PackedView WeightCopies::stored(int32_t tensor) const {
  format::PackedView view = Source.tensor(tensor);
  const auto found = Copies.find(tensor);
  if (found == Copies.end() || found->second.grouped)
    return view;
  size_t number = 0;
  for (const format::PartLayout &part : format::layout(view.shape))
    view.parts[number++] = Memory.bytes() + found->second.offset + part.offset;
  return view;
}

} // namespace qzc::runtime::cpu
