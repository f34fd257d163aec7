//===- Statistics.h - Repeated measurements in two numbers ------*- C++ -*-===//

#ifndef QZC_EVALUATE_STATISTICS_H
#define QZC_EVALUATE_STATISTICS_H

#include <vector>

namespace qzc::evaluate {

/// In the unit of what was measured.
struct Spread {
  double mean = 0;
  double deviation = 0; ///< of the sample (n − 1); 0 for a single value
};

/// Mean and standard deviation of at least one value.
Spread spreadOf(const std::vector<double> &values);

} // namespace qzc::evaluate

#endif // QZC_EVALUATE_STATISTICS_H
