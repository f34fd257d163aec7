//===- Merger.cpp - Merging symbols by rank -------------------------------===//

#include "Merger.h"

#include "Steps.h"

#include <algorithm>
#include <functional>

namespace qzc::tokenizer {

namespace {

/// Ranks and places of possible merges, lowest first.
class Queue {
public:
  void push(int32_t rank, uint32_t at) {
    Heap.push_back(static_cast<uint64_t>(rank) << 32 | at);
    std::push_heap(Heap.begin(), Heap.end(), std::greater<>());
    countSteps();
  }
  std::pair<int32_t, uint32_t> pop() {
    countSteps();
    std::pop_heap(Heap.begin(), Heap.end(), std::greater<>());
    uint64_t lowest = Heap.back();
    Heap.pop_back();
    return {static_cast<int32_t>(lowest >> 32), static_cast<uint32_t>(lowest)};
  }
  bool empty() const { return Heap.empty(); }
  uint64_t steps() const { return Steps; }

private:
  /// As many as the heap has levels.
  void countSteps() {
    for (size_t left = Heap.size(); left; left >>= 1)
      ++Steps;
  }

  std::vector<uint64_t> Heap;
  uint64_t Steps = 0;
};

struct Node {
  int32_t id; ///< -1: merged into the one before
  int32_t previous;
  int32_t next; ///< -1: none
};

} // namespace

std::vector<Merger::Piece> Merger::merge(const Symbols &symbols, size_t begin,
                                         size_t end) const {
  std::vector<Node> nodes(end - begin);
  Queue queue;
  auto offer = [&](int32_t at) {
    if (at < 0 || nodes[at].next < 0)
      return;
    if (const Merge *merge = find(nodes[at].id, nodes[nodes[at].next].id))
      queue.push(merge->rank, static_cast<uint32_t>(at));
  };
  auto count = static_cast<int32_t>(nodes.size());
  for (int32_t i = 0; i < count; ++i)
    nodes[i] = {symbols[begin + i], i - 1, i + 1 < count ? i + 1 : -1};
  for (int32_t i = 0; i + 1 < count; ++i)
    offer(i);
  while (!queue.empty()) {
    auto [rank, at] = queue.pop();
    Node &left = nodes[at];
    if (left.id < 0 || left.next < 0)
      continue;
    Node &right = nodes[left.next];
    // A neighbour may have changed since this was offered.
    const Merge *merge = find(left.id, right.id);
    if (!merge || merge->rank != rank)
      continue;
    left.id = merge->result;
    left.next = right.next;
    right.id = -1;
    if (left.next >= 0)
      nodes[left.next].previous = static_cast<int32_t>(at);
    offer(left.previous);
    offer(static_cast<int32_t>(at));
  }
  StepCounter::add(nodes.size() + queue.steps());
  std::vector<Piece> pieces;
  for (int32_t i = 0; i >= 0 && i < count; i = nodes[i].next)
    pieces.push_back({nodes[i].id, begin + i});
  return pieces;
}

bool Merger::staysCut(const Symbols &symbols, size_t begin, size_t border,
                      size_t end) const {
  for (const Piece &piece : merge(symbols, begin, end))
    if (piece.begin == border)
      return true;
  return false;
}

std::vector<Merger::Piece> Merger::mergeWindows(const Symbols &symbols,
                                                size_t window) const {
  std::vector<Piece> kept;
  std::vector<size_t> firsts; // of each window's pieces in `kept`
  size_t begin = 0;
  size_t size = window;
  while (begin < symbols.size()) {
    size_t end = begin + std::min(size, symbols.size() - begin);
    std::vector<Piece> pieces = merge(symbols, begin, end);
    auto endOf = [&](size_t piece) {
      return piece + 1 < pieces.size() ? pieces[piece + 1].begin : end;
    };
    if (!kept.empty() &&
        !staysCut(symbols, kept.back().begin, begin, endOf(0))) {
      begin = kept[firsts.back()].begin;
      size = 2 * (end - begin);
      kept.resize(firsts.back());
      firsts.pop_back();
      continue;
    }
    // What stands near the end may change with what follows.
    size_t margin = end == symbols.size() ? end : end - (end - begin) / 4;
    size_t next = 1;
    while (next < pieces.size() && endOf(next) <= margin)
      ++next;
    firsts.push_back(kept.size());
    kept.insert(kept.end(), pieces.begin(),
                pieces.begin() + static_cast<ptrdiff_t>(next));
    begin = endOf(next - 1);
    size = window;
  }
  return kept;
}

} // namespace qzc::tokenizer
