//===- Sample.h - Some rows of a weight -------------------------*- C++ -*-===//

#ifndef QZC_ENCODE_SAMPLE_H
#define QZC_ENCODE_SAMPLE_H

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

} // namespace qzc::encode

#endif // QZC_ENCODE_SAMPLE_H
