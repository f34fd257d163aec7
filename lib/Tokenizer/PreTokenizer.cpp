//===- PreTokenizer.cpp - Splitting text into words -----------------------===//

#include "PreTokenizer.h"

#include "ByteLevel.h"
#include "Regex.h"

#include <algorithm>

namespace qzc::tokenizer {

namespace {

/// GPT-2's words: contractions, letters, numbers, the rest, spaces.
constexpr std::string_view kByteLevelPattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

/// What becomes of the matches of a pattern.
enum class Behavior {
  Removed,
  Isolated,
  MergedWithPrevious,
  MergedWithNext,
  Contiguous
};

struct Piece {
  size_t begin;
  size_t end;
  bool match;
};

/// Matches and what lies between them, in order.
std::vector<Piece> cut(const Regex &pattern, std::string_view text,
                       bool invert) {
  std::vector<Piece> pieces;
  size_t done = 0;
  pattern.forEach(text, [&](size_t begin, size_t end) {
    if (begin > done)
      pieces.push_back({done, begin, invert});
    pieces.push_back({begin, end, !invert});
    done = end;
  });
  if (done < text.size())
    pieces.push_back({done, text.size(), invert});
  return pieces;
}

/// A match joins the piece before it unless that ended in a match too; run
/// over reversed pieces, the piece after it.
std::vector<Piece> join(const std::vector<Piece> &pieces, bool reversed) {
  std::vector<Piece> out;
  bool afterMatch = false;
  for (const Piece &piece : pieces) {
    if (piece.match && !afterMatch && !out.empty())
      (reversed ? out.back().begin : out.back().end) =
          reversed ? piece.begin : piece.end;
    else
      out.push_back(piece);
    afterMatch = piece.match;
  }
  return out;
}

std::vector<Piece> apply(Behavior behavior, std::vector<Piece> pieces) {
  switch (behavior) {
  case Behavior::Isolated:
    break;
  case Behavior::Removed:
    pieces.erase(std::remove_if(pieces.begin(), pieces.end(),
                                [](const Piece &piece) { return piece.match; }),
                 pieces.end());
    break;
  case Behavior::MergedWithPrevious:
    return join(pieces, /*reversed=*/false);
  case Behavior::MergedWithNext:
    std::reverse(pieces.begin(), pieces.end());
    pieces = join(pieces, /*reversed=*/true);
    std::reverse(pieces.begin(), pieces.end());
    break;
  case Behavior::Contiguous: {
    std::vector<Piece> out;
    for (const Piece &piece : pieces)
      if (!out.empty() && out.back().match == piece.match)
        out.back().end = piece.end;
      else
        out.push_back(piece);
    return out;
  }
  }
  return pieces;
}

class Split : public PreTokenizer {
public:
  Split(Regex pattern, Behavior behavior, bool invert)
      : Pattern(std::move(pattern)), How(behavior), Invert(invert) {}

  std::vector<std::string> run(std::vector<std::string> words) const override {
    std::vector<std::string> out;
    for (const std::string &word : words)
      for (const Piece &piece : apply(How, cut(Pattern, word, Invert)))
        if (piece.begin < piece.end)
          out.push_back(word.substr(piece.begin, piece.end - piece.begin));
    return out;
  }

private:
  Regex Pattern;
  Behavior How;
  bool Invert;
};

class ByteLevel : public PreTokenizer {
public:
  /// `words`: splits first, or null.
  ByteLevel(bool addPrefixSpace, std::unique_ptr<Split> words)
      : AddPrefixSpace(addPrefixSpace), Words(std::move(words)) {}

  std::vector<std::string> run(std::vector<std::string> words) const override {
    if (AddPrefixSpace)
      for (std::string &word : words)
        if (word[0] != ' ')
          word.insert(word.begin(), ' ');
    if (Words)
      words = Words->run(std::move(words));
    for (std::string &word : words)
      word = toByteLevel(word);
    return words;
  }

private:
  bool AddPrefixSpace;
  std::unique_ptr<Split> Words;
};

class Sequence : public PreTokenizer {
public:
  std::vector<std::unique_ptr<PreTokenizer>> Steps;
  std::vector<std::string> run(std::vector<std::string> words) const override {
    for (const auto &step : Steps)
      words = step->run(std::move(words));
    return words;
  }
};

Behavior readBehavior(const Field &field) {
  struct Named {
    std::string_view name;
    Behavior behavior;
  };
  constexpr Named kBehaviors[] = {
      {"Removed", Behavior::Removed},
      {"Isolated", Behavior::Isolated},
      {"MergedWithPrevious", Behavior::MergedWithPrevious},
      {"MergedWithNext", Behavior::MergedWithNext},
      {"Contiguous", Behavior::Contiguous},
  };
  const std::string &text = field.string();
  for (const Named &named : kBehaviors)
    if (text == named.name)
      return named.behavior;
  field.unsupported(
      "Removed, Isolated, MergedWithPrevious, MergedWithNext, Contiguous");
}

} // namespace

std::unique_ptr<PreTokenizer> PreTokenizer::read(const Field &field,
                                                 int depth) {
  const std::string &type = field.at("type").string();
  if (type == "Sequence") {
    field.allowOnly({"pretokenizers"});
    if (depth == kMaxNesting)
      field.fail("is nested too deeply");
    auto sequence = std::make_unique<Sequence>();
    for (const Field &item : field.at("pretokenizers").items())
      sequence->Steps.push_back(read(item, depth + 1));
    return sequence;
  }
  if (type == "ByteLevel") {
    // trim_offsets only moves offsets, which nobody asks for here.
    field.allowOnly({"add_prefix_space", "trim_offsets", "use_regex"});
    std::unique_ptr<Split> words;
    if (field.booleanOr("use_regex", true))
      words = std::make_unique<Split>(
          Regex(translatePattern(kByteLevelPattern, field)), Behavior::Isolated,
          false);
    return std::make_unique<ByteLevel>(
        field.booleanOr("add_prefix_space", true), std::move(words));
  }
  if (type == "Digits") {
    field.allowOnly({"individual_digits"});
    return std::make_unique<Split>(Regex("\\p{N}"),
                                   field.booleanOr("individual_digits", false)
                                       ? Behavior::Isolated
                                       : Behavior::Contiguous,
                                   false);
  }
  if (type == "Split") {
    field.allowOnly({"pattern", "behavior", "invert"});
    return std::make_unique<Split>(readPattern(field.at("pattern")),
                                   readBehavior(field.at("behavior")),
                                   field.booleanOr("invert", false));
  }
  field.at("type").unsupported("ByteLevel, Digits, Split, Sequence");
}

} // namespace qzc::tokenizer
