//===- OutputError.cpp - What errors of weights do to outputs -------------===//
//
// Σ_t (e · x_t)² = e H eᵀ with H = XᵀX = Σ_k e_k (H_kk e_k + 2 Σ_{j<k} H_kj
// e_j).
//
//===----------------------------------------------------------------------===//

#include "qzc/Encode/OutputError.h"

#include "Lanes.h"

#include <vector>

namespace qzc::encode {

/// Of up to kLanes rows, which `columns` holds by columns.
QZC_VECTOR_CLONES
static double squaresOfLanes(const float *products, int64_t n,
                             const Column *columns) {
  double total = 0;
  for (int64_t begin = 0; begin < n; begin += kTogether) {
    const int64_t count = std::min(kTogether, n - begin);
    const float *rows[kTogether];
    for (int64_t c = 0; c < kTogether; ++c)
      rows[c] = products + triangle(begin + std::min(c, count - 1));
    Column sums[kTogether] = {};
    addProducts(columns, rows, begin, sums);
    for (int64_t c = 0; c < count; ++c) {
      const int64_t k = begin + c;
      for (int64_t j = begin; j < k; ++j)
        for (int64_t r = 0; r < kLanes; ++r)
          sums[c].lanes[r] += columns[j].lanes[r] * rows[c][j];
      for (int64_t r = 0; r < kLanes; ++r) {
        const double x = columns[k].lanes[r];
        total += x * (2 * static_cast<double>(sums[c].lanes[r]) +
                      static_cast<double>(rows[c][k]) * x);
      }
    }
  }
  return total;
}

double outputSquares(const InputStatistics &input, const float *rows,
                     int64_t count) {
  const int64_t n = input.columns;
  std::vector<Column> columns(static_cast<size_t>(n));
  double total = 0;
  for (int64_t row = 0; row < count; row += kLanes) {
    const int64_t some = std::min(kLanes, count - row);
    for (int64_t k = 0; k < n; ++k)
      for (int64_t r = 0; r < kLanes; ++r)
        columns[static_cast<size_t>(k)].lanes[r] =
            r < some ? rows[(row + r) * n + k] : 0.0f;
    total += squaresOfLanes(input.products, n, columns.data());
  }
  return total;
}

} // namespace qzc::encode
