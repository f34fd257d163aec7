//===- Softmax.cpp - Probabilities from logits ----------------------------===//

#include "qzc/Evaluate/Softmax.h"

#include <algorithm>
#include <cmath>

namespace qzc::evaluate {

double logSumExp(const float *row, int64_t count) {
  const double most = *std::max_element(row, row + count);
  double sum = 0;
  for (int64_t i = 0; i < count; ++i)
    sum += std::exp(row[i] - most);
  return most + std::log(sum);
}

} // namespace qzc::evaluate
