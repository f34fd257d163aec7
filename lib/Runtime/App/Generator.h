//===- Generator.h - Text, token by token -----------------------*- C++ -*-===//

#ifndef QZC_LIB_RUNTIME_APP_GENERATOR_H
#define QZC_LIB_RUNTIME_APP_GENERATOR_H

#include "Session.h"
#include "qzc/Runtime/Sequence.h"

namespace qzc::runtime {

/// Continues token ids as the options of a session ask for it, and writes the
/// text to its output as it comes.
class Generator {
public:
  /// Both must outlive it.
  Generator(const Session &session, const tokenizer::Tokenizer &tokenizer)
      : Call(session), Vocabulary(tokenizer),
        TokenSampler(session.options().sampler, session.model().vocab) {}

  struct Result {
    std::vector<int32_t> ids; ///< the token that ends a text included
    std::string text;         ///< what was written
    bool ended = false;       ///< by such a token or a text of --stop
    double seconds = 0;       ///< of all tokens but the first
  };
  /// Appends all `prompt` but its first `known` tokens, which the sequence has,
  /// and up to `count` tokens more, of which it then has all but the last.
  Result run(Sequence &sequence, const std::vector<int32_t> &prompt,
             size_t known, int64_t count);

private:
  bool ends(int32_t token) const;
  int32_t next(Sequence &sequence, int32_t token, bool isLast,
               std::vector<float> &logits);

  const Session &Call;
  const tokenizer::Tokenizer &Vocabulary;
  Sampler TokenSampler;
};

/// Tokens to make after a prompt of so many, and room for them.
struct Room {
  int64_t count;   ///< -n, or as many as usual and as fit
  int64_t context; ///< positions that takes; the last token needs none
};
Room roomFor(const Session &session, int64_t prompt);

/// Says on stderr how fast that was.
void reportSpeed(const Generator::Result &result, size_t prompt);

} // namespace qzc::runtime

#endif // QZC_LIB_RUNTIME_APP_GENERATOR_H
