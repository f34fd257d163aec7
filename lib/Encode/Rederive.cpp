//===- Rederive.cpp - Stored weights beside what encoding gives -----------===//

#include "qzc/Encode/Rederive.h"

#include "qzc/Encode/Encoder.h"
#include "qzc/Support/Error.h"
#include "qzc/Support/MappedFile.h"

#include <algorithm>
#include <cstring>
#include <mutex>

using namespace qzc;
using namespace qzc::encode;
using format::Tensor;

namespace {
/// The first byte of a section that differs, of those shown so far.
class Comparison {
public:
  explicit Comparison(const std::byte *section) : Section(section) {}

  /// From several threads at once.
  void show(uint64_t offset, const std::byte *derived, size_t bytes) {
    const std::byte *stored = Section + offset;
    if (std::memcmp(stored, derived, bytes) != 0) {
      const auto at = static_cast<size_t>(
          std::mismatch(stored, stored + bytes, derived).first - stored);
      note(offset + at, stored[at], derived[at]);
    }
    releasePages(stored, bytes);
  }

  /// Bytes that nothing is encoded to.
  void showPadding(uint64_t begin, uint64_t end) {
    for (uint64_t at = begin; at < end; ++at)
      if (Section[at] != std::byte{0})
        return note(at, Section[at], std::byte{0});
  }

  std::optional<Difference> first(const std::vector<Tensor> &tensors) const {
    if (!Found)
      return std::nullopt;
    Difference difference = *Found;
    while (!isIn(tensors[difference.tensor]))
      ++difference.tensor;
    difference.offset -= tensors[difference.tensor].offset;
    return difference;
  }

private:
  void note(uint64_t offset, std::byte stored, std::byte derived) {
    const std::lock_guard<std::mutex> lock(Mutex);
    if (!Found || offset < Found->offset)
      Found = {0, offset, stored, derived};
  }
  bool isIn(const Tensor &tensor) const {
    return Found->offset >= tensor.offset &&
           Found->offset - tensor.offset < format::paddedBytes(tensor.shape);
  }

  const std::byte *Section;
  std::mutex Mutex;
  std::optional<Difference> Found; ///< its offset is from the section's start
};
} // namespace

static void comparePadding(const Tensor &tensor, Comparison &comparison) {
  uint64_t end = 0;
  for (const format::PartLayout &part : format::layout(tensor.shape)) {
    comparison.showPadding(tensor.offset + end, tensor.offset + part.offset);
    end = part.offset + part.bytes;
  }
  comparison.showPadding(tensor.offset + end,
                         tensor.offset + format::paddedBytes(tensor.shape));
}

std::optional<Difference>
encode::findDifference(const std::vector<Tensor> &tensors,
                       const std::vector<WeightRef> &refs,
                       const WeightSources &sources, const std::byte *section,
                       ThreadPool &pool, const Statistics *statistics) {
  Comparison comparison(section);
  for (const Tensor &tensor : tensors)
    comparePadding(tensor, comparison);
  std::vector<Tensor> derived = tensors;
  encodeWeights(
      derived, refs, sources,
      [&](uint64_t offset, const void *data, size_t bytes) {
        comparison.show(offset, static_cast<const std::byte *>(data), bytes);
      },
      pool, statistics);
  const std::optional<Difference> first = comparison.first(tensors);
  if (first)
    return first;
  for (size_t i = 0; i < tensors.size(); ++i)
    if (derived[i].f16Exponent != tensors[i].f16Exponent)
      throw Error(
          "tensor '" + tensors[i].source.name + "' has the f16 exponent " +
          std::to_string(derived[i].f16Exponent) + ", and the manifest says " +
          std::to_string(tensors[i].f16Exponent));
  return std::nullopt;
}
