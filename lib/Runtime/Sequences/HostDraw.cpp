//===- HostDraw.cpp - Drawing the next token from logits ------------------===//

#include "qzc/Runtime/HostDraw.h"

#include "qzc/Runtime/Argmax.h"

#include <algorithm>
#include <cmath>
#include <functional>

namespace qzc::runtime {

/// Leaves the `count` likeliest in Candidates, sorted. Nearly all of a
/// vocabulary is turned away by one comparison.
void HostDraw::keepLikeliest(const float *logits, int64_t vocab, size_t count) {
  for (int64_t id = 0; id < vocab; ++id) {
    const Candidate candidate(-logits[id], static_cast<int32_t>(id));
    if (Candidates.size() == count) {
      // Among equals the lower id is there already.
      if (!(candidate.first < Candidates.front().first))
        continue;
      std::pop_heap(Candidates.begin(), Candidates.end());
      Candidates.pop_back();
    }
    Candidates.push_back(candidate);
    std::push_heap(Candidates.begin(), Candidates.end());
  }
  std::sort_heap(Candidates.begin(), Candidates.end());
}

const std::vector<HostDraw::Choice> &
HostDraw::choices(const float *logits, int64_t vocab, const Draw &draw) {
  Candidates.clear();
  const bool isCut = draw.topK > 0 && draw.topK < vocab;
  if (isCut) {
    keepLikeliest(logits, vocab, static_cast<size_t>(draw.topK));
  } else {
    for (int64_t id = 0; id < vocab; ++id)
      Candidates.emplace_back(-logits[id], static_cast<int32_t>(id));
    // Few are kept of many: a heap gives them in order without sorting the
    // rest.
    std::make_heap(Candidates.begin(), Candidates.end(), std::greater<>());
  }
  const double best = -static_cast<double>(Candidates.front().first);
  auto weight = [&](const Candidate &candidate) {
    return std::exp((-static_cast<double>(candidate.first) - best) /
                    draw.temperature);
  };
  double total = 0;
  for (const Candidate &candidate : Candidates)
    total += weight(candidate);
  Kept.clear();
  auto end = Candidates.end();
  auto next = [&](int i) {
    Candidate candidate;
    if (isCut) {
      candidate = Candidates[static_cast<size_t>(i)];
    } else {
      std::pop_heap(Candidates.begin(), end, std::greater<>());
      candidate = *--end;
    }
    Kept.push_back({candidate.second, weight(candidate)});
    return Kept.back().weight;
  };
  const int kept =
      keptOf(next, static_cast<int>(Candidates.size()), total, draw);
  Kept.resize(static_cast<size_t>(kept));
  return Kept;
}

int32_t HostDraw::token(const float *logits, int64_t vocab, const Draw &draw) {
  const int32_t likeliest = argmax(logits, vocab);
  if (std::isinf(logits[likeliest]))
    return likeliest;
  choices(logits, vocab, draw);
  auto weight = [&](int i) { return Kept[static_cast<size_t>(i)].weight; };
  const int drawn =
      drawnOf(weight, static_cast<int>(Kept.size()), draw.uniform);
  return Kept[static_cast<size_t>(drawn)].id;
}

} // namespace qzc::runtime
