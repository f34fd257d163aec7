//===- UnicodeForm.h - NFC, NFD, NFKC, NFKD ---------------------*- C++ -*-===//

#ifndef QZC_LIB_TOKENIZER_UNICODEFORM_H
#define QZC_LIB_TOKENIZER_UNICODEFORM_H

#include <string>
#include <string_view>

namespace qzc::tokenizer {

struct UnicodeForm {
  bool compose;       ///< NFC, NFKC
  bool compatibility; ///< NFKC, NFKD

  /// The form of valid UTF-8. Linear in the text, marks by the million
  /// included (utf8proc alone sorts them in quadratic time).
  std::string of(std::string_view text) const;

private:
  void append(std::string_view text, std::string &out) const;
};

/// Each character's lower case.
std::string lowerCase(std::string_view text);

} // namespace qzc::tokenizer

#endif // QZC_LIB_TOKENIZER_UNICODEFORM_H
