//===- OneLine.cpp - Messages for people ----------------------------------===//

#include "qzc/Support/OneLine.h"

#include <array>
#include <cstdio>

namespace qzc {

/// Room for a path or two and a long list of what is known.
static constexpr size_t kLongest = 2000;

/// Moves to the start of the character of UTF-8 that `at` is in.
static size_t startOfCharacter(std::string_view text, size_t at) {
  while (at > 0 && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80)
    --at;
  return at;
}

static void appendReadably(std::string &line, std::string_view text) {
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\n' || c == '\t' || c == '\r') {
      line += ' ';
    } else if (byte < 0x20 || byte == 0x7F) {
      std::array<char, 5> escape;
      std::snprintf(escape.data(), escape.size(), "\\x%02x", byte);
      line += escape.data();
    } else {
      line += c;
    }
  }
}

std::string oneLine(std::string_view text) {
  text = text.substr(0, text.find_last_not_of(" \n") + 1);
  std::string line;
  if (text.size() <= kLongest) {
    appendReadably(line, text);
    return line;
  }
  const size_t half = kLongest / 2;
  appendReadably(line, text.substr(0, startOfCharacter(text, half)));
  line += " ... ";
  appendReadably(line, text.substr(startOfCharacter(text, text.size() - half)));
  return line;
}

} // namespace qzc
