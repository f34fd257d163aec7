//===- Unigram.h - The likeliest pieces -------------------------*- C++ -*-===//

#ifndef QZC_LIB_TOKENIZER_UNIGRAM_H
#define QZC_LIB_TOKENIZER_UNIGRAM_H

#include "Model.h"
#include "Trie.h"

namespace qzc::tokenizer {

/// The "Unigram" model of SentencePiece: pieces with a score each; a word is
/// cut so that its pieces have the highest sum.
class Unigram : public Model {
public:
  explicit Unigram(const Field &field);

  /// Throws qzc::Error on a character without a piece if there is no unknown
  /// one.
  void encode(std::string_view word, std::vector<int32_t> &out) const override;

private:
  /// How the best cut of a word's beginning ends.
  struct Best {
    double score = 0;
    int32_t id = -1; ///< of the last piece; -1: none ends here
    size_t begin = 0;
  };
  std::vector<Best> bestCuts(std::string_view word) const;
  void appendPiece(std::string_view piece, std::vector<int32_t> &out) const;
  int32_t unknown() const;

  Trie Pieces;
  std::vector<double> Scores; ///< by id
  double UnknownScore = 0;
  std::optional<int32_t> Unknown;
  bool ByteFallback = false;
};

} // namespace qzc::tokenizer

#endif // QZC_LIB_TOKENIZER_UNIGRAM_H
