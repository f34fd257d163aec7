//===- PreTokenizer.cpp - Splitting text into words -----------------------===//

#include "PreTokenizer.h"

#include "ByteLevel.h"
#include "MetaspaceFields.h"
#include "Regex.h"
#include "Steps.h"
#include "Unicode.h"

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

/// Matches and what lies between them, in order, in place of what `pieces` has.
void cut(const Regex &pattern, std::string_view text, bool invert,
         std::vector<Piece> &pieces) {
  pieces.clear();
  size_t done = 0;
  pattern.forEach(text, [&](size_t begin, size_t end) {
    if (begin > done)
      pieces.push_back({done, begin, invert});
    pieces.push_back({begin, end, !invert});
    done = end;
  });
  if (done < text.size())
    pieces.push_back({done, text.size(), invert});
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

void apply(Behavior behavior, std::vector<Piece> &pieces) {
  // Nothing matched, in most words.
  if (pieces.size() == 1 && !pieces[0].match)
    return;
  switch (behavior) {
  case Behavior::Isolated:
    break;
  case Behavior::Removed:
    pieces.erase(std::remove_if(pieces.begin(), pieces.end(),
                                [](const Piece &piece) { return piece.match; }),
                 pieces.end());
    break;
  case Behavior::MergedWithPrevious:
    pieces = join(pieces, /*reversed=*/false);
    break;
  case Behavior::MergedWithNext:
    std::reverse(pieces.begin(), pieces.end());
    pieces = join(pieces, /*reversed=*/true);
    std::reverse(pieces.begin(), pieces.end());
    break;
  case Behavior::Contiguous: {
    size_t kept = 0; // pieces that are done
    for (const Piece &piece : pieces)
      if (kept > 0 && pieces[kept - 1].match == piece.match)
        pieces[kept - 1].end = piece.end;
      else
        pieces[kept++] = piece;
    pieces.resize(kept);
    break;
  }
  }
}

/// Puts the parts of words in place of them.
void replaceSpans(Words &words, std::vector<Span> parts) {
  words.atStart = words.atStart && !parts.empty() &&
                  parts.front().begin == words.spans.front().begin;
  words.spans = std::move(parts);
}

/// Replaces the text of each word by what append(word, text) appends.
template <typename Append> void rewrite(Words &words, Append &&append) {
  std::string text;
  text.reserve(words.text.size() + words.text.size() / 4);
  for (Span &span : words.spans) {
    size_t begin = text.size();
    append(words[span], text);
    span = {begin, text.size()};
  }
  words.text = std::move(text);
  StepCounter::add(words.text.size());
}

class Split : public PreTokenizer {
public:
  Split(Regex pattern, Behavior behavior, bool invert)
      : Pattern(std::move(pattern)), How(behavior), Invert(invert) {}

  void run(Words &words) const override {
    std::vector<Span> parts;
    parts.reserve(words.spans.size());
    std::vector<Piece> pieces;
    for (const Span &word : words.spans)
      if (How == Behavior::Isolated)
        isolate(words, word, parts);
      else
        arrange(words, word, pieces, parts);
    StepCounter::add(parts.size());
    replaceSpans(words, std::move(parts));
  }

private:
  /// By any behaviour; `pieces` is for use.
  void arrange(const Words &words, const Span &word, std::vector<Piece> &pieces,
               std::vector<Span> &parts) const {
    cut(Pattern, words[word], Invert, pieces);
    apply(How, pieces);
    for (const Piece &piece : pieces)
      if (piece.begin < piece.end)
        parts.push_back({word.begin + piece.begin, word.begin + piece.end});
  }

  /// The most frequent behaviour, in one go.
  void isolate(const Words &words, const Span &word,
               std::vector<Span> &parts) const {
    size_t done = word.begin;
    Pattern.forEach(words[word], [&](size_t begin, size_t end) {
      if (word.begin + begin > done)
        parts.push_back({done, word.begin + begin});
      if (begin < end)
        parts.push_back({word.begin + begin, word.begin + end});
      done = word.begin + end;
    });
    if (done < word.end)
      parts.push_back({done, word.end});
  }

  Regex Pattern;
  Behavior How;
  bool Invert;
};

class ByteLevel : public PreTokenizer {
public:
  /// `splitter`: splits first, or null.
  ByteLevel(bool addPrefixSpace, std::unique_ptr<Split> splitter)
      : AddPrefixSpace(addPrefixSpace), Splitter(std::move(splitter)) {}

  void run(Words &words) const override {
    if (AddPrefixSpace)
      rewrite(words, [](std::string_view word, std::string &out) {
        if (word.front() != ' ')
          out += ' ';
        out += word;
      });
    if (Splitter)
      Splitter->run(words);
    rewrite(words, appendByteLevel);
  }

private:
  bool AddPrefixSpace;
  std::unique_ptr<Split> Splitter;
};

/// SentencePiece's way: a visible character for spaces, and one in front.
class Metaspace : public PreTokenizer {
public:
  /// `splitter`: splits before each `replacement`, or null.
  Metaspace(std::string replacement, PrependScheme prepend,
            std::unique_ptr<Split> splitter)
      : Replacement(std::move(replacement)), Prepending(prepend),
        Splitter(std::move(splitter)) {}

  void run(Words &words) const override {
    bool first = words.atStart;
    rewrite(words, [&](std::string_view word, std::string &out) {
      bool marked = word.front() == ' ' ||
                    word.substr(0, Replacement.size()) == Replacement;
      if (!marked && (Prepending == PrependScheme::Always ||
                      (Prepending == PrependScheme::First && first)))
        out += Replacement;
      first = false;
      for (char byte : word)
        if (byte == ' ')
          out += Replacement;
        else
          out += byte;
    });
    if (Splitter)
      Splitter->run(words);
  }

private:
  std::string Replacement;
  PrependScheme Prepending;
  std::unique_ptr<Split> Splitter;
};

class Sequence : public PreTokenizer {
public:
  std::vector<std::unique_ptr<PreTokenizer>> Steps;
  void run(Words &words) const override {
    for (const auto &step : Steps)
      step->run(words);
  }
};

Behavior readBehavior(const Field &field) {
  struct BehaviorName {
    std::string_view name;
    Behavior behavior;
  };
  constexpr BehaviorName kBehaviors[] = {
      {"Removed", Behavior::Removed},
      {"Isolated", Behavior::Isolated},
      {"MergedWithPrevious", Behavior::MergedWithPrevious},
      {"MergedWithNext", Behavior::MergedWithNext},
      {"Contiguous", Behavior::Contiguous},
  };
  const std::string &text = field.string();
  for (const BehaviorName &named : kBehaviors)
    if (text == named.name)
      return named.behavior;
  field.unsupported(
      "Removed, Isolated, MergedWithPrevious, MergedWithNext, Contiguous");
}

std::unique_ptr<PreTokenizer> readSequence(const Field &field, int depth) {
  field.allowOnly({"pretokenizers"});
  if (depth == kMaxNesting)
    field.fail("is nested too deeply");
  auto sequence = std::make_unique<Sequence>();
  for (const Field &item : field.at("pretokenizers").items())
    sequence->Steps.push_back(PreTokenizer::read(item, depth + 1));
  return sequence;
}

std::unique_ptr<PreTokenizer> readByteLevel(const Field &field) {
  // trim_offsets only moves offsets, which nobody asks for here.
  field.allowOnly({"add_prefix_space", "trim_offsets", "use_regex"});
  std::unique_ptr<Split> splitter;
  if (field.booleanOr("use_regex", true))
    splitter = std::make_unique<Split>(
        Regex(translatePattern(kByteLevelPattern, field)), Behavior::Isolated,
        false);
  return std::make_unique<ByteLevel>(field.booleanOr("add_prefix_space", true),
                                     std::move(splitter));
}

std::unique_ptr<PreTokenizer> readMetaspace(const Field &field) {
  MetaspaceFields fields = readMetaspaceFields(field);
  std::unique_ptr<Split> splitter;
  if (field.booleanOr("split", true))
    splitter = std::make_unique<Split>(Regex(escapePattern(fields.replacement)),
                                       Behavior::MergedWithNext, false);
  return std::make_unique<Metaspace>(fields.replacement, fields.prepend,
                                     std::move(splitter));
}

} // namespace

