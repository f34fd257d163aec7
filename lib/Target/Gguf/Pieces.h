//===- Pieces.h - Scores of SentencePiece's tokens --------------*- C++ -*-===//

#ifndef QZC_LIB_TARGET_GGUF_PIECES_H
#define QZC_LIB_TARGET_GGUF_PIECES_H

#include <cstdint>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace qzc::gguf {

/// A pair of tokens that are joined, by their ids.
using Merge = std::pair<int32_t, int32_t>;

/// Texts of tokens by id, and which of them text can be put together of.
struct Pieces {
  std::vector<std::string> texts;
  std::vector<bool> isText;
  std::unordered_map<std::string, int32_t> ids;
};

/// What is left of a list of merges where tokens have scores instead: any two
/// neighbours that make a token are joined, those of the best score first.
struct Scored {
  std::vector<float> scores; ///< by id
  /// Whether the scores alone tell the merges, in their order.
  bool isAll = true;
  /// Whether other tokens can come of a text: pairs are joined that no merge
  /// has, or merges of one token do not stand together.
  bool differs = false;
};

Scored scoresOf(const Pieces &pieces, const std::vector<Merge> &merges);

} // namespace qzc::gguf

#endif // QZC_LIB_TARGET_GGUF_PIECES_H
