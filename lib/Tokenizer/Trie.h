//===- Trie.h - Keys by their beginnings ------------------------*- C++ -*-===//

#ifndef QZC_LIB_TOKENIZER_TRIE_H
#define QZC_LIB_TOKENIZER_TRIE_H

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace qzc::tokenizer {

class Trie {
public:
  using Entry = std::pair<std::string_view, int32_t>; ///< key, value >= 0

  Trie() = default;
  /// No two keys are equal.
  explicit Trie(std::vector<Entry> entries);

  /// Calls found(length, value) for each key that `text` begins with, short
  /// ones first; returns the bytes that were looked at.
  template <typename Callback>
  size_t forEachPrefix(std::string_view text, Callback &&found) const {
    size_t node = 0;
    for (size_t at = 0; at < text.size(); ++at) {
      node = child(node, static_cast<uint8_t>(text[at]));
      if (node == 0)
        return at + 1;
      if (Nodes[node].value >= 0)
        found(at + 1, Nodes[node].value);
    }
    return text.size();
  }

private:
  struct Node {
    int32_t value = -1;
    uint32_t firstChild = 0;
    uint16_t children = 0; ///< side by side, by label
    uint8_t label = 0;
  };
  /// 0: there is none.
  size_t child(size_t node, uint8_t label) const;

  std::vector<Node> Nodes;
};

} // namespace qzc::tokenizer

#endif // QZC_LIB_TOKENIZER_TRIE_H
