//===- ByteLevel.cpp - Bytes written as printable characters --------------===//

#include "ByteLevel.h"

#include "Utf8.h"

#include <array>

namespace qzc::tokenizer {

namespace {

struct Tables {
  std::array<std::string, 256> text; ///< of each byte
  std::array<int16_t, 0x144> byte;   ///< of each character, or -1

  Tables() {
    byte.fill(-1);
    char32_t next = 0x100;
    for (int value = 0; value < 256; ++value) {
      bool printable =
          (value >= 0x21 && value <= 0x7E) || (value >= 0xA1 && value != 0xAD);
      char32_t codePoint = printable ? static_cast<char32_t>(value) : next++;
      byte[codePoint] = static_cast<int16_t>(value);
      appendUtf8(text[value], codePoint);
    }
  }
};

const Tables &tables() {
  static const Tables made;
  return made;
}

} // namespace

void appendByteLevel(std::string_view bytes, std::string &out) {
  const Tables &table = tables();
  for (char byte : bytes) {
    const std::string &text = table.text[static_cast<uint8_t>(byte)];
    out.push_back(text[0]);
    if (text.size() > 1)
      out.push_back(text[1]);
  }
}

std::optional<std::string> fromByteLevel(std::string_view text) {
  const Tables &table = tables();
  std::string out;
  out.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    Utf8Unit unit = utf8At(text, at);
    if (unit.kind != Utf8Unit::Kind::Valid ||
        unit.codePoint >= table.byte.size() || table.byte[unit.codePoint] < 0)
      return std::nullopt;
    out += static_cast<char>(table.byte[unit.codePoint]);
    at += unit.bytes;
  }
  return out;
}

} // namespace qzc::tokenizer
