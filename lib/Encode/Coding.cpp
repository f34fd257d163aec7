//===- Coding.cpp - How the pieces of one weight are encoded --------------===//

#include "Coding.h"

#include "qzc/Format/GroupSearch.h"
#include "qzc/Support/Error.h"

#include <algorithm>
#include <numeric>

namespace qzc::encode {

using format::Method;

void requireInput(const format::Tensor &tensor,
                  const std::optional<InputStatistics> &input) {
  const bool needsProducts =
      tensor.method == Method::Gptq || tensor.method == Method::Awq;
  if (needsProducts && (!input || !input->products))
    throw Error("tensor '" + tensor.source.name +
                "': the statistics have no products of its input, which " +
                std::string(format::name(tensor.method)) +
                " needs: calibrate with --calibrate=TEXT (an importance matrix "
                "of llama.cpp has none)");
}

/// Mean squares, as llama.cpp weighs errors by them.
static std::vector<float> meanSquares(const InputStatistics &input) {
  std::vector<float> means;
  for (int64_t i = 0; i < input.columns; ++i)
    means.push_back(input.squares[i] / static_cast<float>(input.tokens));
  return means;
}

/// What a column that no token used still counts, beside a mean of 1.
static constexpr double kLeast = 1e-4;

static double meanOfSquares(const InputStatistics &input) {
  double sum = 0;
  for (int64_t i = 0; i < input.columns; ++i)
    sum += static_cast<double>(input.squares[i]);
  return sum / static_cast<double>(input.columns);
}

/// Squares as weights of errors: their mean becomes 1.
static std::vector<float> relativeSquares(const InputStatistics &input) {
  const double mean = meanOfSquares(input);
  std::vector<float> importance;
  for (int64_t i = 0; i < input.columns; ++i)
    importance.push_back(static_cast<float>(
        kLeast +
        (mean > 0 ? static_cast<double>(input.squares[i]) / mean : 1)));
  return importance;
}

/// What errors of the columns of each group weigh together: XᵀX of inputs that
/// are divided, relative as above.
static std::vector<float> productsOf(int64_t group,
                                     const format::Factors &factors,
                                     const InputStatistics &input) {
  const double mean = meanOfSquares(input);
  const auto factorOf = [&](int64_t column) {
    return factors.columns.empty()
               ? 1.0
               : factors.columns[static_cast<size_t>(column)];
  };
  std::vector<float> products;
  for (int64_t i = 0; i < input.columns; ++i)
    for (int64_t j = i / group * group; j <= i; ++j) {
      const double product =
          mean > 0 ? static_cast<double>(input.products[triangle(i) + j]) / mean
                   : 0;
      products.push_back(static_cast<float>((product + (i == j ? kLeast : 0)) /
                                            (factorOf(i) * factorOf(j))));
    }
  return products;
}

/// What an error of each column weighs; inputs of scaled columns are divided.
static std::vector<float> importanceOf(const format::Tensor &tensor,
                                       const format::Factors &factors,
                                       const InputStatistics &input) {
  std::vector<float> importance = format::blockFormat(tensor.shape.scheme)
                                      ? meanSquares(input)
                                      : relativeSquares(input);
  for (size_t i = 0; i < factors.columns.size(); ++i) {
    const double factor = factors.columns[i];
    importance[i] = static_cast<float>(importance[i] / (factor * factor));
  }
  return importance;
}

Coding::Coding(const format::Tensor &tensor, const format::Factors &factors,
               const std::optional<InputStatistics> &input,
               const Feedback *feedback)
    : Shape(format::streamedShape(tensor.shape)), Method(tensor.method),
      Back(feedback) {
  if (Method == Method::Rtn || !input)
    return;
  // The paper's clipping: by what a group's outputs lose.
  const int64_t group =
      Method == Method::Awq ? format::searchedTogether(Shape) : 0;
  if (group != 0)
    Products = productsOf(group, factors, *input);
  else
    Importance = importanceOf(tensor, factors, *input);
}

int64_t Coding::unit() const {
  const int64_t unit = format::encodingUnit(Shape);
  // What depends on columns takes whole rows.
  return Method == Method::Rtn ? unit : std::lcm(unit, Shape.cols);
}

float Coding::encode(const float *values, int64_t count,
                     std::byte *const *parts, CodingMemory &memory) const {
  if (Method == Method::Rtn)
    return format::encodeElements(Shape, values, count, parts);
  float largest = 0;
  if (!Products.empty()) {
    largest =
        format::searchTogether(Shape, values, Products.data(), count, parts);
  } else if (format::canSearch(Shape.scheme)) {
    std::vector<float> &importance = memory.importance;
    importance.assign(static_cast<size_t>(count), 1.0f);
    if (!Importance.empty())
      for (int64_t at = 0; at < count; at += Shape.cols)
        std::copy(Importance.begin(), Importance.end(),
                  importance.begin() + at);
    largest =
        format::searchElements(Shape, values, importance.data(), count, parts);
  } else {
    largest = format::encodeElements(Shape, values, count, parts);
  }
  if (Method == Method::Gptq)
    chooseCodes(values, count, parts, memory);
  return largest;
}

void Coding::chooseCodes(const float *values, int64_t count,
                         std::byte *const *parts, CodingMemory &memory) const {
  const format::Levels levels = *format::levelsOf(Shape);
  const auto groups =
      static_cast<size_t>((count + levels.group - 1) / levels.group);
  memory.scales.resize(groups);
  memory.offsets.resize(groups);
  memory.codes.resize(static_cast<size_t>(count));
  format::readGroups(Shape, parts, count, memory.scales.data(),
                     memory.offsets.data());
  Back->chooseCodes(levels, memory.scales.data(), memory.offsets.data(), values,
                    count / Shape.cols, memory.codes.data());
  format::replaceCodes(Shape, memory.codes.data(), count, parts);
}

} // namespace qzc::encode
