//===- LogitsScorer.cpp - Scoring by whole rows of logits -----------------===//

#include "LogitsScorer.h"

#include "qzc/Evaluate/Softmax.h"

namespace qzc::runtime {

void LogitsScorer::score(const evaluate::ScoredWindow &window) {
  const int32_t *targets = window.targets;
  const int64_t vocab = Blocks.vocab();
  Sequence text(ScoringEngine);
  Blocks.run(text, window.tokens, window.count, window.firstScored,
             [&](int64_t first, int64_t rows, const float *logits) {
               Pool.parallelFor(rows, 1, [&](int64_t begin, int64_t end, int) {
                 for (int64_t i = begin; i < end; ++i) {
                   const float *row = logits + i * vocab;
                   window.losses[first + i] =
                       static_cast<float>(evaluate::logSumExp(row, vocab) -
                                          row[targets[first + i]]);
                 }
               });
               for (int64_t i = 0; i < rows; ++i)
                 Out.append(targets[first + i], logits + i * vocab);
             });
}

} // namespace qzc::runtime
