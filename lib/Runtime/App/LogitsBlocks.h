//===- LogitsBlocks.h - Rows of logits, some at a time ----------*- C++ -*-===//

#ifndef QZC_LIB_RUNTIME_APP_LOGITSBLOCKS_H
#define QZC_LIB_RUNTIME_APP_LOGITSBLOCKS_H

#include "qzc/Runtime/Sequence.h"

#include <functional>
#include <vector>

namespace qzc::runtime {

/// Runs tokens and hands out their logits in blocks of bounded size, however
/// many tokens there are.
class LogitsBlocks {
public:
  explicit LogitsBlocks(int64_t vocab) : Vocab(vocab) {}

  /// Logits [rows, vocab] of tokens first, first + 1, …
  using Use =
      std::function<void(int64_t first, int64_t rows, const float *logits)>;

  /// Appends `count` tokens to a sequence; `use` gets the rows from `firstRow`
  /// on.
  void run(Sequence &sequence, const int32_t *tokens, int64_t count,
           int64_t firstRow, const Use &use);

  int64_t vocab() const { return Vocab; }

private:
  int64_t Vocab;
  std::vector<float> Rows;
};

} // namespace qzc::runtime

#endif // QZC_LIB_RUNTIME_APP_LOGITSBLOCKS_H
