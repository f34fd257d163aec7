//===- AddedTokens.cpp - Tokens recognised as wholes ----------------------===//

#include "AddedTokens.h"

#include "Steps.h"
#include "Unicode.h"
#include "Utf8.h"
#include "Words.h"

#include <algorithm>

namespace qzc::tokenizer {

namespace {

/// What \w is to the package here: two joiners more than in a pattern.
Regex wordPattern() {
  const nlohmann::json none;
  return Regex(translatePattern(R"([\w\x{200c}\x{200d}])", Field(none, "")));
}

} // namespace

AddedTokens::AddedTokens(const Field &field, const Normalizer *normalizer)
    : WordCharacter(wordPattern()) {
  for (const Field &item : field.items()) {
    item.allowOnly({"id", "content", "single_word", "lstrip", "rstrip",
                    "normalized", "special"});
    AddedToken token;
    token.content = item.at("content").string();
    token.id = item.at("id").tokenId();
    token.special = item.booleanOr("special", false);
    token.leftStrip = item.booleanOr("lstrip", false);
    token.rightStrip = item.booleanOr("rstrip", false);
    token.singleWord = item.booleanOr("single_word", false);
    token.normalized = item.booleanOr("normalized", !token.special);
    if (token.content.empty())
      item.at("content").fail("must not be empty");
    token.matched = token.content;
    if (token.normalized && normalizer) {
      bool atStart = true;
      normalizer->run(token.matched, atStart);
    }
    if (!token.matched.empty())
      Finders[token.normalized].add(token.matched,
                                    static_cast<int32_t>(Tokens.size()));
    Ids.emplace(token.content, token.id);
    Tokens.push_back(std::move(token));
  }
  for (TokenFinder &finder : Finders)
    finder.finish();
}

std::optional<int32_t> AddedTokens::find(std::string_view content) const {
  auto found = Ids.find(std::string(content));
  return found == Ids.end() ? std::nullopt : std::optional(found->second);
}

bool AddedTokens::isWord(std::string_view text, size_t at) const {
  bool found = false;
  WordCharacter.forEach(text.substr(at, utf8Length(text[at])),
                        [&](size_t, size_t) { found = true; });
  return found;
}

bool AddedTokens::fits(const AddedToken &token, std::string_view text,
                       size_t begin, size_t end) const {
  if (!token.singleWord)
    return true;
  bool joined = (begin > 0 && isWord(text, characterBefore(text, begin))) ||
                (end < text.size() && isWord(text, end));
  return !joined;
}

std::vector<Segment> AddedTokens::split(std::string_view text,
                                        bool normalized) const {
  std::vector<Segment> out;
  size_t done = 0;    // the text before is in `out`
  size_t matched = 0; // where the next token may begin
  Span spaces{0, 0};  // the last that were skipped
  std::vector<TokenFinder::Hit> hits = Finders[normalized].find(text);
  for (auto hit = hits.rbegin(); hit != hits.rend(); ++hit) {
    if (hit->begin < matched)
      continue;
    const AddedToken &token = Tokens[static_cast<size_t>(hit->token)];
    size_t begin = hit->begin;
    size_t end = begin + token.matched.size();
    matched = end;
    if (!fits(token, text, begin, end))
      continue;
    StepCounter::add(1);
    if (token.leftStrip)
      begin = skipSpaceBack(text, begin, std::min(done, begin));
    if (token.rightStrip) {
      if (end < spaces.begin || end > spaces.end)
        spaces = {end, skipSpace(text, end)};
      end = spaces.end;
    }
    if (begin > done)
      out.push_back({text.substr(done, begin - done), -1});
    out.push_back({text.substr(begin, end - begin), token.id});
    done = end;
  }
  if (done < text.size())
    out.push_back({text.substr(done), -1});
  return out;
}

} // namespace qzc::tokenizer
