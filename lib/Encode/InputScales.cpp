//===- InputScales.cpp - Factors of inputs that are scaled ----------------===//

#include "qzc/Encode/InputScales.h"

#include "Coding.h"

#include "qzc/Encode/Sample.h"
#include "qzc/Support/Error.h"

#include <algorithm>
#include <cmath>
#include <set>

namespace qzc::encode {

using format::Factors;
using format::Method;
using format::Scaling;
using format::Tensor;

/// Powers are 0, 1/16, …, 1.
static constexpr int kPowers = 17;
/// Rows that errors are measured on.
static constexpr int64_t kRows = 128;

namespace {
/// A quantized layer that takes the input.
struct Layer {
  Tensor tensor;
  Sample sample;
  double outputs = 0; ///< Σ (x·wᵀ)² of the sample
};

/// What one power of the root mean squares leaves.
class Powers {
public:
  Powers(const InputStatistics &input, std::vector<double> magnitudes)
      : Input(input), Magnitudes(std::move(magnitudes)) {}

  /// Of 0 there are none.
  std::vector<float> factorsOf(int power) const;
  /// The layer's error, relative to its outputs.
  double errorOf(const Layer &layer, const std::vector<float> &factors) const;

private:
  const InputStatistics &Input;
  std::vector<double> Magnitudes;
};
} // namespace

std::vector<float> Powers::factorsOf(int power) const {
  if (power == 0)
    return {};
  // Columns that no token used are scaled by something, too.
  constexpr double kLeast = 1e-4;
  std::vector<double> scales;
  for (const double magnitude : Magnitudes) {
    // By roots, which are the same on every CPU.
    double root = std::max(magnitude, kLeast);
    double scale = 1;
    for (int part = kPowers - 1; part > 0; part /= 2) {
      if ((power & part) != 0)
        scale *= root;
      root = std::sqrt(root);
    }
    scales.push_back(scale);
  }
  const auto [least, most] = std::minmax_element(scales.begin(), scales.end());
  const double middle = std::sqrt(*least * *most);
  std::vector<float> factors;
  for (const double scale : scales)
    factors.push_back(static_cast<float>(scale / middle));
  return factors;
}

double Powers::errorOf(const Layer &layer,
                       const std::vector<float> &factors) const {
  return lostSquares(layer.sample, layer.tensor, {factors, {}, false}, &Input) /
         layer.outputs;
}

/// The layers that count: those whose outputs are not all zero.
static std::vector<Layer> layersOf(const std::vector<Tensor> &tensors,
                                   const std::vector<WeightRef> &refs,
                                   int64_t number, const InputStatistics &input,
                                   const WeightSources &sources) {
  std::vector<Layer> layers;
  for (size_t i = 0; i < tensors.size(); ++i) {
    if (tensors[i].scaling.columns != number)
      continue;
    if (tensors[i].shape.cols != input.columns)
      throw Error("tensor '" + tensors[i].source.name + "' has " +
                  std::to_string(tensors[i].shape.cols) +
                  " columns, its statistics are of " +
                  std::to_string(input.columns) + ": they are another model's");
    if (tensors[i].method != Method::Awq)
      continue;
    sources.check(tensors[i].source, refs[i]);
    Layer layer;
    layer.tensor = tensors[i];
    layer.sample = sampleRows(layer.tensor, refs[i], sources, kRows);
    layer.outputs = squaresOf(layer.sample, tensors[i], &input);
    if (layer.outputs > 0)
      layers.push_back(std::move(layer));
  }
  return layers;
}

/// Root mean squares of the columns; heads that are made of the same rows have
/// them together.
static std::vector<double> magnitudesOf(const std::vector<Tensor> &tensors,
                                        int64_t number,
                                        const InputStatistics &input) {
  int64_t width = 0;
  int64_t repeats = 1;
  for (const Tensor &tensor : tensors)
    if (tensor.scaling.rows == number && tensor.scaling.width != 0) {
      width = tensor.scaling.width;
      repeats = tensor.scaling.repeats;
    }
  if (width == 0)
    width = input.columns;
  if (width > input.columns || repeats > input.columns ||
      input.columns % (width * repeats) != 0)
    throw Error("tensors of scale " + std::to_string(number) +
                " have heads that their statistics do not have: they are "
                "another model's");
  std::vector<double> magnitudes(static_cast<size_t>(input.columns));
  for (int64_t i = 0; i < input.columns; ++i) {
    const int64_t first = i / (width * repeats) * width * repeats + i % width;
    double squares = 0;
    for (int64_t head = 0; head < repeats; ++head)
      squares += static_cast<double>(input.squares[first + head * width]);
    magnitudes[static_cast<size_t>(i)] = std::sqrt(
        squares / (static_cast<double>(repeats) * std::max(input.tokens, 1.0)));
  }
  return magnitudes;
}

std::vector<float> chooseFactors(const std::vector<Tensor> &tensors,
                                 const std::vector<WeightRef> &refs,
                                 int64_t number, const InputStatistics &input,
                                 const WeightSources &sources,
                                 ThreadPool &pool) {
  const std::vector<Layer> layers =
      layersOf(tensors, refs, number, input, sources);
  const Powers powers(input, magnitudesOf(tensors, number, input));
  std::vector<std::vector<double>> errors(kPowers,
                                          std::vector<double>(layers.size()));
  const auto count = static_cast<int64_t>(layers.size());
  pool.parallelFor(count * kPowers, 1, [&](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; ++i) {
      const auto power = static_cast<int>(i / count);
      const auto layer = static_cast<size_t>(i % count);
      errors[static_cast<size_t>(power)][layer] =
          powers.errorOf(layers[layer], powers.factorsOf(power));
    }
  });
  int best = 0;
  double least = HUGE_VAL;
  for (int power = 0; power < kPowers; ++power) {
    double sum = 0;
    for (const double error : errors[static_cast<size_t>(power)])
      sum += error;
    if (sum < least) {
      least = sum;
      best = power;
    }
  }
  return powers.factorsOf(best);
}

