//===- Sampler.cpp - Choosing the next token ------------------------------===//

#include "Sampler.h"

#include "qzc/Runtime/Argmax.h"

#include <algorithm>
#include <cmath>
#include <functional>

namespace qzc::runtime {

void Sampler::penalize(float *logits) const {
  const auto penalty = static_cast<float>(Options.repetitionPenalty);
  for (size_t id = 0; id < Seen.size(); ++id)
    if (Seen[id])
      logits[id] = logits[id] < 0 ? logits[id] * penalty : logits[id] / penalty;
}

int32_t Sampler::choose(float *logits) {
  if (penalizes())
    penalize(logits);
  auto vocab = static_cast<int64_t>(Seen.size());
  int32_t token = argmax(logits, vocab);
  if (Options.temperature != 0 && !std::isinf(logits[token]))
    token = draw(logits);
  see(token);
  return token;
}

const std::vector<Sampler::Choice> &Sampler::choices(const float *logits) {
  Candidates.clear();
  double best = -INFINITY;
  for (size_t id = 0; id < Seen.size(); ++id) {
    Candidates.emplace_back(-logits[id], static_cast<int32_t>(id));
    best = std::max<double>(best, logits[id]);
  }
  auto weight = [&](const Candidate &candidate) {
    return std::exp((-static_cast<double>(candidate.first) - best) /
                    Options.temperature);
  };
  // Few are kept of many: a heap gives them in order without sorting the rest.
  std::make_heap(Candidates.begin(), Candidates.end(), std::greater<>());
  auto end = Candidates.end();
  auto keepNext = [&] {
    std::pop_heap(Candidates.begin(), end, std::greater<>());
    --end;
    Kept.push_back({end->second, weight(*end)});
  };
  size_t most = Candidates.size();
  double total = 0;
  Kept.clear();
  if (Options.topK > 0 && static_cast<size_t>(Options.topK) < most) {
    most = static_cast<size_t>(Options.topK);
    while (Kept.size() < most) {
      keepNext();
      total += Kept.back().weight;
    }
  } else {
    for (const Candidate &candidate : Candidates)
      total += weight(candidate);
  }
  double sum = 0;
  for (size_t i = 0; i < most && sum < Options.topP * total; ++i) {
    if (i == Kept.size())
      keepNext();
    if (Kept[i].weight < Options.minP) {
      most = i;
      break;
    }
    sum += Kept[i].weight;
    if (sum >= Options.topP * total)
      most = i + 1;
  }
  Kept.resize(most);
  return Kept;
}

int32_t Sampler::draw(const float *logits) {
  double total = 0;
  for (const Choice &choice : choices(logits))
    total += choice.weight;
  // 53 random bits: std::uniform_real_distribution differs between libraries.
  double left = static_cast<double>(Random() >> 11) * 0x1p-53 * total;
  for (const Choice &choice : Kept) {
    left -= choice.weight;
    if (left < 0)
      return choice.id;
  }
  return Kept.back().id;
}

} // namespace qzc::runtime
