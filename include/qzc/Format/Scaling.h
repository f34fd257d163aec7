//===- Scaling.h - Inputs of layers that are scaled -------------*- C++ -*-===//
//
// A layer's input can be divided by a factor a column, and the columns of its
// weight multiplied by it: the same is computed, of weights that lose less when
// they are quantized. The division costs nothing where it can be done to the
// weights of what makes the input: a norm's, or the rows of another layer's.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_FORMAT_SCALING_H
#define QZC_FORMAT_SCALING_H

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace qzc::format {

/// Which scales a weight takes part in. Scales are numbered; of each all layers
/// that take its input are, and all weights that make this input.
struct Scaling {
  /// The scale that the columns are multiplied by, or -1.
  int64_t columns = -1;
  /// The scale that the rows, of a vector the elements, are divided by, or -1.
  int64_t rows = -1;
  /// What is divided is 1 + the weight, which is less by 1 again.
  bool unitOffset = false;
  /// Rows are heads of so many, each of which makes `repeats` heads of the
  /// input, one behind the other; 0: row and column are the same.
  int64_t width = 0;
  int64_t repeats = 1;

  bool any() const { return columns >= 0 || rows >= 0; }
  /// The first column of the input that a row makes.
  int64_t columnOf(int64_t row) const {
    return width == 0 ? row : row / width * width * repeats + row % width;
  }
};

/// What is wrong with the scaling of a weight of so many rows (of a vector,
/// elements), or nothing.
std::optional<std::string_view> checkScaling(const Scaling &scaling,
                                             int64_t rows);

/// What a weight's values are multiplied and divided by before they are stored;
/// of most nothing.
struct Factors {
  std::vector<float> columns; ///< or none
  std::vector<float> rows;    ///< or none
  bool unitOffset = false;    ///< as Scaling's

  bool any() const { return !columns.empty() || !rows.empty(); }
  /// Scales elements [begin, begin + count) of the flattened weight of that
  /// many columns (1 of a vector, whose elements are rows); computes in f64.
  void apply(int64_t begin, int64_t count, int64_t cols, float *values) const;
  /// Makes them what they were, as far as f32 has it.
  void undo(int64_t begin, int64_t count, int64_t cols, float *values) const;
};

} // namespace qzc::format

#endif // QZC_FORMAT_SCALING_H
