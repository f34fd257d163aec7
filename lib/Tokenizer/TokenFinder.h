//===- TokenFinder.h - Where given texts begin ------------------*- C++ -*-===//

#ifndef QZC_LIB_TOKENIZER_TOKENFINDER_H
#define QZC_LIB_TOKENIZER_TOKENFINDER_H

#include "Tables.h"

#include <array>
#include <string_view>
#include <vector>

namespace qzc::tokenizer {

/// Finds the longest of given tokens at every place of a text, in time linear
/// in the text, however long the tokens are: Aho and Corasick's automaton over
/// the reversed tokens reads the text from its end, so that its deepest match
/// is the longest token that begins where it stands.
class TokenFinder {
public:
  TokenFinder() : Nodes(1) { Root.fill(0); }

  /// The first of equal texts counts. `token` >= 0; `text` is not empty.
  void add(std::string_view text, int32_t token);
  /// After the last add().
  void finish();

  struct Hit {
    size_t begin;
    int32_t token;
  };
  /// Every place where tokens begin, from the text's end to its start.
  std::vector<Hit> find(std::string_view text) const;

private:
  struct Node {
    int32_t fail = 0;   ///< the longest other node that ends this one
    int32_t token = -1; ///< the longest token that ends this node
  };
  static uint64_t edge(int32_t node, uint8_t byte) {
    return static_cast<uint64_t>(node) << 8 | byte;
  }
  /// The node after `byte`, for a text that is at `node`.
  int32_t step(int32_t node, uint8_t byte) const;

  std::vector<Node> Nodes;
  std::array<int32_t, 256> Root; ///< its edges; 0: none
  NumberTable<int32_t> Edges;    ///< of all other nodes
};

} // namespace qzc::tokenizer

#endif // QZC_LIB_TOKENIZER_TOKENFINDER_H
