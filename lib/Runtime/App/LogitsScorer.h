//===- LogitsScorer.h - Scoring by whole rows of logits ---------*- C++ -*-===//

#ifndef QZC_LIB_RUNTIME_APP_LOGITSSCORER_H
#define QZC_LIB_RUNTIME_APP_LOGITSSCORER_H

#include "LogitsBlocks.h"
#include "LogitsWriter.h"
#include "qzc/Evaluate/Perplexity.h"
#include "qzc/Support/ThreadPool.h"

namespace qzc::runtime {

/// Scores windows with every row of logits on the host: each goes to a file
/// with the token that it predicts.
class LogitsScorer {
public:
  /// All of them outlive the scorer. `threads`: 0, as many as may be used.
  LogitsScorer(Engine &engine, int64_t vocab, int threads, LogitsWriter &out)
      : ScoringEngine(engine), Blocks(vocab), Pool(threads), Out(out) {}

  void score(const evaluate::ScoredWindow &window);

private:
  Engine &ScoringEngine;
  LogitsBlocks Blocks;
  ThreadPool Pool;
  LogitsWriter &Out;
};

} // namespace qzc::runtime

#endif // QZC_LIB_RUNTIME_APP_LOGITSSCORER_H
