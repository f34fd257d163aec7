//===- Unicode.cpp - Properties of characters -----------------------------===//

#include "Unicode.h"

#include "Steps.h"
#include "Utf8.h"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <iterator>
#include <utf8proc.h>

namespace qzc::tokenizer {

namespace {

struct CharacterRange {
  uint32_t first;
  uint32_t last;
};

struct NewerCharacters {
  uint32_t first;
  uint32_t last;
  std::string_view category;
  std::string_view script;
};

struct CaseShift {
  uint32_t first;
  uint32_t last;
  int32_t shift;
};

#include "UnicodeTables.inc"

void appendRange(std::string &out, uint32_t first, uint32_t last) {
  char text[32];
  std::snprintf(text, sizeof text, "\\x{%x}-\\x{%x}", first, last);
  out += text;
}

template <size_t Size>
std::string members(const CharacterRange (&ranges)[Size]) {
  std::string out;
  for (const CharacterRange &range : ranges)
    appendRange(out, range.first, range.last);
  return out;
}

} // namespace

bool isWhiteSpace(char32_t c) {
  return (c >= 0x09 && c <= 0x0D) || c == 0x20 || c == 0x85 || c == 0xA0 ||
         c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 ||
         c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

size_t skipSpace(std::string_view text, size_t at) {
  while (at < text.size()) {
    Utf8Unit unit = utf8At(text, at);
    if (!isWhiteSpace(unit.codePoint))
      break;
    at += unit.bytes;
    StepCounter::add(unit.bytes);
  }
  return at;
}

size_t skipSpaceBack(std::string_view text, size_t at, size_t limit) {
  while (at > limit) {
    size_t before = characterBefore(text, at);
    if (before < limit || !isWhiteSpace(utf8At(text, before).codePoint))
      break;
    StepCounter::add(at - before);
    at = before;
  }
  return at;
}

std::string newerMembers(std::string_view property) {
  std::string out;
  for (const NewerCharacters &range : kNewer)
    if (range.script == property ||
        range.category.substr(0, property.size()) == property)
      appendRange(out, range.first, range.last);
  return out;
}

std::string numericPattern() {
  return "[\\p{N}" + newerMembers("N") + members(kMoreDigits) + "]";
}

std::string punctuationPattern() {
  return "(?![" + members(kNoPunctuation) + "])[\\p{P}$+<=>^`|~" +
         newerMembers("P") + members(kMorePunctuation) + "]";
}

char32_t lowerCase(char32_t c) {
  for (const CaseShift &range : kMoreLower)
    if (c >= range.first && c <= range.last)
      return c + static_cast<char32_t>(range.shift);
  return static_cast<char32_t>(
      utf8proc_tolower(static_cast<utf8proc_int32_t>(c)));
}

bool isInert(char32_t c) {
  const auto *range = std::partition_point(
      std::begin(kInert), std::end(kInert),
      [&](const CharacterRange &range) { return range.last < c; });
  return range != std::end(kInert) && range->first <= c;
}

} // namespace qzc::tokenizer
