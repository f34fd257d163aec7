//===- CharsMap.cpp - SentencePiece's compiled normalization --------------===//

#include "CharsMap.h"

#include "Steps.h"
#include "Utf8.h"
#include "qzc/Support/Base64.h"
#include "qzc/Tokenizer/Tokenizer.h"

#include <utf8proc.h>

namespace qzc::tokenizer {

namespace {

uint32_t littleEndian(std::string_view bytes, size_t at) {
  uint32_t value = 0;
  for (size_t i = 4; i-- > 0;)
    value = value << 8 | static_cast<uint8_t>(bytes[at + i]);
  return value;
}

// Of a unit of the trie:
uint32_t offsetOf(uint32_t unit) {
  return (unit >> 10) << ((unit & (1u << 9)) >> 6);
}
uint32_t labelOf(uint32_t unit) { return unit & (1u << 31 | 0xFF); }
bool hasLeaf(uint32_t unit) { return unit >> 8 & 1; }
uint32_t valueOf(uint32_t unit) { return unit & ~(1u << 31); }

} // namespace

CharsMap::CharsMap(const Field &field) {
  const std::optional<std::string> decoded = fromBase64(field.string());
  if (!decoded)
    field.fail("is not base 64");
  const std::string &bytes = *decoded;
  constexpr size_t kHeader = 4;
  if (bytes.size() < kHeader)
    field.fail("is too short");
  size_t trie = littleEndian(bytes, 0);
  if (trie == 0 || trie % 4 != 0 || trie > bytes.size() - kHeader)
    field.fail("has a trie of impossible size");
  for (size_t at = 0; at < trie; at += 4)
    Units.push_back(littleEndian(bytes, kHeader + at));
  Texts = bytes.substr(kHeader + trie);
  if (firstInvalidUtf8(Texts))
    field.fail("has texts that are not UTF-8");
}

std::optional<std::string_view> CharsMap::find(std::string_view text) const {
  size_t node = offsetOf(Units[0]);
  for (char byte : text) {
    StepCounter::add(1);
    node ^= static_cast<uint8_t>(byte);
    if (byte == '\0' || node >= Units.size() ||
        labelOf(Units[node]) != static_cast<uint8_t>(byte))
      return std::nullopt;
    const uint32_t unit = Units[node];
    node ^= offsetOf(unit);
    if (!hasLeaf(unit))
      continue;
    size_t at = node < Units.size() ? valueOf(Units[node]) : Texts.size();
    if (at >= Texts.size() || isContinuation(Texts[at]))
      return std::nullopt;
    return std::string_view(Texts).substr(at, Texts.find('\0', at) - at);
  }
  return std::nullopt;
}

void CharsMap::append(std::string_view cluster, std::string &out) const {
  // Only short clusters are looked for as wholes.
  constexpr size_t kShort = 6;
  if (cluster.size() < kShort)
    if (auto text = find(cluster)) {
      out += *text;
      return;
    }
  for (size_t at = 0; at < cluster.size();) {
    std::string_view one = cluster.substr(at, utf8Length(cluster[at]));
    out += find(one).value_or(one);
    at += one.size();
  }
}

std::string CharsMap::of(std::string_view text) const {
  std::string out;
  out.reserve(text.size());
  utf8proc_int32_t state = 0;
  size_t begin = 0;
  char32_t before = 0;
  for (size_t at = 0; at < text.size();) {
    Utf8Unit unit = utf8At(text, at);
    if (at > begin &&
        utf8proc_grapheme_break_stateful(
            static_cast<utf8proc_int32_t>(before),
            static_cast<utf8proc_int32_t>(unit.codePoint), &state)) {
      append(text.substr(begin, at - begin), out);
      begin = at;
    }
    before = unit.codePoint;
    at += unit.bytes;
  }
  if (begin < text.size())
    append(text.substr(begin), out);
  return out;
}

} // namespace qzc::tokenizer