void addFactors(const Tensor &tensor, int64_t number,
                const std::vector<float> &chosen, Factors &factors) {
  if (chosen.empty())
    return;
  const Scaling &scaling = tensor.scaling;
  if (scaling.columns == number)
    factors.columns = chosen;
  if (scaling.rows == number) {
    factors.unitOffset = scaling.unitOffset;
    const int64_t rows =
        tensor.source.shape.size() == 1 ? tensor.shape.cols : tensor.shape.rows;
    factors.rows.clear();
    for (int64_t row = 0; row < rows; ++row) {
      const auto column = static_cast<size_t>(scaling.columnOf(row));
      if (column >= chosen.size())
        throw Error("tensor '" + tensor.source.name +
                    "' makes more columns than its scale has");
      factors.rows.push_back(chosen[column]);
    }
  }
}

/// The input of a scale, by the first of its layers that is chosen for.
static InputStatistics inputOf(const std::vector<Tensor> &tensors,
                               int64_t number, const Statistics *statistics) {
  const auto layer =
      std::find_if(tensors.begin(), tensors.end(), [&](const Tensor &tensor) {
        return tensor.scaling.columns == number && tensor.method == Method::Awq;
      });
  if (layer == tensors.end())
    throw Error("scale " + std::to_string(number) + " has no layer");
  const std::optional<InputStatistics> input =
      statistics ? statistics->find(layer->source.name) : std::nullopt;
  requireInput(*layer, input);
  return *input;
}

std::vector<Factors> scaleInputs(const std::vector<Tensor> &tensors,
                                 const std::vector<WeightRef> &refs,
                                 const WeightSources &sources,
                                 const Statistics *statistics,
                                 const ChosenScales &known, ThreadPool &pool) {
  std::set<int64_t> numbers;
  for (const Tensor &tensor : tensors)
    if (tensor.scaling.columns >= 0)
      numbers.insert(tensor.scaling.columns);
  std::vector<Factors> factors(tensors.size());
  for (const int64_t number : numbers) {
    const auto before = known.find(number);
    const std::vector<float> chosen =
        before != known.end()
            ? before->second
            : chooseFactors(tensors, refs, number,
                            inputOf(tensors, number, statistics), sources,
                            pool);
    for (size_t i = 0; i < tensors.size(); ++i)
      addFactors(tensors[i], number, chosen, factors[i]);
  }
  return factors;
}

} // namespace qzc::encode
