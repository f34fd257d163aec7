//===- Continuation.h - A text and what may follow it -----------*- C++ -*-===//
//
// Texts to tokens as lm-eval's models of the causal kind do it: whole, then
// split, so that a word across the border is cut as in running text.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_LIB_RUNTIME_APP_CONTINUATION_H
#define QZC_LIB_RUNTIME_APP_CONTINUATION_H

#include "qzc/Format/Manifest.h"
#include "qzc/Tokenizer/Tokenizer.h"

#include <string>
#include <vector>

namespace qzc::runtime {

/// Ids of a text as the tokenizer makes them with its special tokens; none is
/// added where the text spells out the first one (BOS, or EOS without one).
std::vector<int32_t> encodeText(const tokenizer::Tokenizer &tokenizer,
                                const format::ModelInfo &model,
                                const std::string &text);

/// Tokens, the last `scored` of which are the continuation's. White space at
/// the end of the context counts as the continuation's. An empty context
/// becomes BOS, or EOS where the model has none. Throws qzc::Error where there
/// is nothing to score.
struct Continuation {
  std::vector<int32_t> tokens;
  int64_t scored = 0;
};
Continuation encodePair(const tokenizer::Tokenizer &tokenizer,
                        const format::ModelInfo &model, std::string context,
                        std::string continuation);

} // namespace qzc::runtime

#endif // QZC_LIB_RUNTIME_APP_CONTINUATION_H
