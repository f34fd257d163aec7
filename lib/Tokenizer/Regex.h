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

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace qzc::tokenizer {

/// The pattern as PCRE2 writes it. Throws through `field`.
std::string translatePattern(std::string_view pattern, const Field &field);

/// `text` so that it matches itself.
std::string escapePattern(std::string_view text);

/// Whether a pattern, in Oniguruma's syntax, is one of those that need no
/// watching.
bool isKnownPattern(std::string_view pattern);

/// A compiled pattern.
class Regex {
public:
  /// `pattern` in PCRE2's syntax. `watched`: the steps of matching are counted,
  /// and more of them than linear time takes are an error. Throws qzc::Error
  /// naming the pattern.
  explicit Regex(const std::string &pattern, bool watched = false);

  /// Of a pattern whose matches are one character each.
  static Regex ofCharacter(const std::string &pattern);

  /// Calls match(begin, end) for each match in valid UTF-8, left to right, not
  /// overlapping; an empty match right after another is left out. Throws
  /// qzc::Error where the pattern takes too many steps.
  template <typename Callback>
  void forEach(std::string_view text, Callback &&match) const {
    Search search{text, 0, text.size() + 1, 0, 0, 0};
    while (next(search))
      match(search.begin, search.end);
  }

  /// `text` with `with`, taken literally, in place of each match.
  std::string replace(std::string_view text, std::string_view with) const;

private:
  struct Search {
    std::string_view text;
    size_t at;      ///< where to look next
    size_t lastEnd; ///< of the match before; text.size() + 1: there was none
    size_t begin;
    size_t end;
    uint64_t steps; ///< taken so far, where they are counted
  };
  bool next(Search &search) const;
  /// The first match from search.at on; false if there is none.
  bool find(Search &search) const;
  /// Whether bytes from search.at on, which it moves, may begin a match.
  bool findStart(Search &search) const;

  std::string Pattern;
  std::shared_ptr<void> Code; ///< pcre2_code
  bool Compiled = false;      ///< to machine code
  bool Watched;
  /// The bytes that may begin a match; none: any may, or it can be empty.
  std::optional<std::array<bool, 256>> Starts;
};

/// What tokenizer.json calls a pattern: {"Regex": …} or {"String": …}.
Regex readPattern(const Field &field);

} // namespace qzc::tokenizer

#endif // QZC_LIB_TOKENIZER_REGEX_H
