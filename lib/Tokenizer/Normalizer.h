//===- Normalizer.h - Rewriting text before it is split ---------*- C++ -*-===//

#ifndef QZC_LIB_TOKENIZER_NORMALIZER_H
#define QZC_LIB_TOKENIZER_NORMALIZER_H

#include "Field.h"

#include <memory>

namespace qzc::tokenizer {

class Normalizer {
public:
  virtual ~Normalizer() = default;
  /// `text` is valid UTF-8 and stays so. `atStart` turns false where what the
  /// text began with was taken away.
  virtual void run(std::string &text, bool &atStart) const = 0;

  /// Reads NFC, NFD, NFKC, NFKD, Lowercase, Prepend, Replace, Strip,
  /// Precompiled or a Sequence of them.
  static std::unique_ptr<Normalizer> read(const Field &field, int depth = 0);
};

} // namespace qzc::tokenizer

#endif // QZC_LIB_TOKENIZER_NORMALIZER_H
