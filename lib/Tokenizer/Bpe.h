//===- Bpe.h - Byte-pair encoding -------------------------------*- C++ -*-===//

#ifndef QZC_LIB_TOKENIZER_BPE_H
#define QZC_LIB_TOKENIZER_BPE_H

#include "Field.h"

#include <unordered_map>

namespace qzc::tokenizer {

/// The "BPE" model: a vocabulary and ranked merges.
class Bpe {
public:
  explicit Bpe(const Field &field);

  /// Appends the ids of `word`; n log n in its length.
  void encode(std::string_view word, std::vector<int32_t> &out) const;

  std::optional<int32_t> find(std::string_view token) const;
  const std::unordered_map<std::string, int32_t> &vocabulary() const {
    return Vocabulary;
  }

private:
  struct Merge {
    int32_t rank;
    int32_t result;
  };
  struct Symbol {
    int32_t id; ///< -1: merged into the one before it
    int32_t previous;
    int32_t next;
  };

  void readVocabulary(const Field &field);
  void readMerges(const Field &field);
  void addMerge(const Field &merges, size_t rank, const std::string &left,
                const std::string &right);
  std::vector<Symbol> symbols(std::string_view word) const;
  void mergeAll(std::vector<Symbol> &symbols) const;
  const Merge *findMerge(int32_t left, int32_t right) const;

  std::unordered_map<std::string, int32_t> Vocabulary;
  std::unordered_map<uint64_t, Merge> Merges; ///< by left << 32 | right
  std::string Prefix; ///< before every character of a word but its first
  std::string Suffix; ///< after a word's last character
  std::optional<int32_t> Unknown;
  bool FuseUnknown = false;
  bool ByteFallback = false;
  bool IgnoreMerges = false;
};

} // namespace qzc::tokenizer

#endif // QZC_LIB_TOKENIZER_BPE_H
