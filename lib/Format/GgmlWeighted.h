//===- GgmlWeighted.h - ggml's blocks by importance -------------*- C++ -*-===//

#ifndef QZC_LIB_FORMAT_GGMLWEIGHTED_H
#define QZC_LIB_FORMAT_GGMLWEIGHTED_H

#include "qzc/Format/Ggml.h"

#include <cstdint>

namespace qzc::format::ggml {

/// One row of `columns` finite values, a multiple of Block::kValues, to blocks
/// as llama-quantize makes them with an importance matrix: `importance` is the
/// mean square of each column's input. Returns what quantize does.
float quantizeRow(const float *values, const float *importance, int64_t columns,
                  BlockQ4_0 *blocks);
float quantizeRow(const float *values, const float *importance, int64_t columns,
                  BlockQ4_1 *blocks);
float quantizeRow(const float *values, const float *importance, int64_t columns,
                  BlockQ5_0 *blocks);
float quantizeRow(const float *values, const float *importance, int64_t columns,
                  BlockQ5_1 *blocks);
float quantizeRow(const float *values, const float *importance, int64_t columns,
                  BlockQ4_K *blocks);
float quantizeRow(const float *values, const float *importance, int64_t columns,
                  BlockQ5_K *blocks);
float quantizeRow(const float *values, const float *importance, int64_t columns,
                  BlockQ6_K *blocks);

} // namespace qzc::format::ggml

#endif // QZC_LIB_FORMAT_GGMLWEIGHTED_H
