//===- Cholesky.cpp - Triangular factors of large matrices ----------------===//
//
// Blocked, right-looking: the columns of a panel are factorized, then their
// outer products are subtracted from what is to the right, row by row.
//
//===----------------------------------------------------------------------===//

#include "Cholesky.h"

#include "qzc/Format/VectorClones.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace qzc::encode {

/// Columns of a panel.
static constexpr int64_t kPanel = 64;
/// Elements of a row that are updated at a time.
static constexpr int64_t kTile = 256;

/// The square block on the diagonal. False where it is not positive definite.
static bool factorizeBlock(double *block, int64_t stride, int64_t size) {
  for (int64_t j = 0; j < size; ++j) {
    double *row = block + j * stride;
    for (int64_t k = 0; k < j; ++k)
      row[j] -= row[k] * row[k];
    if (!(row[j] > 0) || !std::isfinite(row[j]))
      return false;
    row[j] = std::sqrt(row[j]);
    for (int64_t i = j + 1; i < size; ++i) {
      double *below = block + i * stride;
      for (int64_t k = 0; k < j; ++k)
        below[j] -= below[k] * row[k];
      below[j] /= row[j];
    }
  }
  return true;
}

/// Solves row · Lᵀ = row for a row below the block.
static void solveRow(const double *block, int64_t stride, int64_t size,
                     double *row) {
  for (int64_t j = 0; j < size; ++j) {
    for (int64_t k = 0; k < j; ++k)
      row[j] -= row[k] * block[j * stride + k];
    row[j] /= block[j * stride + j];
  }
}

/// out[i] -= Σ_k left[k] · panel[k][i] for i < count; panel rows lie `width`
/// apart.
QZC_VECTOR_CLONES
static void subtractProducts(const double *left, const double *panel,
                             int64_t width, int64_t depth, int64_t count,
                             double *out) {
  for (int64_t begin = 0; begin < count; begin += kTile) {
    const int64_t end = std::min(count, begin + kTile);
    int64_t k = 0;
    for (; k + 4 <= depth; k += 4) {
      const double a = left[k];
      const double b = left[k + 1];
      const double c = left[k + 2];
      const double d = left[k + 3];
      const double *p = panel + k * width;
      for (int64_t i = begin; i < end; ++i)
        out[i] = out[i] - a * p[i] - b * p[width + i] - c * p[2 * width + i] -
                 d * p[3 * width + i];
    }
    for (; k < depth; ++k)
      for (int64_t i = begin; i < end; ++i)
        out[i] -= left[k] * panel[k * width + i];
  }
}

bool factorize(double *matrix, int64_t n, ThreadPool &pool) {
  std::vector<double> panel;
  for (int64_t begin = 0; begin < n; begin += kPanel) {
    const int64_t size = std::min(kPanel, n - begin);
    double *block = matrix + begin * n + begin;
    if (!factorizeBlock(block, n, size))
      return false;
    const int64_t below = begin + size;
    const int64_t rest = n - below;
    panel.resize(static_cast<size_t>(size * rest));
    // The rows below, and their transpose.
    pool.parallelFor(rest, 16, [&](int64_t first, int64_t last, int) {
      for (int64_t i = first; i < last; ++i) {
        double *row = matrix + (below + i) * n + begin;
        solveRow(block, n, size, row);
        for (int64_t k = 0; k < size; ++k)
          panel[static_cast<size_t>(k * rest + i)] = row[k];
      }
    });
    pool.parallelFor(rest, 8, [&](int64_t first, int64_t last, int) {
      for (int64_t i = first; i < last; ++i)
        subtractProducts(matrix + (below + i) * n + begin, panel.data(), rest,
                         size, i + 1, matrix + (below + i) * n + below);
    });
  }
  return true;
}

} // namespace qzc::encode
