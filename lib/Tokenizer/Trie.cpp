//===- Trie.cpp - Keys by their beginnings --------------------------------===//

#include "Trie.h"

#include <algorithm>

namespace qzc::tokenizer {

Trie::Trie(std::vector<Entry> entries) : Nodes(1) {
  std::sort(entries.begin(), entries.end());
  /// The keys that go through a node.
  struct Range {
    size_t begin;
    size_t end;
    size_t depth;
  };
  std::vector<Range> ranges{{0, entries.size(), 0}}; // by node
  for (size_t node = 0; node < ranges.size(); ++node) {
    auto [begin, end, depth] = ranges[node];
    if (begin < end && entries[begin].first.size() == depth)
      Nodes[node].value = entries[begin++].second;
    Nodes[node].firstChild = static_cast<uint32_t>(Nodes.size());
    while (begin < end) {
      char label = entries[begin].first[depth];
      size_t next = begin;
      while (next < end && entries[next].first[depth] == label)
        ++next;
      ranges.push_back({begin, next, depth + 1});
      Node child;
      child.label = static_cast<uint8_t>(label);
      Nodes.push_back(child);
      ++Nodes[node].children;
      begin = next;
    }
  }
}

size_t Trie::child(size_t node, uint8_t label) const {
  auto first = Nodes.begin() + Nodes[node].firstChild;
  auto last = first + Nodes[node].children;
  auto found =
      std::lower_bound(first, last, label, [](const Node &a, uint8_t wanted) {
        return a.label < wanted;
      });
  return found != last && found->label == label
             ? static_cast<size_t>(found - Nodes.begin())
             : 0;
}

} // namespace qzc::tokenizer
