//===- Pieces.cpp - Scores of SentencePiece's tokens ----------------------===//

#include "Pieces.h"

#include <algorithm>
#include <tuple>

namespace qzc::gguf {

/// All pairs of tokens that make a token, in the order in which qz-import makes
/// merges of scores.
static std::vector<Merge> joined(const Pieces &pieces,
                                 const std::vector<float> &scores) {
  std::vector<std::tuple<float, int32_t, int32_t>> found;
  for (size_t id = 0; id < pieces.texts.size(); ++id) {
    const std::string &text = pieces.texts[id];
    if (!pieces.isText[id])
      continue;
    for (size_t at = 1; at < text.size(); ++at) {
      if ((static_cast<uint8_t>(text[at]) & 0xC0) == 0x80)
        continue; // inside of a character
      const auto left = pieces.ids.find(text.substr(0, at));
      const auto right = pieces.ids.find(text.substr(at));
      if (left != pieces.ids.end() && right != pieces.ids.end())
        found.emplace_back(-scores[id], left->second, right->second);
    }
  }
  std::sort(found.begin(), found.end());
  std::vector<Merge> merges;
  for (const auto &[score, left, right] : found)
    merges.emplace_back(left, right);
  return merges;
}

Scored scoresOf(const Pieces &pieces, const std::vector<Merge> &merges) {
  Scored result;
  std::vector<bool> hasScore(pieces.texts.size());
  // Below all that is joined.
  result.scores.assign(pieces.texts.size(), -static_cast<float>(merges.size()));
  int32_t last = -1, count = 0;
  for (const auto &[left, right] : merges) {
    const std::string text = pieces.texts[static_cast<size_t>(left)] +
                             pieces.texts[static_cast<size_t>(right)];
    const int32_t id = pieces.ids.at(text);
    const auto index = static_cast<size_t>(id);
    if (!hasScore[index])
      result.scores[index] = -static_cast<float>(count++);
    else if (id != last)
      result.differs = true;
    hasScore[index] = true;
    last = id;
  }

  std::vector<Merge> all = joined(pieces, result.scores);
  result.isAll = all == merges;
  if (result.isAll)
    return result;
  std::vector<Merge> known = merges;
  std::sort(known.begin(), known.end());
  result.differs |= std::any_of(all.begin(), all.end(), [&](const Merge &pair) {
    return pieces.isText[static_cast<size_t>(pair.first)] &&
           pieces.isText[static_cast<size_t>(pair.second)] &&
           !std::binary_search(known.begin(), known.end(), pair);
  });
  return result;
}

} // namespace qzc::gguf
