//===- LogitsScorer.cpp - Scoring by whole rows of logits -----------------===//

#include "LogitsScorer.h"

#include "qzc/Evaluate/Softmax.h"

#include <algorithm>

namespace qzc::runtime {

static constexpr int64_t kMostBytes = int64_t{64} << 20;

void LogitsScorer::score(const int32_t *tokens, const int32_t *targets,
                         int64_t count, int64_t firstScored, float *losses) {
  const auto rowBytes = static_cast<int64_t>(sizeof(float)) * Vocab;
  const int64_t most = std::max<int64_t>(1, kMostBytes / rowBytes);
  Rows.resize(static_cast<size_t>(std::min(most, count) * Vocab));
  Model.reset();
  Model.prefill(tokens, firstScored, nullptr);
  for (int64_t first = firstScored; first < count; first += most) {
    const int64_t rows = std::min(most, count - first);
    Model.logits(tokens + first, rows, Rows.data());
    Pool.parallelFor(rows, 1, [&](int64_t begin, int64_t end, int) {
      for (int64_t i = begin; i < end; ++i) {
        const float *row = Rows.data() + i * Vocab;
        losses[first + i] = static_cast<float>(evaluate::logSumExp(row, Vocab) -
                                               row[targets[first + i]]);
      }
    });
    for (int64_t i = 0; i < rows; ++i)
      Out.append(targets[first + i], Rows.data() + i * Vocab);
  }
}

} // namespace qzc::runtime
