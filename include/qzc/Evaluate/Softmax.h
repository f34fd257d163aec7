//===- Softmax.h - Probabilities from logits --------------------*- C++ -*-===//

#ifndef QZC_EVALUATE_SOFTMAX_H
#define QZC_EVALUATE_SOFTMAX_H

#include <cstdint>

namespace qzc::evaluate {

/// ln Σ exp(row[i]) of `count` ≥ 1 logits, summed in f64. Not finite where a
/// logit is not.
double logSumExp(const float *row, int64_t count);

} // namespace qzc::evaluate

#endif // QZC_EVALUATE_SOFTMAX_H
