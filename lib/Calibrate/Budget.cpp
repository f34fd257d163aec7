//===- Budget.cpp - How many bits each layer is worth ---------------------===//

#include "qzc/Calibrate/Budget.h"

#include "qzc/Support/Error.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace qzc::calibrate {

namespace {
/// The table of a dynamic program over what is spent above the smallest
/// choices, in units of bytes.
class Program {
public:
  Program(const std::vector<BudgetItem> &items, uint64_t spare);

  BudgetSolution solve() const;
  /// Whether every sum of bytes is a whole number of units.
  bool isExact() const { return Unit == Common; }

private:
  /// Units that a choice takes above the smallest of its item.
  uint64_t unitsOf(const BudgetItem &item, const Choice &choice) const;

  const std::vector<BudgetItem> &Items;
  uint64_t Spare;
  uint64_t Common = 0; ///< what all differences are multiples of
  uint64_t Unit = 1;
};
} // namespace

static uint64_t smallest(const BudgetItem &item) {
  uint64_t bytes = std::numeric_limits<uint64_t>::max();
  for (const Choice &choice : item.choices)
    bytes = std::min(bytes, choice.bytes);
  return bytes;
}

Program::Program(const std::vector<BudgetItem> &items, uint64_t spare)
    : Items(items), Spare(spare) {
  constexpr uint64_t kMostUnits = uint64_t{1} << 17;
  uint64_t most = 0;
  for (const BudgetItem &item : items) {
    uint64_t largest = 0;
    for (const Choice &choice : item.choices) {
      Common = std::gcd(Common, choice.bytes - smallest(item));
      largest = std::max(largest, choice.bytes - smallest(item));
    }
    most += largest;
  }
  Common = std::max<uint64_t>(Common, 1);
  Spare = std::min(Spare, most);
  Unit = std::max(Common, (Spare + kMostUnits - 1) / kMostUnits);
}

uint64_t Program::unitsOf(const BudgetItem &item, const Choice &choice) const {
  return (choice.bytes - smallest(item) + Unit - 1) / Unit;
}

BudgetSolution Program::solve() const {
  const auto states = static_cast<size_t>(Spare / Unit + 1);
  // least[s]: the least error of the items so far within s units.
  std::vector<double> least(states, 0);
  std::vector<double> next(states);
  std::vector<std::vector<uint8_t>> took;
  for (const BudgetItem &item : Items) {
    std::fill(next.begin(), next.end(),
              std::numeric_limits<double>::infinity());
    std::vector<uint8_t> &best = took.emplace_back(states);
    for (size_t i = 0; i < item.choices.size(); ++i) {
      const auto units = static_cast<size_t>(unitsOf(item, item.choices[i]));
      for (size_t s = units; s < states; ++s) {
        const double error = least[s - units] + item.choices[i].error;
        if (error < next[s]) {
          next[s] = error;
          best[s] = static_cast<uint8_t>(i);
        }
      }
    }
    std::swap(least, next);
  }
  BudgetSolution solution;
  solution.chosen.resize(Items.size());
  size_t state = states - 1;
  for (size_t i = Items.size(); i-- > 0;) {
    const size_t choice = took[i][state];
    solution.chosen[i] = choice;
    solution.bytes += Items[i].choices[choice].bytes;
    solution.error += Items[i].choices[choice].error;
    state -= static_cast<size_t>(unitsOf(Items[i], Items[i].choices[choice]));
  }
  solution.bound = solution.error;
  return solution;
}

/// A lower bound by the Lagrangian: for a price of a byte, what each item would
/// choose by itself.
static double boundAt(const std::vector<BudgetItem> &items, uint64_t bytes,
                      double price) {
  double sum = -price * static_cast<double>(bytes);
  for (const BudgetItem &item : items) {
    double best = std::numeric_limits<double>::infinity();
    for (const Choice &choice : item.choices)
      best = std::min(best,
                      choice.error + price * static_cast<double>(choice.bytes));
    sum += best;
  }
  return sum;
}

static double boundOf(const std::vector<BudgetItem> &items, uint64_t bytes) {
  // Concave in the price: by thirds, in the logarithm's place by ratios.
  double low = 1e-18;
  double high = 1;
  for (int i = 0; i < 200; ++i) {
    const double ratio = std::cbrt(high / low);
    const double left = low * ratio;
    const double right = left * ratio;
    if (boundAt(items, bytes, left) < boundAt(items, bytes, right))
      low = left;
    else
      high = right;
  }
  return std::max(0.0, boundAt(items, bytes, low));
}

BudgetSolution solveBudget(const std::vector<BudgetItem> &items,
                           uint64_t bytes) {
  uint64_t least = 0;
  for (const BudgetItem &item : items)
    least += smallest(item);
  if (least > bytes)
    throw Error("the budget leaves " + std::to_string(bytes) +
                " bytes for the layers that it is for, the smallest storages "
                "take " +
                std::to_string(least) + ": ask for more");
  const Program program(items, bytes - least);
  BudgetSolution solution = program.solve();
  if (!program.isExact())
    solution.bound = std::min(solution.error, boundOf(items, bytes));
  return solution;
}

} // namespace qzc::calibrate
