//===- WeightErrors.cpp - What quantization did to each weight ------------===//

#include "WeightErrors.h"

#include <algorithm>
#include <map>
#include <tuple>

namespace qzc::evaltool {

namespace {

using format::Manifest;
using format::PackedView;
using format::Tensor;

/// Elements compared at a time.
constexpr int64_t kRangeElements = int64_t{1} << 16;

/// What makes two stored weights the same weight.
using Identity = std::tuple<std::string, bool,
                            std::vector<std::pair<int64_t, int64_t>>, int64_t>;

Identity identityOf(const Tensor &tensor) {
  return {tensor.source.name, tensor.source.transposed,
          tensor.source.heldRows(), tensor.shape.cols};
}

format::ErrorSums compareRows(const PackedView &base, const PackedView &model,
                              int64_t begin, int64_t end) {
  const int64_t count = (end - begin) * base.shape.cols;
  std::vector<float> before(static_cast<size_t>(count));
  std::vector<float> after(before.size());
  format::decodeRows(base, begin, end, before.data());
  format::decodeRows(model, begin, end, after.data());
  return format::compareValues(before.data(), after.data(), count);
}

WeightError compareWeight(const Tensor &tensor, const PackedView &base,
                          const PackedView &model, ThreadPool &pool) {
  const int64_t rows = tensor.shape.rows;
  const int64_t step = std::max<int64_t>(1, kRangeElements / tensor.shape.cols);
  // Summed in their order, whoever did them.
  std::vector<format::ErrorSums> ranges(
      static_cast<size_t>((rows + step - 1) / step));
  pool.parallelFor(static_cast<int64_t>(ranges.size()), 1,
                   [&](int64_t begin, int64_t end, int) {
                     for (int64_t i = begin; i < end; ++i)
                       ranges[static_cast<size_t>(i)] =
                           compareRows(base, model, i * step,
                                       std::min(rows, (i + 1) * step));
                   });
  WeightError result;
  result.name = tensor.source.name;
  result.role = tensor.role;
  result.block = tensor.block;
  result.storage = format::describeStorage(tensor.shape);
  for (const format::ErrorSums &sums : ranges)
    result.add(sums);
  return result;
}

} // namespace

std::vector<WeightError> weightErrors(const runtime::Image &base,
                                      const runtime::Image &model,
                                      ThreadPool &pool) {
  std::vector<WeightError> errors;
  for (const runtime::Image *image : {&base, &model})
    if (image->manifest().weightsMode == format::WeightsMode::Synthetic)
      return errors;
  const std::vector<Tensor> &before = base.manifest().tensors;
  const std::vector<Tensor> &after = model.manifest().tensors;
  std::map<Identity, int64_t> known;
  for (size_t i = 0; i < before.size(); ++i)
    known.emplace(identityOf(before[i]), static_cast<int64_t>(i));
  for (size_t i = 0; i < after.size(); ++i) {
    auto found = known.find(identityOf(after[i]));
    if (after[i].shape.scheme == format::Scheme::None || found == known.end())
      continue;
    // Factors are not in the image.
    if (after[i].scaling.any() ||
        before[static_cast<size_t>(found->second)].scaling.any())
      continue;
    errors.push_back(compareWeight(after[i], base.tensor(found->second),
                                   model.tensor(static_cast<int64_t>(i)),
                                   pool));
  }
  return errors;
}

} // namespace qzc::evaltool
