//===- Model.cpp - From a word to ids -------------------------------------===//

#include "Model.h"

#include "Bpe.h"
#include "Unigram.h"

#include <cstring>

namespace qzc::tokenizer {

std::unique_ptr<Model> Model::read(const Field &field) {
  // Old files do not name it.
  std::string type = field.stringOr("type", "BPE");
  if (type == "BPE")
    return std::make_unique<Bpe>(field);
  if (type == "Unigram")
    return std::make_unique<Unigram>(field);
  field.at("type").unsupported("BPE, Unigram");
}

void Model::reserve(size_t tokens, size_t bytes) {
  Texts.reset(new char[bytes]);
  Vocabulary.reserve(tokens);
}

void Model::add(std::string_view token, int32_t id) {
  char *text = Texts.get() + Used;
  std::memcpy(text, token.data(), token.size());
  Used += token.size();
  Vocabulary.insert_or_assign(std::string_view(text, token.size()), id);
}

std::string byteToken(char byte) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  auto value = static_cast<uint8_t>(byte);
  return {'<', '0', 'x', kDigits[value >> 4], kDigits[value & 15], '>'};
}

std::optional<char> byteOf(std::string_view token) {
  if (token.size() != 6 || token.substr(0, 3) != "<0x" || token[5] != '>')
    return std::nullopt;
  int value = 0;
  for (char digit : token.substr(3, 2)) {
    int part = digit >= '0' && digit <= '9'   ? digit - '0'
               : digit >= 'A' && digit <= 'F' ? digit - 'A' + 10
               : digit >= 'a' && digit <= 'f' ? digit - 'a' + 10
                                              : -1;
    if (part < 0)
      return std::nullopt;
    value = value * 16 + part;
  }
  return static_cast<char>(value);
}

} // namespace qzc::tokenizer
