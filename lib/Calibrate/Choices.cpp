//===- Choices.cpp - What each storage of a layer loses -------------------===//

#include "qzc/Calibrate/Budget.h"

#include "qzc/Encode/Sample.h"

#include <algorithm>
#include <map>

namespace qzc::calibrate {

using encode::InputStatistics;
using encode::Sample;
using format::Tensor;

/// From small to large; those that a weight's rows do not fit are left out.
static constexpr const char *kStorages[] = {
    "int3/128", "int3/64", "int3/32", "int4/128", "int4/64", "nf4/128",
    "nf4/64",   "nf4/32",  "q5_0",    "q5_1",     "q6_k",    "int8"};

/// Rows that errors are measured on.
static constexpr int64_t kRows = 64;

/// The choices that the tensor can take, with their bytes and errors.
static std::vector<Choice> choicesOf(const Tensor &tensor,
                                     const encode::WeightRef &ref,
                                     const encode::WeightSources &sources,
                                     const encode::Statistics *statistics) {
  std::optional<InputStatistics> input;
  if (statistics)
    input = statistics->find(tensor.source.name);
  if (input && !input->products)
    input.reset();
  const InputStatistics *seen = input ? &*input : nullptr;
  const Sample sample = encode::sampleRows(tensor, ref, sources, kRows);
  const double all = encode::squaresOf(sample, tensor, seen);
  std::vector<Choice> choices;
  for (const char *text : kStorages) {
    Choice choice;
    choice.spec = *format::parseStorage(text);
    Tensor stored = tensor;
    stored.shape.scheme = choice.spec.scheme;
    stored.shape.blockSize = choice.spec.blockSize;
    stored.shape.scales = choice.spec.scales;
    if (format::checkShape(stored.shape))
      continue;
    choice.bytes = format::storedBytes(stored.shape);
    choice.error =
        all == 0 ? 0 : encode::lostSquares(sample, stored, {}, seen) / all;
    choices.push_back(choice);
  }
  return choices;
}

/// Adds the bytes of another part; its errors count by its elements.
static void addPart(BudgetItem &item, int64_t elements,
                    const std::vector<Choice> &choices) {
  const auto before = static_cast<double>(item.elements);
  const auto more = static_cast<double>(elements);
  for (size_t i = 0; i < choices.size(); ++i) {
    item.choices[i].bytes += choices[i].bytes;
    item.choices[i].error =
        (item.choices[i].error * before + choices[i].error * more) /
        (before + more);
  }
  item.elements += elements;
}

std::vector<BudgetItem> tryChoices(const format::Manifest &manifest,
                                   const std::vector<encode::WeightRef> &refs,
                                   const encode::WeightSources &sources,
                                   const encode::Statistics *statistics,
                                   ThreadPool &pool) {
  std::vector<size_t> tensors;
  for (size_t i = 0; i < manifest.tensors.size(); ++i)
    if (manifest.tensors[i].shape.scheme != format::Scheme::None)
      tensors.push_back(i);
  std::vector<std::vector<Choice>> choices(tensors.size());
  pool.parallelFor(static_cast<int64_t>(tensors.size()), 1,
                   [&](int64_t begin, int64_t end, int) {
                     for (int64_t i = begin; i < end; ++i) {
                       const size_t tensor = tensors[static_cast<size_t>(i)];
                       choices[static_cast<size_t>(i)] =
                           choicesOf(manifest.tensors[tensor], refs[tensor],
                                     sources, statistics);
                     }
                   });
  std::vector<BudgetItem> items;
  std::map<std::string, size_t> byWeight;
  for (size_t i = 0; i < tensors.size(); ++i) {
    const Tensor &tensor = manifest.tensors[tensors[i]];
    const int64_t elements = tensor.shape.rows * tensor.shape.cols;
    const auto [entry, isNew] =
        byWeight.try_emplace(tensor.source.name, items.size());
    if (isNew)
      items.push_back({tensor.source.name, elements, choices[i]});
    else
      addPart(items[entry->second], elements, choices[i]);
  }
  return items;
}

} // namespace qzc::calibrate
