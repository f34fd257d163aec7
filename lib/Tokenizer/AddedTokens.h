//===- AddedTokens.h - Tokens recognised as wholes --------------*- C++ -*-===//

#ifndef QZC_LIB_TOKENIZER_ADDEDTOKENS_H
#define QZC_LIB_TOKENIZER_ADDEDTOKENS_H

#include "Field.h"
#include "Normalizer.h"
#include "Regex.h"
#include "TokenFinder.h"

#include <unordered_map>

namespace qzc::tokenizer {

struct AddedToken {
  std::string content;
  std::string matched; ///< what is looked for, and what it decodes to
  int32_t id = 0;
  bool special = false;
  bool leftStrip = false;  ///< takes white space before it
  bool rightStrip = false; ///< takes white space after it
  bool singleWord = false; ///< only where no word touches it
  bool normalized = false; ///< looked for after the normalizer ran
};

/// A stretch of text, or one added token.
struct Segment {
  std::string_view text;
  int32_t token = -1; ///< -1: ordinary text
};

class AddedTokens {
public:
  /// `normalizer` may be null. `field`: the list in the file.
  AddedTokens(const Field &field, const Normalizer *normalizer);

  const std::vector<AddedToken> &tokens() const { return Tokens; }

  std::optional<int32_t> find(std::string_view content) const;

  /// Cuts `text` at the tokens that are (not) looked for after normalizing:
  /// at each place the longest one.
  std::vector<Segment> split(std::string_view text, bool normalized) const;

private:
  /// Whether `token` may stand at [begin, end).
  bool fits(const AddedToken &token, std::string_view text, size_t begin,
            size_t end) const;
  bool isWord(std::string_view text, size_t at) const;

  std::vector<AddedToken> Tokens;
  std::unordered_map<std::string, int32_t> Ids; ///< by content
  TokenFinder Finders[2];                       ///< by AddedToken::normalized
  Regex WordCharacter;
};

} // namespace qzc::tokenizer

#endif // QZC_LIB_TOKENIZER_ADDEDTOKENS_H
