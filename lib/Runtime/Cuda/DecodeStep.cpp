//===- DecodeStep.cpp - One token for each of some sequences --------------===//

#include "DecodeStep.h"

#include <algorithm>
#include <utility>

namespace qzc::runtime {

static bool isSame(const Step &a, const Step &b) {
  return a.sequence == b.sequence && a.position == b.position &&
         a.token == b.token;
}

static bool isSame(const Draw &a, const Draw &b) {
  return a.uniform == b.uniform && a.temperature == b.temperature &&
         a.topP == b.topP && a.minP == b.minP && a.topK == b.topK;
}

template <typename Item>
static bool areSame(const std::vector<Item> &a, const std::vector<Item> &b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const Item &x, const Item &y) { return isSame(x, y); });
}

bool DecodeStep::operator==(const DecodeStep &other) const {
  return choice == other.choice && areSame(steps, other.steps) &&
         areSame(draws, other.draws);
}

template <typename Item>
static std::vector<Item> partOf(const std::vector<Item> &all, size_t begin,
                                size_t end) {
  return {all.begin() + static_cast<ptrdiff_t>(begin),
          all.begin() + static_cast<ptrdiff_t>(end)};
}

DecodeStep DecodeStep::part(size_t begin, size_t end) const {
  DecodeStep part = {partOf(steps, begin, end), choice, {}};
  if (choice == Choice::Drawn)
    part.draws = partOf(draws, begin, end);
  return part;
}

DecodeStep DecodeStep::next(std::vector<Draw> nextDraws) const {
  DecodeStep next = {steps, choice, std::move(nextDraws)};
  for (Step &step : next.steps) {
    ++step.position;
    step.token = kUnknownToken;
  }
  return next;
}

std::vector<TokenRow> DecodeStep::rows() const {
  std::vector<TokenRow> rows;
  rows.reserve(steps.size());
  for (const Step &step : steps)
    rows.push_back(
        {step.token, static_cast<int>(step.position), step.sequence, 0});
  return rows;
}

bool isOnDevice(const std::vector<Draw> &draws) {
  return std::all_of(draws.begin(), draws.end(), [](const Draw &draw) {
    return draw.topK > 0 && draw.topK <= kMostDrawn;
  });
}

} // namespace qzc::runtime
