//===- Results.h - What executables say of themselves -----------*- C++ -*-===//

#ifndef QZC_LIB_EVALTOOL_RESULTS_H
#define QZC_LIB_EVALTOOL_RESULTS_H

#include "Conditions.h"
#include "Execute.h"
#include "WeightErrors.h"
#include "qzc/Evaluate/Comparison.h"
#include "qzc/Evaluate/Statistics.h"

#include <optional>
#include <string>

namespace qzc::evaltool {

/// From --bench.
struct Speed {
  std::optional<evaluate::Spread> prefill; ///< tokens a second
  std::optional<evaluate::Spread> decode;
  double loadSeconds = 0;
  double peakRssMb = 0;
  double gpuMb = 0;
  std::string device;
};

/// From --score.
struct Perplexity {
  double value = 0;
  double error = 0; ///< standard error
  std::optional<double> meanOfLines;
  int64_t tokensScored = 0;
  evaluate::Estimate bitsPerByte = {};
};

/// One executable; what failed is missing.
struct Measured {
  std::string file; ///< as it was named
  Facts facts;
  std::optional<Speed> speed;
  std::optional<Perplexity> perplexity;
  std::optional<evaluate::Comparison> comparison; ///< with the base
  std::vector<WeightError> weightErrors;          ///< from the base's
  /// The executable's own words.
  Json info;
  Json bench;
  Json score;
  std::string error; ///< what failed first; empty: nothing
};

/// The parsers throw qzc::Error naming the key that is missing or of another
/// kind than expected.
Facts readFacts(const Json &info);
Speed readSpeed(const Json &bench);
/// Throws also where the text or the protocol was another one than asked for.
Perplexity readPerplexity(const Json &score, const Scoring &asked);

} // namespace qzc::evaltool

#endif // QZC_LIB_EVALTOOL_RESULTS_H
