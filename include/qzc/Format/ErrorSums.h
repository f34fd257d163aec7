//===- ErrorSums.h - Two versions of a weight, compared ---------*- C++ -*-===//

#ifndef QZC_FORMAT_ERRORSUMS_H
#define QZC_FORMAT_ERRORSUMS_H

#include <cstdint>

namespace qzc::format {

/// A stored weight ŵ beside the w that it stands for, as sums over elements.
struct ErrorSums {
  int64_t elements = 0;
  double squares = 0;       ///< Σ w²
  double storedSquares = 0; ///< Σ ŵ²
  double products = 0;      ///< Σ w·ŵ
  double squaredErrors = 0; ///< Σ (ŵ - w)²
  double largest = 0;       ///< max |ŵ - w|

  void add(const ErrorSums &part);
};

/// The sums over `count` elements, in their order.
ErrorSums compareValues(const float *source, const float *stored,
                        int64_t count);

} // namespace qzc::format

#endif // QZC_FORMAT_ERRORSUMS_H
