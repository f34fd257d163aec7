//===- Sample.h - Some rows of a weight -------------------------*- C++ -*-===//

#ifndef QZC_ENCODE_SAMPLE_H
#define QZC_ENCODE_SAMPLE_H

#include "qzc/Encode/Feedback.h"
#include "qzc/Encode/Statistics.h"
#include "qzc/Encode/WeightSources.h"
#include "qzc/Format/Manifest.h"

#include <cstdint>
#include <vector>

namespace qzc::encode {

/// Rows of a weight, spread over it.
struct Sample {
  int64_t rows = 0;
  std::vector<float> values;
};

/// Up to `most` rows, or all that there are. The reference was checked.
Sample sampleRows(const format::Tensor &tensor, const WeightRef &ref,
                  const WeightSources &sources, int64_t most);

/// The squares of what rows of `tensor` give: Σ (x·wᵀ)² over the inputs that
/// the statistics have products of, and Σ w² where `input` is null. Throws
/// qzc::Error, naming the tensor, where that is not finite.
double squaresOf(const Sample &sample, const format::Tensor &tensor,
                 const InputStatistics *input);

/// The squares of what storing the rows as the tensor's shape says changes of
/// that, scaled by `factors`, with scales that are searched for as the encoder
/// does under Method::Mse, or as under Method::Gptq with `feedback`, which is
/// the input's, where the scheme takes that.
double lostSquares(const Sample &sample, const format::Tensor &tensor,
                   const format::Factors &factors, const InputStatistics *input,
                   const Feedback *feedback = nullptr);

} // namespace qzc::encode

#endif // QZC_ENCODE_SAMPLE_H
