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

static Tensor storedAs(const Tensor &tensor, const format::StorageSpec &spec) {
  Tensor stored = tensor;
  stored.shape.scheme = spec.scheme;
  stored.shape.blockSize = spec.blockSize;
  stored.shape.scales = spec.scales;
  return stored;
}

/// The storages that the tensor can take, with their bytes.
static std::vector<Choice> choicesOf(const Tensor &tensor) {
  std::vector<Choice> choices;
  for (const char *text : kStorages) {
    Choice choice;
    choice.spec = *format::parseStorage(text);
    const format::PackedShape shape = storedAs(tensor, choice.spec).shape;
    if (format::checkShape(shape))
      continue;
    choice.bytes = format::storedBytes(shape);
    choices.push_back(choice);
  }
  return choices;
}

namespace {
/// Weights of one input, or one whose input nothing is known of, and what is
/// tried on them.
class Trials {
public:
  struct Weight {
    const Tensor *tensor = nullptr;
    const encode::WeightRef *ref = nullptr;
    std::vector<Choice> *choices = nullptr;
    double sensitivity = 1;
  };

  explicit Trials(std::optional<InputStatistics> input) : Input(input) {}
  void add(const Weight &weight) { Weights.push_back(weight); }
  /// Fills in the errors of the weights' choices.
  void run(const encode::WeightSources &sources, format::Method method,
           ThreadPool &pool) const;

private:
  std::optional<InputStatistics> Input;
  std::vector<Weight> Weights;
};
} // namespace

void Trials::run(const encode::WeightSources &sources, format::Method method,
                 ThreadPool &pool) const {
  const InputStatistics *seen = Input ? &*Input : nullptr;
  std::optional<encode::Feedback> feedback;
  if (seen && method == format::Method::Gptq)
    feedback.emplace(*seen, Weights.front().tensor->source.name, pool);
  for (const Weight &weight : Weights) {
    const Sample sample =
        encode::sampleRows(*weight.tensor, *weight.ref, sources, kRows);
    const double all = encode::squaresOf(sample, *weight.tensor, seen);
    if (all == 0)
      continue;
    const auto errorOf = [&](const Choice &choice) {
      return encode::lostSquares(sample, storedAs(*weight.tensor, choice.spec),
                                 {}, seen, feedback ? &*feedback : nullptr) /
             all * weight.sensitivity;
    };
    std::vector<Choice> &choices = *weight.choices;
    pool.parallelFor(static_cast<int64_t>(choices.size()), 1,
                     [&](int64_t begin, int64_t end, int) {
                       for (auto i = static_cast<size_t>(begin);
                            i < static_cast<size_t>(end); ++i)
                         choices[i].error = errorOf(choices[i]);
                     });
  }
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
                                   format::Method method, ThreadPool &pool) {
  std::vector<size_t> tensors;
  for (size_t i = 0; i < manifest.tensors.size(); ++i)
    if (manifest.tensors[i].shape.scheme != format::Scheme::None)
      tensors.push_back(i);
  std::vector<std::vector<Choice>> choices(tensors.size());
  std::vector<Trials> trials;
  std::map<const float *, size_t> byInput;
  for (size_t i = 0; i < tensors.size(); ++i) {
    const Tensor &tensor = manifest.tensors[tensors[i]];
    choices[i] = choicesOf(tensor);
    std::optional<InputStatistics> input;
    double sensitivity = 1;
    if (statistics) {
      input = statistics->find(tensor.source.name);
      sensitivity = statistics->sensitivity(tensor.source.name);
    }
    if (input && !input->products)
      input.reset();
    size_t index = trials.size();
    if (input)
      index = byInput.try_emplace(input->products, index).first->second;
    if (index == trials.size())
      trials.emplace_back(input);
    trials[index].add({&tensor, &refs[tensors[i]], &choices[i], sensitivity});
  }
  for (const Trials &some : trials)
    some.run(sources, method, pool);
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
