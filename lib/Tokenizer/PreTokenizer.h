//===- PreTokenizer.h - Splitting text into words ---------------*- C++ -*-===//

#ifndef QZC_LIB_TOKENIZER_PRETOKENIZER_H
#define QZC_LIB_TOKENIZER_PRETOKENIZER_H

#include "Field.h"

#include <memory>

namespace qzc::tokenizer {

class PreTokenizer {
public:
  virtual ~PreTokenizer() = default;
  /// Replaces each of `words` by its parts; none of them is empty.
  virtual std::vector<std::string>
  run(std::vector<std::string> words) const = 0;

  /// Reads ByteLevel, Digits, Split or a Sequence of them.
  static std::unique_ptr<PreTokenizer> read(const Field &field, int depth = 0);
};

} // namespace qzc::tokenizer

#endif // QZC_LIB_TOKENIZER_PRETOKENIZER_H
