//===- Bpe.h - Byte-pair encoding -------------------------------*- C++ -*-===//

#ifndef QZC_LIB_TOKENIZER_BPE_H
#define QZC_LIB_TOKENIZER_BPE_H

#include "Merger.h"
#include "Model.h"

#include <array>
#include <bitset>

namespace qzc::tokenizer {

/// The "BPE" model: a vocabulary and ranked merges.
class Bpe : public Model {
public:
  explicit Bpe(const Field &field);

  /// Throws qzc::Error on a character that nothing stands for while the
  /// unknown token is none of the vocabulary.
  void encode(std::string_view word, std::vector<int32_t> &out) const override;

  /// Between two characters that stand beside each other in no token that a
  /// merge makes.
  size_t partEnd(std::string_view word, size_t from) const override;

private:
  void readVocabulary(const Field &field);
  void readMerges(const Field &field);
  void addMerge(const Field &merges, size_t rank, const std::string &left,
                const std::string &right);
  void addCharacter(std::string_view token, int32_t id);
  void addNeighbours(std::string_view token);

  /// The id of one character, or -1.
  int32_t idOf(std::string_view character, char32_t codePoint) const;
  /// The characters of a word, those unknown replaced.
  Merger::Symbols symbols(std::string_view word) const;
  /// Appends what stands for the bytes of `text`, if there is one for each.
  bool appendBytes(std::string_view text, Merger::Symbols &out) const;
  void appendUnknown(Merger::Symbols &out) const;

  Merger Merges;
  std::vector<int32_t> Characters; ///< ids by code point, or -1
  std::array<int32_t, 256> Bytes;  ///< ids of byteToken(), or -1
  /// By kindOf() of two neighbours: some token has them.
  std::bitset<size_t(256) * 256> Neighbours;
  bool Divisible = true; ///< partEnd() finds something
  std::string Prefix;    ///< before every character of a word but its first
  std::string Suffix;    ///< after a word's last character
  std::optional<std::string> UnknownName;
  std::optional<int32_t> Unknown;
  bool FuseUnknown = false;
  bool ByteFallback = false;
  bool IgnoreMerges = false;
};

} // namespace qzc::tokenizer

#endif // QZC_LIB_TOKENIZER_BPE_H
