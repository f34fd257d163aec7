//===- Bpe.cpp - Byte-pair encoding ---------------------------------------===//

#include "Bpe.h"

#include "Steps.h"
#include "Utf8.h"
#include "qzc/Support/Error.h"

namespace qzc::tokenizer {

namespace {

/// Words of more symbols are merged in windows of so many.
constexpr size_t kWindow = 1024;
/// Code points from here on are looked up in the vocabulary.
constexpr char32_t kCharacters = 0x20000;

/// ASCII by itself, and SentencePiece's space, which begins a token or stands
/// among its own; all others share what is left of a byte.
uint8_t kindOf(char32_t c) {
  constexpr char32_t kMetaspace = 0x2581;
  if (c < 0x80)
    return static_cast<uint8_t>(c);
  return c == kMetaspace ? 0x80 : static_cast<uint8_t>(0x81 + c % 0x7F);
}

size_t pairOf(char32_t left, char32_t right) {
  return size_t(kindOf(left)) << 8 | kindOf(right);
}

} // namespace

Bpe::Bpe(const Field &field) {
  field.allowOnly({"dropout", "unk_token", "continuing_subword_prefix",
                   "end_of_word_suffix", "fuse_unk", "byte_fallback",
                   "ignore_merges", "vocab", "merges"});
  if (auto dropout = field.find("dropout"))
    if (!dropout->json().is_number() || dropout->json().get<double>() != 0)
      dropout->unsupported("null");
  Prefix = field.stringOr("continuing_subword_prefix", "");
  Suffix = field.stringOr("end_of_word_suffix", "");
  FuseUnknown = field.booleanOr("fuse_unk", false);
  ByteFallback = field.booleanOr("byte_fallback", false);
  IgnoreMerges = field.booleanOr("ignore_merges", false);
  readVocabulary(field.at("vocab"));
  if (auto unknown = field.find("unk_token")) {
    UnknownName = unknown->string();
    Unknown = find(*UnknownName);
  }
  for (int byte = 0; byte < 256; ++byte)
    Bytes[byte] = find(byteToken(static_cast<char>(byte))).value_or(-1);
  Divisible = !IgnoreMerges && Prefix.empty() && Suffix.empty();
  readMerges(field.at("merges"));
}

void Bpe::readVocabulary(const Field &field) {
  const nlohmann::json &vocabulary = field.json();
  if (!vocabulary.is_object() || vocabulary.empty())
    field.fail("must be an object with at least one token");
  size_t bytes = 0;
  for (auto it = vocabulary.begin(); it != vocabulary.end(); ++it)
    bytes += it.key().size();
  reserve(vocabulary.size(), bytes);
  for (auto it = vocabulary.begin(); it != vocabulary.end(); ++it) {
    if (!it->is_number_unsigned() ||
        it->get<uint64_t>() > static_cast<uint64_t>(kMaxTokenId))
      field.fail("the id of token '" + it.key() +
                 "' must be an integer from 0 to " +
                 std::to_string(kMaxTokenId));
    add(it.key(), it->get<int32_t>());
    addCharacter(it.key(), it->get<int32_t>());
  }
}

void Bpe::addCharacter(std::string_view token, int32_t id) {
  if (token.empty() || utf8Length(token[0]) != token.size())
    return;
  char32_t codePoint = utf8At(token, 0).codePoint;
  if (codePoint >= kCharacters)
    return;
  if (codePoint >= Characters.size())
    Characters.resize(codePoint + 1, -1);
  Characters[codePoint] = id;
}

void Bpe::readMerges(const Field &field) {
  const nlohmann::json &merges = field.json();
  if (!merges.is_array())
    field.fail("must be a list");
  Merges.reserve(merges.size());
  for (size_t rank = 0; rank < merges.size(); ++rank) {
    const nlohmann::json &merge = merges[rank];
    if (merge.is_string()) {
      const auto &text = merge.get_ref<const std::string &>();
      size_t space = text.find(' ');
      if (space != text.npos && text.find(' ', space + 1) == text.npos) {
        addMerge(field, rank, text.substr(0, space), text.substr(space + 1));
        continue;
      }
    } else if (merge.is_array() && merge.size() == 2 && merge[0].is_string() &&
               merge[1].is_string()) {
      addMerge(field, rank, merge[0].get_ref<const std::string &>(),
               merge[1].get_ref<const std::string &>());
      continue;
    }
    field.fail("entry " + std::to_string(rank) + " must be a pair of tokens");
  }
}

void Bpe::addMerge(const Field &merges, size_t rank, const std::string &left,
                   const std::string &right) {
  auto need = [&](const std::string &token) {
    auto id = find(token);
    if (!id)
      merges.fail("entry " + std::to_string(rank) + ": token '" + token +
                  "' is not in the vocabulary");
    return *id;
  };
  if (right.size() < Prefix.size())
    merges.fail("entry " + std::to_string(rank) +
                " is shorter than continuing_subword_prefix");
  std::string result = left + right.substr(Prefix.size());
  int32_t leftId = need(left);
  int32_t rightId = need(right);
  Merges.add(leftId, rightId, {static_cast<int32_t>(rank), need(result)});
  addNeighbours(result);
  // Tokens that stand for other characters than theirs may be merged over any
  // border.
  auto standsIn = [&](const std::string &token, int32_t id) {
    return id == Unknown || (ByteFallback && byteOf(token));
  };
  if (standsIn(left, leftId) || standsIn(right, rightId))
    Divisible = false;
}

void Bpe::addNeighbours(std::string_view token) {
  if (token.empty())
    return;
  Utf8Unit left = utf8At(token, 0);
  for (size_t at = left.bytes; at < token.size();) {
    Utf8Unit right = utf8At(token, at);
    Neighbours.set(pairOf(left.codePoint, right.codePoint));
    left = right;
    at += right.bytes;
  }
}

int32_t Bpe::idOf(std::string_view character, char32_t codePoint) const {
  if (codePoint < kCharacters)
    return codePoint < Characters.size() ? Characters[codePoint] : -1;
  return find(character).value_or(-1);
}

size_t Bpe::partEnd(std::string_view word, size_t from) const {
  if (!Divisible)
    return word.size();
  Utf8Unit left = utf8At(word, from);
  size_t at = from + left.bytes;
  while (at < word.size()) {
    Utf8Unit right = utf8At(word, at);
    // Unknown characters may become one.
    if (!Neighbours.test(pairOf(left.codePoint, right.codePoint)) &&
        (idOf(word.substr(at, right.bytes), right.codePoint) >= 0))
      break;
    left = right;
    at += right.bytes;
  }
  StepCounter::add(at - from);
  return at;
}

bool Bpe::appendBytes(std::string_view text, Merger::Symbols &out) const {
  for (char byte : text)
    if (Bytes[static_cast<uint8_t>(byte)] < 0)
      return false;
  for (char byte : text)
    out.push_back(Bytes[static_cast<uint8_t>(byte)]);
  return true;
}

void Bpe::appendUnknown(Merger::Symbols &out) const {
  if (!Unknown)
    throw Error("the text has a character that the tokenizer has no token "
                "for, and its unk_token '" +
                *UnknownName + "' is none either");
  out.push_back(*Unknown);
}

Merger::Symbols Bpe::symbols(std::string_view word) const {
  Merger::Symbols out;
  out.reserve(word.size());
  // An unknown token waits for the next known one: what falls back to bytes in
  // between goes before it, as the package has it.
  bool waiting = false;
  bool plain = Prefix.empty() && Suffix.empty();
  for (size_t at = 0; at < word.size();) {
    Utf8Unit unit = utf8At(word, at);
    std::string_view text = word.substr(at, unit.bytes);
    std::string dressed;
    if (!plain) {
      dressed = (at > 0 ? Prefix : "") + std::string(text) +
                (at + unit.bytes == word.size() ? Suffix : "");
      text = dressed;
    }
    int32_t id = plain ? idOf(text, unit.codePoint) : find(text).value_or(-1);
    at += unit.bytes;
    if (id >= 0) {
      if (waiting)
        appendUnknown(out);
      waiting = false;
      out.push_back(id);
    } else if (!(ByteFallback && appendBytes(text, out)) && UnknownName) {
      if (waiting && !FuseUnknown)
        appendUnknown(out);
      waiting = true;
    } // without an unknown token, what the vocabulary lacks disappears
  }
  if (waiting)
    appendUnknown(out);
  return out;
}

void Bpe::encode(std::string_view word, std::vector<int32_t> &out) const {
  StepCounter::add(word.size());
  if (IgnoreMerges)
    if (auto id = find(word)) {
      out.push_back(*id);
      return;
    }
  Merger::Symbols parts = symbols(word);
  for (const Merger::Piece &piece : parts.size() > kWindow
                                        ? Merges.mergeWindows(parts, kWindow)
                                        : Merges.merge(parts, 0, parts.size()))
    out.push_back(piece.id);
}

} // namespace qzc::tokenizer
