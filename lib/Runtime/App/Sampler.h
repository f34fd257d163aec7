//===- Sampler.h - Choosing the next token ----------------------*- C++ -*-===//

#ifndef QZC_LIB_RUNTIME_APP_SAMPLER_H
#define QZC_LIB_RUNTIME_APP_SAMPLER_H

#include <cstdint>
#include <random>
#include <utility>
#include <vector>

namespace qzc::runtime {

struct SamplerOptions {
  double temperature = 0.8; ///< 0: greedy
  int64_t topK = 40;        ///< 0: all
  double topP = 0.95;       ///< the smallest set with at least this much
  uint64_t seed = 0;
};

/// Draws from the softmax of logits / temperature, cut to topK and then to
/// topP. The same seed and logits give the same tokens on every machine.
class Sampler {
public:
  explicit Sampler(const SamplerOptions &options)
      : Options(options), Random(options.seed) {}

  bool greedy() const { return Options.temperature == 0; }
  /// Throws qzc::Error where a logit is not a number.
  int32_t choose(const float *logits, int64_t vocab);

private:
  SamplerOptions Options;
  std::mt19937_64 Random;
  std::vector<std::pair<float, int32_t>> Candidates; ///< (−logit, id)
  std::vector<double> Weights;
};

} // namespace qzc::runtime

#endif // QZC_LIB_RUNTIME_APP_SAMPLER_H
