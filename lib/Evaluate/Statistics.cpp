//===- Statistics.cpp - Repeated measurements in two numbers --------------===//

#include "qzc/Evaluate/Statistics.h"

#include <algorithm>
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

Estimate estimateMean(double sum, double sumOfSquares, int64_t count) {
  const auto n = static_cast<double>(count);
  Estimate mean;
  mean.value = sum / n;
  if (count > 1) {
    const double variance =
        std::max(0.0, sumOfSquares / n - mean.value * mean.value);
    mean.error = std::sqrt(variance / (n - 1));
  }
  return mean;
}

Estimate exponential(const Estimate &value) {
  const double result = std::exp(value.value);
  return {result, result * value.error};
}

void PairSums::add(double x, double y) {
  ++Count;
  X += x;
  Y += y;
  XX += x * x;
  YY += y * y;
  XY += x * y;
}

double PairSums::covarianceOfMeans() const {
  const auto n = static_cast<double>(Count);
  return Count > 1 ? (XY / n - (X / n) * (Y / n)) / (n - 1) : 0;
}

} // namespace qzc::evaluate
