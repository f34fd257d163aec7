//===- Target.cpp - Storages that meet a budget ---------------------------===//

#include "Target.h"

#include "qzc/Calibrate/Budget.h"
#include "qzc/Support/Error.h"

#include <cmath>
#include <cstdio>
#include <map>

namespace qzc::pipeline {

using calibrate::BudgetItem;
using calibrate::BudgetSolution;
using format::Manifest;
using format::Tensor;

bool hasTarget(const CompileOptions &options) {
  if (options.targetBits == 0 && options.targetBytes == 0)
    return false;
  if (options.targetBits != 0 && options.targetBytes != 0)
    throw usageError("--target-bpw and --target-size are two budgets: give one "
                     "of the two");
  const Recipe &recipe = options.recipe;
  if (recipe.scheme != "none" || !recipe.mix.empty() || !recipe.rules.empty() ||
      recipe.blockSize != 0 || recipe.doubleQuant)
    throw usageError("a budget chooses how layers are stored: --quantize, "
                     "--mix, --rule, --block-size and --double-quant do not go "
                     "with it");
  if (options.weightsMode == format::WeightsMode::Synthetic)
    throw usageError("weights that are synthetic say nothing about what a "
                     "budget is spent best on");
  return true;
}

Manifest unquantized(const Manifest &manifest) {
  Manifest dense = manifest;
  for (Tensor &tensor : dense.tensors) {
    tensor.scaling = {};
    if (tensor.shape.scheme != format::Scheme::None) {
      const format::PackedShape stored = tensor.shape;
      tensor.shape = {};
      tensor.shape.dtype = tensor.source.dtype;
      tensor.shape.rows = stored.rows;
      tensor.shape.cols = stored.cols;
      tensor.method = format::Method::Rtn;
    }
  }
  return dense;
}

/// Bytes for the tensors that are quantized.
static uint64_t budgetOf(const CompileOptions &options,
                         const Manifest &manifest) {
  uint64_t others = 0;
  int64_t elements = 0;
  for (const Tensor &tensor : manifest.tensors)
    if (tensor.shape.scheme == format::Scheme::None)
      others += format::storedBytes(tensor.shape);
    else
      elements += tensor.shape.rows * tensor.shape.cols;
  if (options.targetBits != 0)
    return static_cast<uint64_t>(
        std::floor(static_cast<double>(elements) * options.targetBits / 8));
  if (options.targetBytes < others)
    throw Error("--target-size: what is not quantized takes " +
                std::to_string(others) +
                " bytes by itself: ask for more, or choose more "
                "--components");
  return options.targetBytes - others;
}

/// A rule that matches the name and nothing else.
static std::string ruleFor(const std::string &name, const std::string &spec) {
  std::string rule = "^";
  for (const char c : name) {
    if (std::string_view(".[]()*+?{}|^$\\").find(c) != std::string_view::npos)
      rule += '\\';
    rule += c;
  }
  return rule + "$=" + spec;
}

static std::string tableOf(const std::vector<BudgetItem> &items,
                           const BudgetSolution &solution) {
  struct Line {
    int64_t weights = 0;
    uint64_t bytes = 0;
  };
  std::map<std::string, Line> lines;
  int64_t elements = 0;
  for (size_t i = 0; i < items.size(); ++i) {
    const calibrate::Choice &choice = items[i].choices[solution.chosen[i]];
    Line &line = lines[format::describeStorage(choice.spec)];
    ++line.weights;
    line.bytes += choice.bytes;
    elements += items[i].elements;
  }
  char text[160];
  std::string table;
  for (const auto &[spec, line] : lines) {
    std::snprintf(text, sizeof text, "budget: %-10s %5lld weights %10.3f MB\n",
                  spec.c_str(), static_cast<long long>(line.weights),
                  static_cast<double>(line.bytes) / 1e6);
    table += text;
  }
  std::snprintf(
      text, sizeof text,
      "budget: %.4f bits a weight, %.3f MB; sum of errors %.6g, "
      "%s%.2g%%\n",
      8 * static_cast<double>(solution.bytes) / static_cast<double>(elements),
      static_cast<double>(solution.bytes) / 1e6, solution.error,
      solution.bound == solution.error ? "above the least by "
                                       : "above the least by at most ",
      solution.bound > 0 ? 100 * (solution.error / solution.bound - 1) : 0.0);
  return table + text;
}

TargetResult meetTarget(const CompileOptions &options, const Sources &sources,
                        const Manifest &manifest,
                        const encode::Statistics *statistics) {
  const encode::WeightSources opened(sources.weights);
  for (size_t i = 0; i < manifest.tensors.size(); ++i)
    opened.check(manifest.tensors[i].source, sources.refs[i]);
  ThreadPool pool(options.threads);
  const std::vector<BudgetItem> items =
      calibrate::tryChoices(manifest, sources.refs, opened, statistics,
                            *format::parseMethod(*options.recipe.method), pool);
  const BudgetSolution solution =
      calibrate::solveBudget(items, budgetOf(options, manifest));
  TargetResult result;
  for (size_t i = 0; i < items.size(); ++i)
    result.rules.push_back(ruleFor(
        items[i].weight,
        format::describeStorage(items[i].choices[solution.chosen[i]].spec)));
  result.table = tableOf(items, solution);
  return result;
}

} // namespace qzc::pipeline
