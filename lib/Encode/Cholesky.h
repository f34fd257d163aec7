//===- Cholesky.h - Triangular factors of large matrices --------*- C++ -*-===//

#ifndef QZC_LIB_ENCODE_CHOLESKY_H
#define QZC_LIB_ENCODE_CHOLESKY_H

#include "qzc/Support/ThreadPool.h"

#include <cstdint>

namespace qzc::encode {

/// Overwrites the lower triangle of a symmetric matrix [n, n] with L of L·Lᵀ;
/// what is above the diagonal is neither read nor written. False where the
/// matrix is not positive definite. Sums have one order, whatever the number of
/// threads and the CPU.
bool factorize(double *matrix, int64_t n, ThreadPool &pool);

} // namespace qzc::encode

#endif // QZC_LIB_ENCODE_CHOLESKY_H
