//===- Sample.cpp - Some rows of a weight ---------------------------------===//

#include "qzc/Encode/Sample.h"

#include <algorithm>

namespace qzc::encode {

Sample sampleRows(const format::Tensor &tensor, const WeightRef &ref,
                  const WeightSources &sources, int64_t most) {
  const int64_t cols = tensor.shape.cols;
  Sample sample;
  sample.rows = std::min(most, tensor.shape.rows);
  sample.values.resize(static_cast<size_t>(sample.rows * cols));
  for (int64_t i = 0; i < sample.rows; ++i) {
    const int64_t row = i * tensor.shape.rows / sample.rows;
    sources.read(tensor.source, ref, row * cols, (row + 1) * cols,
                 sample.values.data() + i * cols);
  }
  return sample;
}

} // namespace qzc::encode
