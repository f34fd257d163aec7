//===- Comparison.cpp - A model beside its base, token by token -----------===//

#include "qzc/Evaluate/Comparison.h"

#include "qzc/Support/Error.h"

#include <algorithm>
#include <cmath>
#include <string>

namespace qzc::evaluate {

namespace {

constexpr double kFractions[] = {0,    0.001, 0.01, 0.05, 0.1,   0.25, 0.5,
                                 0.75, 0.9,   0.95, 0.99, 0.999, 1};
/// Of the histogram: 10^-9 … 10^2, five bins a decade.
constexpr int kLowestDecade = -9;
constexpr int kHighestDecade = 2;
constexpr int kBinsPerDecade = 5;

/// The error of x − y, of their errors and their covariance.
double errorOfDifference(double x, double y, double covariance) {
  return std::sqrt(std::max(0.0, x * x + y * y - 2 * covariance));
}

Histogram histogramOf(const std::vector<float> &sorted) {
  Histogram histogram;
  for (int step = kLowestDecade * kBinsPerDecade;
       step <= kHighestDecade * kBinsPerDecade; ++step)
    histogram.edges.push_back(std::pow(10.0, double(step) / kBinsPerDecade));
  auto from = sorted.begin();
  auto next = [&](double edge) {
    auto to = std::lower_bound(from, sorted.end(), edge);
    const int64_t count = to - from;
    from = to;
    return count;
  };
  histogram.below = next(histogram.edges.front());
  for (size_t i = 1; i < histogram.edges.size(); ++i)
    histogram.counts.push_back(next(histogram.edges[i]));
  histogram.above = sorted.end() - from;
  return histogram;
}

} // namespace

TokenComparison compareToken(const float *base, const float *model,
                             int64_t vocab, int32_t token) {
  const float *baseTop = std::max_element(base, base + vocab);
  const float *modelTop = std::max_element(model, model + vocab);
  double baseSum = 0;
  double modelSum = 0;
  double gap = 0; // Σ p (base − model), p not yet normalised
  for (int64_t i = 0; i < vocab; ++i) {
    const double p = std::exp(double{base[i]} - *baseTop);
    baseSum += p;
    gap += p * (double{base[i]} - model[i]);
    modelSum += std::exp(double{model[i]} - *modelTop);
  }
  const double baseLog = *baseTop + std::log(baseSum);
  const double modelLog = *modelTop + std::log(modelSum);
  TokenComparison result;
  result.baseNll = baseLog - base[token];
  result.nll = modelLog - model[token];
  // Rounding may leave a trifle below 0.
  result.divergence = std::max(0.0, gap / baseSum - (baseLog - modelLog));
  result.change = std::exp(-result.nll) - std::exp(-result.baseNll);
  result.sameTop = baseTop - base == modelTop - model;
  return result;
}

void ComparisonSum::add(const TokenComparison &token) {
  for (double value : {token.nll, token.baseNll})
    if (!std::isfinite(value))
      throw Error("the logits of scored token " + std::to_string(tokens()) +
                  " are not all finite");
  Losses.add(token.nll, token.baseNll);
  DivergencesAndTops.add(token.divergence, token.sameTop ? 1 : 0);
  ChangesAndSquares.add(token.change, token.change * token.change);
  Divergences.push_back(static_cast<float>(token.divergence));
}

Comparison ComparisonSum::result() const {
  std::vector<float> sorted = Divergences;
  std::sort(sorted.begin(), sorted.end());
  Comparison result;
  result.tokens = tokens();
  const Estimate loss = Losses.meanX();
  const Estimate baseLoss = Losses.meanY();
  const double covariance = Losses.covarianceOfMeans();
  result.perplexity = exponential(loss);
  result.basePerplexity = exponential(baseLoss);
  result.logRatio = {loss.value - baseLoss.value,
                     errorOfDifference(loss.error, baseLoss.error, covariance)};
  result.ratio = exponential(result.logRatio);
  const Estimate &model = result.perplexity;
  const Estimate &base = result.basePerplexity;
  result.difference = {
      model.value - base.value,
      errorOfDifference(model.error, base.error,
                        model.value * base.value * covariance)};
  const double spread = loss.error * baseLoss.error;
  result.correlation = spread > 0 ? covariance / spread : 0;
  result.divergence = DivergencesAndTops.meanX();
  result.sameTop = DivergencesAndTops.meanY();
  for (double fraction : kFractions)
    result.divergenceQuantiles.push_back(
        {fraction, quantileOf(sorted, fraction)});
  result.divergenceHistogram = histogramOf(sorted);
  result.meanChange = ChangesAndSquares.meanX();
  // The error of a root is that of its square over twice the root.
  const Estimate square = ChangesAndSquares.meanY();
  result.rmsChange.value = std::sqrt(square.value);
  if (square.value > 0)
    result.rmsChange.error = square.error / (2 * result.rmsChange.value);
  return result;
}

} // namespace qzc::evaluate
