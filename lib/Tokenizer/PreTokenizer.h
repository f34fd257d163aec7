//===- PreTokenizer.h - Splitting text into words ---------------*- C++ -*-===//

#ifndef QZC_LIB_TOKENIZER_PRETOKENIZER_H
#define QZC_LIB_TOKENIZER_PRETOKENIZER_H

#include "Field.h"
#include "Words.h"

#include <memory>

namespace qzc::tokenizer {

class PreTokenizer {
public:
  virtual ~PreTokenizer() = default;
  /// Replaces each word by its parts.
  virtual void run(Words &words) const = 0;

  /// Reads ByteLevel, Digits, Metaspace, Punctuation, Split or a Sequence of
  /// them.
  static std::unique_ptr<PreTokenizer> read(const Field &field, int depth = 0);
};

} // namespace qzc::tokenizer

#endif // QZC_LIB_TOKENIZER_PRETOKENIZER_H
