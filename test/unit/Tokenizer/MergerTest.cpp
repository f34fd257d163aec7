//===- MergerTest.cpp - Merging in windows --------------------------------===//

#include "Merger.h"

#include <gtest/gtest.h>
#include <random>

namespace qzc::tokenizer {
namespace {

using Symbols = Merger::Symbols;

std::vector<std::pair<int32_t, size_t>>
listed(const std::vector<Merger::Piece> &pieces) {
  std::vector<std::pair<int32_t, size_t>> out;
  for (const Merger::Piece &piece : pieces)
    out.emplace_back(piece.id, piece.begin);
  return out;
}

/// What merging means, written as plainly as it can be.
std::vector<std::pair<int32_t, size_t>>
mergedPlainly(const Symbols &symbols,
              const std::map<std::pair<int32_t, int32_t>, Merge> &merges) {
  std::vector<std::pair<int32_t, size_t>> out;
  for (size_t i = 0; i < symbols.size(); ++i)
    out.emplace_back(symbols[i], i);
  while (true) {
    const Merge *best = nullptr;
    size_t place = 0;
    for (size_t i = 0; i + 1 < out.size(); ++i) {
      auto merge = merges.find({out[i].first, out[i + 1].first});
      if (merge != merges.end() && (!best || merge->second.rank < best->rank)) {
        best = &merge->second;
        place = i;
      }
    }
    if (!best)
      return out;
    out[place].first = best->result;
    out.erase(out.begin() + static_cast<ptrdiff_t>(place) + 1);
  }
}

/// Random merges over few letters: a token may be made of several pairs, and
/// before its parts are.
TEST(Merger, WindowsMergeAsTheWholeDoes) {
  std::mt19937 random(7);
  auto below = [&](size_t limit) { return random() % limit; };
  for (int round = 0; round < 300; ++round) {
    std::vector<std::string> tokens{"a", "b", "c"};
    std::map<std::string, int32_t> ids{{"a", 0}, {"b", 1}, {"c", 2}};
    std::vector<std::pair<int32_t, int32_t>> pairs;
    for (size_t i = 0; i < 4 + below(30); ++i) {
      auto left = static_cast<int32_t>(below(tokens.size()));
      auto right = static_cast<int32_t>(below(tokens.size()));
      pairs.emplace_back(left, right);
      std::string made = tokens[left] + tokens[right];
      if (ids.emplace(made, tokens.size()).second)
        tokens.push_back(made);
    }
    std::shuffle(pairs.begin(), pairs.end(), random);
    Merger merger;
    std::map<std::pair<int32_t, int32_t>, Merge> merges;
    for (size_t rank = 0; rank < pairs.size(); ++rank) {
      auto [left, right] = pairs[rank];
      Merge merge{static_cast<int32_t>(rank),
                  ids[tokens[left] + tokens[right]]};
      merger.add(left, right, merge);
      merges[{left, right}] = merge;
    }
    Symbols symbols;
    size_t letters = 1 + below(3);
    for (size_t i = below(200); i-- > 0;)
      symbols.push_back(static_cast<int32_t>(below(letters)));
    auto expected = mergedPlainly(symbols, merges);
    EXPECT_EQ(listed(merger.merge(symbols, 0, symbols.size())), expected);
    for (size_t window : {2, 3, 8, 33})
      EXPECT_EQ(listed(merger.mergeWindows(symbols, window)), expected)
          << "window " << window;
  }
}

} // namespace
} // namespace qzc::tokenizer
