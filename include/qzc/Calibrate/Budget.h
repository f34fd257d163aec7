//===- Budget.h - How many bits each layer is worth -------------*- C++ -*-===//

#ifndef QZC_CALIBRATE_BUDGET_H
#define QZC_CALIBRATE_BUDGET_H

#include "qzc/Encode/Statistics.h"
#include "qzc/Encode/WeightSources.h"
#include "qzc/Format/Manifest.h"
#include "qzc/Support/ThreadPool.h"

#include <cstdint>
#include <string>
#include <vector>

namespace qzc::calibrate {

/// A way to store a weight, and what it loses.
struct Choice {
  format::StorageSpec spec;
  uint64_t bytes = 0;
  /// Of the layer's outputs over the calibration's inputs: the squares of what
  /// changes, divided by the squares; without statistics of the weights.
  double error = 0;
};

/// All parts of a source tensor that are quantized, which are stored alike.
struct BudgetItem {
  std::string weight;
  int64_t elements = 0;
  std::vector<Choice> choices;
};

/// Tries the storages that qzc knows for weights of 3 to 8 bits on each tensor
/// that the manifest quantizes, on up to 64 rows spread over it: by `method`
/// where that is gptq and its input's products are known, with scales that are
/// searched for otherwise. `statistics` may be null. Sources were checked. One
/// input after the other: memory holds what gptq takes for one, and the rows of
/// the weights that share it.
std::vector<BudgetItem> tryChoices(const format::Manifest &manifest,
                                   const std::vector<encode::WeightRef> &refs,
                                   const encode::WeightSources &sources,
                                   const encode::Statistics *statistics,
                                   format::Method method, ThreadPool &pool);

struct BudgetSolution {
  std::vector<size_t> chosen; ///< by item
  uint64_t bytes = 0;
  double error = 0;
  /// No choice within the budget has a sum of errors below this.
  double bound = 0;
};

/// The choices of at most `bytes` together with the least sum of errors: by
/// dynamic programming over bytes, exact unless there are more than 2^17 sums
/// to tell apart. Throws qzc::Error where even the smallest take more.
BudgetSolution solveBudget(const std::vector<BudgetItem> &items,
                           uint64_t bytes);

} // namespace qzc::calibrate

#endif // QZC_CALIBRATE_BUDGET_H
