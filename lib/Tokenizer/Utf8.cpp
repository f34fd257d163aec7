//===- Utf8.cpp - Code points in byte strings -----------------------------===//

#include "Utf8.h"

#include "qzc/Tokenizer/Tokenizer.h"

namespace qzc::tokenizer {

Utf8Unit utf8At(std::string_view text, size_t at) {
  auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  uint8_t lead = byte(at);
  if (lead < 0x80)
    return {Utf8Unit::Kind::Valid, 1, lead};
  if (lead < 0xC2 || lead > 0xF4)
    return {Utf8Unit::Kind::Invalid, 1, 0};
  size_t length = utf8Length(text[at]);
  // The second byte's range excludes overlong forms, surrogates and what lies
  // beyond U+10FFFF.
  uint8_t low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
  uint8_t high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
  char32_t codePoint = lead & (0x7F >> length);
  for (size_t i = 1; i < length; ++i) {
    if (at + i == text.size())
      return {Utf8Unit::Kind::Incomplete, i, 0};
    uint8_t next = byte(at + i);
    if (next < low || next > high)
      return {Utf8Unit::Kind::Invalid, i, 0};
    codePoint = codePoint << 6 | (next & 0x3F);
    low = 0x80;
    high = 0xBF;
  }
  return {Utf8Unit::Kind::Valid, length, codePoint};
}

std::optional<size_t> firstInvalidUtf8(std::string_view text) {
  for (size_t at = 0; at < text.size();) {
    if (static_cast<uint8_t>(text[at]) < 0x80) {
      ++at;
      continue;
    }
    Utf8Unit unit = utf8At(text, at);
    if (unit.kind != Utf8Unit::Kind::Valid)
      return at;
    at += unit.bytes;
  }
  return std::nullopt;
}

void appendUtf8(std::string &out, char32_t codePoint) {
  auto push = [&](char32_t bits) { out += static_cast<char>(bits); };
  if (codePoint < 0x80) {
    push(codePoint);
  } else if (codePoint < 0x800) {
    push(0xC0 | codePoint >> 6);
    push(0x80 | (codePoint & 0x3F));
  } else if (codePoint < 0x10000) {
    push(0xE0 | codePoint >> 12);
    push(0x80 | (codePoint >> 6 & 0x3F));
    push(0x80 | (codePoint & 0x3F));
  } else {
    push(0xF0 | codePoint >> 18);
    push(0x80 | (codePoint >> 12 & 0x3F));
    push(0x80 | (codePoint >> 6 & 0x3F));
    push(0x80 | (codePoint & 0x3F));
  }
}

std::string takeUtf8(std::string &pending, bool atEnd) {
  std::string out;
  size_t at = 0;
  while (at < pending.size()) {
    Utf8Unit unit = utf8At(pending, at);
    if (unit.kind == Utf8Unit::Kind::Incomplete && !atEnd)
      break;
    if (unit.kind == Utf8Unit::Kind::Valid)
      out.append(pending, at, unit.bytes);
    else
      out += kReplacement;
    at += unit.bytes;
  }
  pending.erase(0, at);
  return out;
}

} // namespace qzc::tokenizer
