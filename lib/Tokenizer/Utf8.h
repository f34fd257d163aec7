//===- Utf8.h - Code points in byte strings ---------------------*- C++ -*-===//

#ifndef QZC_LIB_TOKENIZER_UTF8_H
#define QZC_LIB_TOKENIZER_UTF8_H

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace qzc::tokenizer {

inline constexpr std::string_view kReplacement = "\xEF\xBF\xBD"; ///< U+FFFD

/// What stands at one position of a byte string.
struct Utf8Unit {
  enum class Kind { Valid, Invalid, Incomplete };
  Kind kind;
  /// Valid: of the character. Otherwise the maximal ill-formed part (Unicode,
  /// chapter 3, "U+FFFD substitution of maximal subparts").
  size_t bytes;
  char32_t codePoint;
};

/// `at` < text.size(). Incomplete: the text ends inside a character.
Utf8Unit utf8At(std::string_view text, size_t at);

/// Bytes of the character that starts with `lead`, in valid UTF-8.
inline size_t utf8Length(char lead) {
  auto byte = static_cast<uint8_t>(lead);
  return byte < 0x80 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
}

/// Whether a byte of valid UTF-8 is not the first of its character.
inline bool isContinuation(char byte) {
  return (static_cast<uint8_t>(byte) & 0xC0) == 0x80;
}

/// Start of the character that ends at `end` > 0, in valid UTF-8.
inline size_t characterBefore(std::string_view text, size_t end) {
  do
    --end;
  while (end > 0 && isContinuation(text[end]));
  return end;
}

void appendUtf8(std::string &out, char32_t codePoint);

/// Moves the characters that are complete from `pending` to the result; a
/// character cut off at the end stays, unless `atEnd`.
std::string takeUtf8(std::string &pending, bool atEnd);

} // namespace qzc::tokenizer

#endif // QZC_LIB_TOKENIZER_UTF8_H
