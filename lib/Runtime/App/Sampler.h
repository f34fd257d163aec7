//===- Sampler.h - Choosing the next token ----------------------*- C++ -*-===//

#ifndef QZC_LIB_RUNTIME_APP_SAMPLER_H
#define QZC_LIB_RUNTIME_APP_SAMPLER_H

#include <cstdint>
#include <random>
#include <utility>
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

/// Draws from the softmax of logits / temperature, cut to topK, then to topP,
/// then to minP, as transformers does it. The same seed and logits give the
/// same tokens on every machine.
class Sampler {
public:
  Sampler(const SamplerOptions &options, int64_t vocab)
      : Options(options), Random(options.seed),
        Seen(static_cast<size_t>(vocab)) {}

  /// Whether it takes the likeliest token, whatever came before.
  bool greedy() const { return Options.temperature == 0 && !penalizes(); }
  /// A token of the text so far, which a penalty makes less likely: a positive
  /// logit is divided by it, a negative one multiplied.
  void see(int32_t token) { Seen[static_cast<size_t>(token)] = true; }
  /// Chooses from logits [vocab], which it may change, and sees the token.
  /// Throws qzc::Error where a logit is not a number.
  int32_t choose(float *logits);

  struct Choice {
    int32_t id;
    double weight; ///< 1 for the likeliest
  };
  /// What is drawn from after these logits [vocab], likeliest first; valid
  /// until the next call.
  const std::vector<Choice> &choices(const float *logits);

  /// Changes the logits of tokens that were seen; choose() does it by itself.
  void penalize(float *logits) const;

private:
  bool penalizes() const { return Options.repetitionPenalty != 1; }
  int32_t draw(const float *logits);

  using Candidate = std::pair<float, int32_t>; ///< (−logit, id)
  SamplerOptions Options;
  std::mt19937_64 Random;
  std::vector<bool> Seen; ///< by id
  std::vector<Candidate> Candidates;
  std::vector<Choice> Kept;
};

} // namespace qzc::runtime

#endif // QZC_LIB_RUNTIME_APP_SAMPLER_H
