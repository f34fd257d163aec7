//===- Unicode.h - Properties of characters ---------------------*- C++ -*-===//
//
// The tokenizers package, PCRE2 and utf8proc each know a version of Unicode of
// their own; what follows here are the package's answers.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_LIB_TOKENIZER_UNICODE_H
#define QZC_LIB_TOKENIZER_UNICODE_H

#include <string>
#include <string_view>

namespace qzc::tokenizer {

/// White_Space.
bool isWhiteSpace(char32_t c);
/// End of the white space that begins at `at` in valid UTF-8.
size_t skipSpace(std::string_view text, size_t at);
/// Start of the white space that ends at `at`, but not before `limit`.
size_t skipSpaceBack(std::string_view text, size_t at, size_t limit);

/// Members of \p{property} that PCRE2 may not know, as members of one of its
/// classes; `property` is a general category or a script.
std::string newerMembers(std::string_view property);

/// Patterns, in PCRE2's syntax, for one character that is numeric or
/// punctuation to the pre-tokenizers of those names.
std::string numericPattern();
std::string punctuationPattern();

/// The lower case of one character; of U+0130 without its dot.
char32_t lowerCase(char32_t c);

/// Whether normalization forms leave `c` where and as it is.
bool isInert(char32_t c);

} // namespace qzc::tokenizer

#endif // QZC_LIB_TOKENIZER_UNICODE_H