std::unique_ptr<PreTokenizer> PreTokenizer::read(const Field &field,
                                                 int depth) {
  const std::string &type = field.at("type").string();
  if (type == "Sequence")
    return readSequence(field, depth);
  if (type == "ByteLevel")
    return readByteLevel(field);
  if (type == "Metaspace")
    return readMetaspace(field);
  if (type == "Digits") {
    field.allowOnly({"individual_digits"});
    return std::make_unique<Split>(Regex::ofCharacter(numericPattern()),
                                   field.booleanOr("individual_digits", false)
                                       ? Behavior::Isolated
                                       : Behavior::Contiguous,
                                   false);
  }
  if (type == "Punctuation") {
    field.allowOnly({"behavior"});
    auto behavior = field.find("behavior");
    return std::make_unique<Split>(
        Regex::ofCharacter(punctuationPattern()),
        behavior ? readBehavior(*behavior) : Behavior::Isolated, false);
  }
  if (type == "Split") {
    field.allowOnly({"pattern", "behavior", "invert"});
    return std::make_unique<Split>(readPattern(field.at("pattern")),
                                   readBehavior(field.at("behavior")),
                                   field.booleanOr("invert", false));
  }
  field.at("type").unsupported(
      "ByteLevel, Digits, Metaspace, Punctuation, Split, Sequence");
}

} // namespace qzc::tokenizer
