//===- ErrorSums.cpp - Two versions of a weight, compared -----------------===//

#include "qzc/Format/ErrorSums.h"

#include <algorithm>
#include <cmath>

namespace qzc::format {

void ErrorSums::add(const ErrorSums &part) {
  elements += part.elements;
  squares += part.squares;
  storedSquares += part.storedSquares;
  products += part.products;
  squaredErrors += part.squaredErrors;
  largest = std::max(largest, part.largest);
}

ErrorSums compareValues(const float *source, const float *stored,
                        int64_t count) {
  ErrorSums sums;
  sums.elements = count;
  for (int64_t i = 0; i < count; ++i) {
    const double before = source[i];
    const double after = stored[i];
    const double error = after - before;
    sums.squares += before * before;
    sums.storedSquares += after * after;
    sums.products += before * after;
    sums.squaredErrors += error * error;
    sums.largest = std::max(sums.largest, std::abs(error));
  }
  return sums;
}

} // namespace qzc::format
