//===- Comparison.h - A model beside its base, token by token ---*- C++ -*-===//
//
// What quantization changed in a model's predictions: the figures that
// llama-perplexity prints for --kl-divergence, by the same definitions.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_EVALUATE_COMPARISON_H
#define QZC_EVALUATE_COMPARISON_H

#include "qzc/Evaluate/Statistics.h"

#include <cstdint>
#include <vector>

namespace qzc::evaluate {

/// One scored token. p is the base's distribution, q the model's.
struct TokenComparison {
  double nll = 0;     ///< −ln q(token)
  double baseNll = 0; ///< −ln p(token)
  /// Σ p (ln p − ln q), in nats, over the whole vocabulary.
  double divergence = 0;
  double change = 0;    ///< q(token) − p(token)
  bool sameTop = false; ///< the same most likely token, the lowest among equals
};

/// Compares two rows of `vocab` logits that predict `token`. Not finite where a
/// logit is not.
TokenComparison compareToken(const float *base, const float *model,
                             int64_t vocab, int32_t token);

/// Counts of values in [edges[i], edges[i + 1]).
struct Histogram {
  std::vector<double> edges;
  std::vector<int64_t> counts; ///< one less than edges
  int64_t below = 0;
  int64_t above = 0;
};

struct Quantile {
  double fraction = 0;
  double value = 0;
};

/// Errors take tokens as independent.
struct Comparison {
  int64_t tokens = 0;
  Estimate perplexity;
  Estimate basePerplexity;
  /// perplexity − basePerplexity, perplexity / basePerplexity and its
  /// logarithm. The errors are paired: both models saw the same tokens.
  Estimate difference;
  Estimate ratio;
  Estimate logRatio;
  double correlation = 0; ///< of the tokens' losses; 0 where one has no spread
  Estimate divergence;    ///< mean over the tokens
  /// From the minimum (fraction 0) to the maximum (1), interpolated linearly.
  std::vector<Quantile> divergenceQuantiles;
  Histogram divergenceHistogram; ///< edges evenly spaced in their logarithms
  Estimate sameTop;              ///< fraction of the tokens
  Estimate meanChange;           ///< of the right token's probability
  Estimate rmsChange;
};

/// Collects the tokens of one comparison.
class ComparisonSum {
public:
  /// Throws qzc::Error where a value is not finite.
  void add(const TokenComparison &token);
  int64_t tokens() const { return static_cast<int64_t>(Divergences.size()); }
  /// Of at least one token.
  Comparison result() const;

private:
  PairSums Losses; ///< the model's and the base's
  PairSums DivergencesAndTops;
  PairSums ChangesAndSquares;
  std::vector<float> Divergences; ///< for what sums do not tell
};

} // namespace qzc::evaluate

#endif // QZC_EVALUATE_COMPARISON_H
