//===- LogitsBlocks.cpp - Rows of logits, some at a time ------------------===//

#include "LogitsBlocks.h"

#include <algorithm>

namespace qzc::runtime {

static constexpr int64_t kMostBytes = int64_t{64} << 20;

void LogitsBlocks::run(Sequence &sequence, const int32_t *tokens, int64_t count,
                       int64_t firstRow, const Use &use) {
  const auto rowBytes = static_cast<int64_t>(sizeof(float)) * Vocab;
  const int64_t most = std::max<int64_t>(1, kMostBytes / rowBytes);
  Rows.resize(static_cast<size_t>(std::min(most, count - firstRow) * Vocab));
  sequence.prefill(tokens, firstRow, nullptr);
  for (int64_t first = firstRow; first < count; first += most) {
    const int64_t rows = std::min(most, count - first);
    sequence.logits(tokens + first, rows, Rows.data());
    use(first, rows, Rows.data());
  }
}

} // namespace qzc::runtime
