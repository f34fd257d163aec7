//===- Statistics.h - Repeated measurements in two numbers ------*- C++ -*-===//

#ifndef QZC_EVALUATE_STATISTICS_H
#define QZC_EVALUATE_STATISTICS_H

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace qzc::evaluate {

/// In the unit of what was measured.
struct Spread {
  double mean = 0;
  double deviation = 0; ///< of the sample (n − 1); 0 for a single value
};

/// Mean and standard deviation of at least one value.
Spread spreadOf(const std::vector<double> &values);

/// The value below which a fraction (0 … 1) of at least one sorted value lies,
/// interpolated linearly.
template <typename Number>
double quantileOf(const std::vector<Number> &sorted, double fraction) {
  const double place = fraction * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<size_t>(place);
  const size_t above = std::min(below + 1, sorted.size() - 1);
  const double part = place - static_cast<double>(below);
  return (1 - part) * double{sorted[below]} + part * double{sorted[above]};
}

/// A value and its standard error.
struct Estimate {
  double value = 0;
  double error = 0;
};

/// The mean of n ≥ 1 values taken as independent, from their sum and that of
/// their squares: its error is sqrt((mean(x²) − mean(x)²) / (n − 1)), 0 for a
/// single value.
Estimate estimateMean(double sum, double sumOfSquares, int64_t count);

/// exp of a value, with the error that a small one of the value makes.
Estimate exponential(const Estimate &value);

/// Sums over pairs of values taken as independent of other pairs.
class PairSums {
public:
  void add(double x, double y);
  Estimate meanX() const { return estimateMean(X, XX, Count); }
  Estimate meanY() const { return estimateMean(Y, YY, Count); }
  /// Of the two means: (mean(xy) − mean(x) mean(y)) / (n − 1).
  double covarianceOfMeans() const;

private:
  int64_t Count = 0;
  double X = 0;
  double Y = 0;
  double XX = 0;
  double YY = 0;
  double XY = 0;
};

} // namespace qzc::evaluate

#endif // QZC_EVALUATE_STATISTICS_H
