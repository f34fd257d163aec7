//===- GgmlWeighted.h - ggml's blocks by importance -------------*- C++ -*-===//

#ifndef QZC_LIB_FORMAT_GGMLWEIGHTED_H
#define QZC_LIB_FORMAT_GGMLWEIGHTED_H

#include "qzc/Format/Ggml.h"

#include <cstdint>

namespace qzc::format::ggml {

/// `rows` rows of `columns` finite values, a multiple of Block::kValues, and
/// beside each value the mean square of its column's input.
struct WeightedRows {
  const float *values;
  const float *importance;
  int64_t columns;
  int64_t rows;
};

/// To blocks as llama-quantize makes them with an importance matrix. Returns
/// what quantize does.
float quantizeRows(const WeightedRows &rows, BlockQ4_0 *blocks);
float quantizeRows(const WeightedRows &rows, BlockQ4_1 *blocks);
float quantizeRows(const WeightedRows &rows, BlockQ5_0 *blocks);
float quantizeRows(const WeightedRows &rows, BlockQ5_1 *blocks);
float quantizeRows(const WeightedRows &rows, BlockQ4_K *blocks);
float quantizeRows(const WeightedRows &rows, BlockQ5_K *blocks);
float quantizeRows(const WeightedRows &rows, BlockQ6_K *blocks);

} // namespace qzc::format::ggml

#endif // QZC_LIB_FORMAT_GGMLWEIGHTED_H
