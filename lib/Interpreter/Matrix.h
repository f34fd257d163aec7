//===- Matrix.h - The interpreter's values ----------------------*- C++ -*-===//

#ifndef QZC_LIB_INTERPRETER_MATRIX_H
#define QZC_LIB_INTERPRETER_MATRIX_H

#include <cstddef>
#include <cstdint>
#include <vector>

namespace qzc::interpreter {

/// Row-major f32 values: features, a row a token, or a decoded weight, of which
/// a vector is one row.
struct Matrix {
  Matrix() = default;
  Matrix(int64_t rows, int64_t cols)
      : rows(rows), cols(cols), values(static_cast<size_t>(rows * cols)) {}

  float *row(int64_t index) { return values.data() + index * cols; }
  const float *row(int64_t index) const { return values.data() + index * cols; }

  int64_t rows = 0;
  int64_t cols = 0;
  std::vector<float> values;
};

/// The same values in rows of `cols`: heads as rows of their own, and back.
inline Matrix reshaped(Matrix matrix, int64_t cols) {
  matrix.rows = matrix.rows * matrix.cols / cols;
  matrix.cols = cols;
  return matrix;
}

} // namespace qzc::interpreter

#endif // QZC_LIB_INTERPRETER_MATRIX_H
