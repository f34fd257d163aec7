//===- GreedyTexts.h - Several texts continued at once ----------*- C++ -*-===//

#ifndef QZC_LIB_RUNTIME_APP_GREEDYTEXTS_H
#define QZC_LIB_RUNTIME_APP_GREEDYTEXTS_H

#include "qzc/Format/Manifest.h"
#include "qzc/Runtime/Engine.h"
#include "qzc/Tokenizer/Tokenizer.h"

#include <string>
#include <vector>

namespace qzc::runtime {

/// What is to be continued.
struct GreedyPrompt {
  std::vector<int32_t> tokens; ///< at least one
  int64_t most = 1;            ///< tokens that follow
  std::vector<std::string> stops;
};

/// The texts that follow, each by the likeliest token at every step, up to a
/// token that ends a text, one of its stops, or its `most` tokens. They are
/// written side by side, and each is what it is alone; where memory has no room
/// for all, in halves (Together.h). Throws SequenceError where it has none for
/// one, and where one is longer than the context, or has keys or values that
/// the cache's type cannot hold.
std::vector<std::string>
continueGreedily(Engine &engine, const tokenizer::Tokenizer &words,
                 const format::ModelInfo &model,
                 const std::vector<GreedyPrompt> &prompts);

} // namespace qzc::runtime

#endif // QZC_LIB_RUNTIME_APP_GREEDYTEXTS_H
