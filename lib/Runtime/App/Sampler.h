//===- Sampler.h - Choosing the next token ----------------------*- C++ -*-===//

#ifndef QZC_LIB_RUNTIME_APP_SAMPLER_H
#define QZC_LIB_RUNTIME_APP_SAMPLER_H

#include "qzc/Runtime/HostDraw.h"

#include <cstdint>
#include <random>
#include <vector>

namespace qzc::runtime {

struct SamplerOptions {
  double temperature = 0.8;     ///< 0: greedy
  int64_t topK = 40;            ///< 0: all
  double topP = 0.95;           ///< the smallest set with at least this much
  double minP = 0;              ///< of the likeliest token's probability
  double repetitionPenalty = 1; ///< 1: none
  uint64_t seed = 0;
};

/// Which tokens the options of a call ask for, in a text of one model. The same
/// seed and logits give the same tokens on every machine.
class Sampler {
public:
  Sampler(const SamplerOptions &options, int64_t vocab)
      : Options(options), Random(options.seed), Upcoming(Random()),
        Seen(static_cast<size_t>(vocab)) {}

  /// Whether it takes the likeliest token.
  bool greedy() const { return Options.temperature == 0; }
  /// Whether logits depend on what came before, as only choose() knows it.
  bool penalizes() const { return Options.repetitionPenalty != 1; }
  /// The next token's draw, where it is not greedy.
  Draw next();
  /// What next() will return.
  Draw upcoming() const;

  /// A token of the text so far, which a penalty makes less likely: a positive
  /// logit is divided by it, a negative one multiplied.
  void see(int32_t token) { Seen[static_cast<size_t>(token)] = true; }
  /// Chooses from logits [vocab], which it may change, and sees the token.
  /// Throws qzc::Error where a logit is not a number.
  int32_t choose(float *logits);
  /// Changes the logits of tokens that were seen; choose() does it by itself.
  void penalize(float *logits) const;

private:
  SamplerOptions Options;
  std::mt19937_64 Random;
  uint64_t Upcoming;      ///< of Random, for the next token
  std::vector<bool> Seen; ///< by id
  HostDraw Host;
};

} // namespace qzc::runtime

#endif // QZC_LIB_RUNTIME_APP_SAMPLER_H
