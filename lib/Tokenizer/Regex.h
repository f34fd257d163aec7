//===- Regex.h - The tokenizers' regular expressions ------------*- C++ -*-===//
//
// tokenizer.json writes patterns for Oniguruma (Ruby syntax). They are
// translated to PCRE2, construct by construct; one that would mean something
// else there is refused.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_LIB_TOKENIZER_REGEX_H
#define QZC_LIB_TOKENIZER_REGEX_H

#include "Field.h"

#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace qzc::tokenizer {

/// The pattern as PCRE2 writes it. Throws through `field`.
std::string translatePattern(std::string_view pattern, const Field &field);

/// `text` so that it matches itself.
std::string escapePattern(std::string_view text);

/// A compiled pattern.
class Regex {
public:
  /// `pattern` in PCRE2's syntax. Throws qzc::Error naming the pattern.
  explicit Regex(const std::string &pattern);

  /// Calls match(begin, end) for each match in valid UTF-8, left to right, not
  /// overlapping; an empty match right after another is left out.
  void
  forEach(std::string_view text,
          const std::function<void(size_t begin, size_t end)> &match) const;

  /// `text` with `with`, taken literally, in place of each match.
  std::string replace(std::string_view text, std::string_view with) const;

private:
  std::string Pattern;
  std::shared_ptr<void> Code; ///< pcre2_code
};

/// What tokenizer.json calls a pattern: {"Regex": …} or {"String": …}.
Regex readPattern(const Field &field);

} // namespace qzc::tokenizer

#endif // QZC_LIB_TOKENIZER_REGEX_H
