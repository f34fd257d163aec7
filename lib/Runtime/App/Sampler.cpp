//===- Sampler.cpp - Choosing the next token ------------------------------===//

#include "Sampler.h"

#include "qzc/Runtime/Argmax.h"

#include <algorithm>
#include <cmath>

namespace qzc::runtime {

int32_t Sampler::choose(const float *logits, int64_t vocab) {
  int32_t best = argmax(logits, vocab);
  if (greedy() || std::isinf(logits[best]))
    return best;
  Candidates.resize(static_cast<size_t>(vocab));
  for (int64_t id = 0; id < vocab; ++id)
    Candidates[static_cast<size_t>(id)] = {-logits[id],
                                           static_cast<int32_t>(id)};
  size_t kept = Candidates.size();
  if (Options.topK > 0)
    kept = std::min(kept, static_cast<size_t>(Options.topK));
  std::partial_sort(Candidates.begin(),
                    Candidates.begin() + static_cast<ptrdiff_t>(kept),
                    Candidates.end());
  Weights.resize(kept);
  double total = 0;
  for (size_t i = 0; i < kept; ++i) {
    double below = double(Candidates[0].first) - double(Candidates[i].first);
    total += Weights[i] = std::exp(below / Options.temperature);
  }
  double cut = 0;
  for (size_t i = 0; i < kept; ++i) {
    cut += Weights[i];
    if (cut >= Options.topP * total) {
      kept = i + 1;
      total = cut;
      break;
    }
  }
  // 53 random bits: std::uniform_real_distribution differs between libraries.
  double draw = static_cast<double>(Random() >> 11) * 0x1p-53 * total;
  for (size_t i = 0; i < kept; ++i) {
    draw -= Weights[i];
    if (draw < 0)
      return Candidates[i].second;
  }
  return Candidates[kept - 1].second;
}

} // namespace qzc::runtime
