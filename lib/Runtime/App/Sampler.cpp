//===- Sampler.cpp - Choosing the next token ------------------------------===//

#include "Sampler.h"

#include "qzc/Runtime/Argmax.h"

#include <algorithm>

namespace qzc::runtime {

void Sampler::penalize(float *logits) const {
  const auto penalty = static_cast<float>(Options.repetitionPenalty);
  for (size_t id = 0; id < Seen.size(); ++id)
    if (Seen[id])
      logits[id] = logits[id] < 0 ? logits[id] * penalty : logits[id] / penalty;
}

Draw Sampler::next() {
  const Draw draw = upcoming();
  Upcoming = Random();
  return draw;
}

Draw Sampler::upcoming() const {
  Draw draw = {};
  // 53 random bits: std::uniform_real_distribution differs between libraries.
  draw.uniform = static_cast<double>(Upcoming >> 11) * 0x1p-53;
  draw.temperature = Options.temperature;
  draw.topP = Options.topP;
  draw.minP = Options.minP;
  // No vocabulary has more tokens than an int counts.
  const auto vocab = static_cast<int64_t>(Seen.size());
  draw.topK = static_cast<int>(std::min(Options.topK, vocab));
  return draw;
}

int32_t Sampler::choose(float *logits) {
  if (penalizes())
    penalize(logits);
  const auto vocab = static_cast<int64_t>(Seen.size());
  const int32_t token =
      greedy() ? argmax(logits, vocab) : Host.token(logits, vocab, next());
  see(token);
  return token;
}

} // namespace qzc::runtime
