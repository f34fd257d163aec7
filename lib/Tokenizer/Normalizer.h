//===- Normalizer.h - Rewriting text before it is split ---------*- C++ -*-===//

#ifndef QZC_LIB_TOKENIZER_NORMALIZER_H
#define QZC_LIB_TOKENIZER_NORMALIZER_H

#include "Field.h"

#include <memory>

namespace qzc::tokenizer {

class Normalizer {
public:
  virtual ~Normalizer() = default;
  /// `text` is valid UTF-8, and so is the result.
  virtual std::string run(std::string text) const = 0;

  /// Reads NFC, NFD, NFKC, NFKD, Prepend, Replace or a Sequence of them.
  static std::unique_ptr<Normalizer> read(const Field &field, int depth = 0);
};

} // namespace qzc::tokenizer

#endif // QZC_LIB_TOKENIZER_NORMALIZER_H
