//===- AddedTokens.cpp - Tokens recognised as wholes ----------------------===//

#include "AddedTokens.h"

#include "Utf8.h"

#include <algorithm>

namespace qzc::tokenizer {

namespace {

/// White_Space of Unicode.
bool isSpace(char32_t c) {
  return (c >= 0x09 && c <= 0x0D) || c == 0x20 || c == 0x85 || c == 0xA0 ||
         c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 ||
         c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

/// Start of the character that ends at `end` > 0.
size_t characterBefore(std::string_view text, size_t end) {
  do
    --end;
  while (end > 0 && (static_cast<uint8_t>(text[end]) & 0xC0) == 0x80);
  return end;
}

size_t skipSpaceBack(std::string_view text, size_t at, size_t limit) {
  while (at > limit) {
    size_t before = characterBefore(text, at);
    if (before < limit || !isSpace(utf8At(text, before).codePoint))
      break;
    at = before;
  }
  return at;
}

size_t skipSpace(std::string_view text, size_t at) {
  while (at < text.size()) {
    Utf8Unit unit = utf8At(text, at);
    if (!isSpace(unit.codePoint))
      break;
    at += unit.bytes;
  }
  return at;
}

} // namespace

AddedTokens::AddedTokens(const Field &field, const Normalizer *normalizer)
    : WordCharacter("[\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\x{200c}\\x{200d}]") {
  for (auto &trie : Tries)
    trie.resize(1);
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
    if (token.normalized && normalizer)
      token.matched = normalizer->run(token.content);
    if (!token.matched.empty())
      insert(Tries[token.normalized], token.matched, Tokens.size());
    Tokens.push_back(std::move(token));
  }
}

void AddedTokens::insert(std::vector<Node> &trie, std::string_view text,
                         size_t token) {
  size_t node = 0;
  for (char byte : text) {
    auto next = static_cast<int32_t>(trie.size());
    auto [edge, added] = trie[node].next.try_emplace(byte, next);
    node = static_cast<size_t>(edge->second);
    if (added)
      trie.emplace_back();
  }
  if (trie[node].token < 0)
    trie[node].token = static_cast<int32_t>(token);
}

std::pair<size_t, int32_t> AddedTokens::longest(const std::vector<Node> &trie,
                                                std::string_view text,
                                                size_t at) {
  std::pair<size_t, int32_t> best{at, -1};
  size_t node = 0;
  for (size_t i = at; i < text.size(); ++i) {
    auto edge = trie[node].next.find(text[i]);
    if (edge == trie[node].next.end())
      break;
    node = static_cast<size_t>(edge->second);
    if (trie[node].token >= 0)
      best = {i + 1, trie[node].token};
  }
  return best;
}

bool AddedTokens::isWord(std::string_view character) const {
  bool found = false;
  WordCharacter.forEach(character, [&](size_t, size_t) { found = true; });
  return found;
}

std::vector<Segment> AddedTokens::split(std::string_view text,
                                        bool normalized) const {
  const std::vector<Node> &trie = Tries[normalized];
  std::vector<Segment> out;
  size_t done = 0;
  for (size_t at = 0; at < text.size();) {
    auto [end, index] = longest(trie, text, at);
    if (index < 0) {
      ++at;
      continue;
    }
    const AddedToken &token = Tokens[static_cast<size_t>(index)];
    size_t begin = at;
    at = end;
    if (token.singleWord) {
      auto wordAt = [&](size_t from) {
        return isWord(text.substr(from, utf8Length(text[from])));
      };
      if ((begin > 0 && wordAt(characterBefore(text, begin))) ||
          (end < text.size() && wordAt(end)))
        continue;
    }
    if (token.leftStrip)
      begin = skipSpaceBack(text, begin, std::min(done, begin));
    if (token.rightStrip)
      end = skipSpace(text, end);
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
