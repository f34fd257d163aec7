//===- Coding.cpp - How the pieces of one weight are encoded --------------===//

#include "Coding.h"

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

/// Squares as weights of errors: their mean becomes 1, and what no token used
/// still counts a little.
static std::vector<float> relativeSquares(const InputStatistics &input) {
  constexpr double kLeast = 1e-4;
  double mean = 0;
  for (int64_t i = 0; i < input.columns; ++i)
    mean += static_cast<double>(input.squares[i]);
  mean /= static_cast<double>(input.columns);
  std::vector<float> importance;
  for (int64_t i = 0; i < input.columns; ++i)
    importance.push_back(static_cast<float>(
        kLeast +
        (mean > 0 ? static_cast<double>(input.squares[i]) / mean : 1)));
  return importance;
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
  if (Method != Method::Rtn && input)
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
  if (format::canSearch(Shape.scheme)) {
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
