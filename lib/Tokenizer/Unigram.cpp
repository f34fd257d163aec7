//===- Unigram.cpp - The likeliest pieces ---------------------------------===//

#include "Unigram.h"

#include "Steps.h"
#include "Utf8.h"
#include "qzc/Support/Error.h"

#include <algorithm>
#include <limits>

namespace qzc::tokenizer {

Unigram::Unigram(const Field &field) {
  field.allowOnly({"unk_id", "vocab", "byte_fallback"});
  std::vector<Field> pieces = field.at("vocab").items();
  if (pieces.empty() || pieces.size() > static_cast<size_t>(kMaxTokenId))
    field.at("vocab").fail("must have from 1 to " +
                           std::to_string(kMaxTokenId) + " pieces");
  size_t bytes = 0;
  std::vector<std::pair<std::string_view, double>> read;
  for (const Field &piece : pieces) {
    std::vector<Field> pair = piece.items();
    if (pair.size() != 2)
      piece.fail("must be a piece and its score");
    read.emplace_back(pair[0].string(), pair[1].number());
    bytes += read.back().first.size();
  }
  reserve(read.size(), bytes);
  double lowest = std::numeric_limits<double>::infinity();
  for (const auto &[piece, score] : read) {
    add(piece, static_cast<int32_t>(Scores.size()));
    Scores.push_back(score);
    lowest = std::min(lowest, score);
  }
  constexpr double kPenalty = 10; // SentencePiece's
  UnknownScore = lowest - kPenalty;
  std::vector<Trie::Entry> entries;
  for (const auto &[piece, id] : vocabulary())
    if (!piece.empty())
      entries.emplace_back(piece, id);
  Pieces = Trie(std::move(entries));
  if (auto id = field.find("unk_id"))
    Unknown = static_cast<int32_t>(
        id->integer(0, static_cast<int64_t>(read.size()) - 1));
  ByteFallback = field.booleanOr("byte_fallback", false);
}

int32_t Unigram::unknown() const {
  if (!Unknown)
    throw Error("the text has a character that the tokenizer has no piece "
                "for, and there is no unk_id");
  return *Unknown;
}

std::vector<Unigram::Best> Unigram::bestCuts(std::string_view word) const {
  std::vector<Best> ends(word.size() + 1);
  uint64_t steps = 0;
  for (size_t at = 0; at < word.size();) {
    double before = ends[at].score;
    size_t character = utf8Length(word[at]);
    bool known = false;
    auto better = [&](size_t bytes, double score) {
      const Best &end = ends[at + bytes];
      return end.id < 0 || before + score > end.score;
    };
    steps +=
        Pieces.forEachPrefix(word.substr(at), [&](size_t bytes, int32_t id) {
          double score = Scores[static_cast<size_t>(id)];
          if (better(bytes, score))
            ends[at + bytes] = {before + score, id, at};
          known |= bytes == character;
        });
    if (!known && better(character, UnknownScore))
      ends[at + character] = {before + UnknownScore, unknown(), at};
    at += character;
  }
  StepCounter::add(steps);
  return ends;
}

void Unigram::appendPiece(std::string_view piece,
                          std::vector<int32_t> &out) const {
  if (auto id = find(piece)) {
    out.push_back(*id);
    return;
  }
  size_t before = out.size();
  if (ByteFallback)
    for (char byte : piece)
      if (auto id = find(byteToken(byte)))
        out.push_back(*id);
  if (out.size() - before == piece.size())
    return;
  out.resize(before);
  out.push_back(unknown());
}

void Unigram::encode(std::string_view word, std::vector<int32_t> &out) const {
  std::vector<Best> ends = bestCuts(word);
  std::vector<std::string_view> pieces; // the last one first
  for (size_t end = word.size(); end > 0;) {
    size_t begin = ends[end].begin;
    bool unknown = ends[end].id == Unknown;
    // Unknown neighbours are one piece.
    while (unknown && begin > 0 && ends[begin].id == Unknown)
      begin = ends[begin].begin;
    pieces.push_back(word.substr(begin, end - begin));
    end = begin;
  }
  for (auto piece = pieces.rbegin(); piece != pieces.rend(); ++piece)
    appendPiece(*piece, out);
}

} // namespace qzc::tokenizer
