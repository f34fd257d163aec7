//===- Statistics.cpp - Repeated measurements in two numbers --------------===//

#include "qzc/Evaluate/Statistics.h"

#include <cmath>

namespace qzc::evaluate {

Spread spreadOf(const std::vector<double> &values) {
  const auto count = static_cast<double>(values.size());
  Spread spread;
  for (double value : values)
    spread.mean += value / count;
  double squares = 0;
  for (double value : values)
    squares += (value - spread.mean) * (value - spread.mean);
  if (values.size() > 1)
    spread.deviation = std::sqrt(squares / (count - 1));
  return spread;
}

} // namespace qzc::evaluate
