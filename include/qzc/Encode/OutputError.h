//===- OutputError.h - What errors of weights do to outputs -----*- C++ -*-===//

#ifndef QZC_ENCODE_OUTPUTERROR_H
#define QZC_ENCODE_OUTPUTERROR_H

#include "qzc/Encode/Statistics.h"

#include <cstdint>

namespace qzc::encode {

/// Σ over the tokens and `rows` rows [rows, columns] of (row · x)², for the
/// inputs x that the statistics are of: with rows of a weight its outputs'
/// squares, with errors of rows what they change. Sums have one order on every
/// CPU.
double outputSquares(const InputStatistics &input, const float *rows,
                     int64_t count);

} // namespace qzc::encode

#endif // QZC_ENCODE_OUTPUTERROR_H
