//===- Feedback.cpp - Codes that make up for each other's errors ----------===//

#include "qzc/Encode/Feedback.h"

#include "Cholesky.h"
#include "Lanes.h"

#include "qzc/Support/Error.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace qzc::encode {

/// Of the mean of the diagonal.
static constexpr double kDamping = 0.01;

Feedback::Feedback(const InputStatistics &input, const std::string &weight,
                   ThreadPool &pool)
    : Columns(input.columns), Order(static_cast<size_t>(input.columns)) {
  const int64_t n = Columns;
  const auto at = [&](int64_t i, int64_t j) {
    return static_cast<double>(i > j ? input.products[triangle(i) + j]
                                     : input.products[triangle(j) + i]);
  };
  std::iota(Order.begin(), Order.end(), 0);
  std::stable_sort(Order.begin(), Order.end(),
                   [&](int32_t a, int32_t b) { return at(a, a) > at(b, b); });
  double mean = 0;
  for (int64_t i = 0; i < n; ++i)
    mean += at(i, i);
  mean /= static_cast<double>(n);
  // Without inputs every order is as good as another.
  const double damping = mean > 0 ? kDamping * mean : 1;

  // H = U·D·Uᵀ is the Cholesky factorization of H from its last row to its
  // first.
  std::vector<double> matrix(static_cast<size_t>(n * n));
  pool.parallelFor(n, 16, [&](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; ++i) {
      const int32_t row = Order[static_cast<size_t>(n - 1 - i)];
      for (int64_t j = 0; j <= i; ++j)
        matrix[static_cast<size_t>(i * n + j)] =
            at(row, Order[static_cast<size_t>(n - 1 - j)]);
      matrix[static_cast<size_t>(i * n + i)] += damping;
    }
  });
  if (!factorize(matrix.data(), n, pool))
    throw Error("the statistics of '" + weight +
                "' are of no input: their matrix is not positive definite; "
                "calibrate again");

  Coefficients.resize(static_cast<size_t>(n * (n - 1) / 2));
  pool.parallelFor(n, 16, [&](int64_t begin, int64_t end, int) {
    for (int64_t k = begin; k < end; ++k) {
      const int64_t column = n - 1 - k;
      const double diagonal = matrix[static_cast<size_t>(column * n + column)];
      float *out = Coefficients.data() + k * (k - 1) / 2;
      for (int64_t j = 0; j < k; ++j)
        out[j] = static_cast<float>(
            matrix[static_cast<size_t>((n - 1 - j) * n + column)] / diagonal);
    }
  });
}

namespace {
/// The scale and offset of a column's groups.
struct Groups {
  Column scale;
  Column inverse;
  Column offset;
};
} // namespace

/// The levels nearest to the lanes, what they decode to, and their codes.
QZC_IN_CLONES void roundLanes(const format::Levels &levels,
                              const float (&midpoints)[64],
                              const Groups &groups, const Column &x,
                              Column &decoded, uint8_t (&codes)[kLanes]) {
  constexpr float shift = 12582912.0f; // rounds half to even
  const auto last = static_cast<float>(levels.count - 1);
  Column level;
  Column value;
  for (int64_t r = 0; r < kLanes; ++r)
    value.lanes[r] =
        (x.lanes[r] - groups.offset.lanes[r]) * groups.inverse.lanes[r];
  if (levels.even) {
    for (int64_t r = 0; r < kLanes; ++r) {
      float q = value.lanes[r] > 0 ? value.lanes[r] : 0.0f;
      q = q < last ? q : last;
      level.lanes[r] = (q + shift) - shift;
    }
    value = level;
  } else {
    for (int64_t r = 0; r < kLanes; ++r)
      level.lanes[r] = 0;
    for (int i = 0; i + 1 < levels.count; ++i)
      for (int64_t r = 0; r < kLanes; ++r)
        level.lanes[r] += value.lanes[r] > midpoints[i] ? 1.0f : 0.0f;
    for (int64_t r = 0; r < kLanes; ++r)
      value.lanes[r] = levels.values[static_cast<int>(level.lanes[r])];
  }
  for (int64_t r = 0; r < kLanes; ++r) {
    decoded.lanes[r] =
        value.lanes[r] * groups.scale.lanes[r] + groups.offset.lanes[r];
    codes[r] = levels.codes[static_cast<int>(level.lanes[r])];
  }
}

namespace {
/// Up to kLanes rows of a weight.
struct Lanes {
  const format::Levels &levels;
  const float *scales;
  const float *offsets;
  int64_t firstRow; ///< of those that scales begin with
  int64_t columns;
  int64_t rows; ///< the lanes that are used

  Groups groupsOf(int64_t column) const {
    Groups groups = {};
    for (int64_t r = 0; r < rows; ++r) {
      const int64_t group = ((firstRow + r) * columns + column) / levels.group;
      const float scale = scales[group];
      groups.scale.lanes[r] = scale;
      groups.inverse.lanes[r] = scale == 0 ? 0.0f : 1.0f / scale;
      groups.offset.lanes[r] = offsets[group];
    }
    return groups;
  }
};
} // namespace

QZC_VECTOR_CLONES
static void chooseLanes(const Lanes &lanes, const int32_t *order,
                        const float *allCoefficients, const float *values,
                        Column *errors, uint8_t *codes) {
  const int64_t n = lanes.columns;
  float midpoints[64] = {};
  for (int i = 0; i + 1 < lanes.levels.count; ++i)
    midpoints[i] = (lanes.levels.values[i] + lanes.levels.values[i + 1]) / 2;
  for (int64_t begin = 0; begin < n; begin += kTogether) {
    const int64_t count = std::min(kTogether, n - begin);
    Column targets[kTogether] = {};
    const float *coefficients[kTogether];
    for (int64_t c = 0; c < kTogether; ++c) {
      const int64_t k = begin + std::min(c, count - 1);
      coefficients[c] = allCoefficients + k * (k - 1) / 2;
      for (int64_t r = 0; r < lanes.rows; ++r)
        targets[c].lanes[r] = values[r * n + order[k]];
    }
    Column originals[kTogether];
    std::copy(targets, targets + kTogether, originals);
    addProducts(errors, coefficients, begin, targets);
    for (int64_t c = 0; c < count; ++c) {
      const int64_t column = order[begin + c];
      for (int64_t j = begin; j < begin + c; ++j)
        for (int64_t r = 0; r < kLanes; ++r)
          targets[c].lanes[r] += errors[j].lanes[r] * coefficients[c][j];
      Column decoded;
      uint8_t chosen[kLanes];
      roundLanes(lanes.levels, midpoints, lanes.groupsOf(column), targets[c],
                 decoded, chosen);
      for (int64_t r = 0; r < kLanes; ++r)
        errors[begin + c].lanes[r] = originals[c].lanes[r] - decoded.lanes[r];
      for (int64_t r = 0; r < lanes.rows; ++r)
        codes[r * n + column] = chosen[r];
    }
  }
}

void Feedback::chooseCodes(const format::Levels &levels, const float *scales,
                           const float *offsets, const float *values,
                           int64_t rows, uint8_t *codes) const {
  std::vector<Column> errors(static_cast<size_t>(Columns));
  for (int64_t row = 0; row < rows; row += kLanes)
    chooseLanes(
        {levels, scales, offsets, row, Columns, std::min(kLanes, rows - row)},
        Order.data(), Coefficients.data(), values + row * Columns,
        errors.data(), codes + row * Columns);
}

} // namespace qzc::encode
