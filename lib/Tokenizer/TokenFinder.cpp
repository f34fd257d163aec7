//===- TokenFinder.cpp - Where given texts begin --------------------------===//

#include "TokenFinder.h"

#include "Steps.h"

namespace qzc::tokenizer {

void TokenFinder::add(std::string_view text, int32_t token) {
  int32_t node = 0;
  for (auto byte = text.rbegin(); byte != text.rend(); ++byte) {
    auto value = static_cast<uint8_t>(*byte);
    int32_t &next = node == 0 ? Root[value] : Edges[edge(node, value)];
    if (next == 0) {
      next = static_cast<int32_t>(Nodes.size());
      Nodes.emplace_back();
    }
    node = next;
  }
  if (Nodes[node].token < 0)
    Nodes[node].token = token;
}

void TokenFinder::finish() {
  struct Edge {
    int32_t from;
    int32_t to;
    uint8_t byte;
  };
  // Nodes are numbered parents first, but not level by level.
  std::vector<std::vector<Edge>> from(Nodes.size());
  for (const auto &[key, to] : Edges)
    from[key >> 8].push_back(
        {static_cast<int32_t>(key >> 8), to, static_cast<uint8_t>(key)});
  std::vector<Edge> queue;
  for (int byte = 0; byte < 256; ++byte)
    if (Root[byte])
      queue.push_back({0, Root[byte], static_cast<uint8_t>(byte)});
  for (size_t i = 0; i < queue.size(); ++i) {
    Edge at = queue[i];
    Node &node = Nodes[at.to];
    if (at.from != 0) {
      node.fail = step(Nodes[at.from].fail, at.byte);
      if (node.token < 0)
        node.token = Nodes[node.fail].token;
    }
    queue.insert(queue.end(), from[at.to].begin(), from[at.to].end());
  }
}

int32_t TokenFinder::step(int32_t node, uint8_t byte) const {
  for (; node != 0; node = Nodes[node].fail) {
    StepCounter::add(1);
    if (auto next = Edges.find(edge(node, byte)); next != Edges.end())
      return next->second;
  }
  return Root[byte];
}

std::vector<TokenFinder::Hit> TokenFinder::find(std::string_view text) const {
  std::vector<Hit> hits;
  if (Nodes.size() == 1)
    return hits;
  StepCounter::add(text.size());
  int32_t node = 0;
  for (size_t at = text.size(); at-- > 0;) {
    auto byte = static_cast<uint8_t>(text[at]);
    node = node == 0 ? Root[byte] : step(node, byte);
    if (Nodes[node].token >= 0)
      hits.push_back({at, Nodes[node].token});
  }
  return hits;
}

} // namespace qzc::tokenizer
