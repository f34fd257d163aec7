//===- Words.h - A text on its way into words -------------------*- C++ -*-===//

#ifndef QZC_LIB_TOKENIZER_WORDS_H
#define QZC_LIB_TOKENIZER_WORDS_H

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace qzc::tokenizer {

struct Span {
  size_t begin;
  size_t end; ///< > begin
};

/// What pre-tokenizers rewrite and cut. Spans are in order and do not overlap;
/// what lies between them was dropped.
struct Words {
  std::string text;
  std::vector<Span> spans;
  /// The first span begins where the whole input does.
  bool atStart;

  Words(std::string_view whole, bool atStart)
      : text(whole), spans{{0, whole.size()}}, atStart(atStart) {}

  std::string_view operator[](const Span &span) const {
    return std::string_view(text).substr(span.begin, span.end - span.begin);
  }
};

} // namespace qzc::tokenizer

#endif // QZC_LIB_TOKENIZER_WORDS_H
