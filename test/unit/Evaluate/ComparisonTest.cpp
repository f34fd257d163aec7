//===- ComparisonTest.cpp - A model beside its base -----------------------===//

#include "qzc/Evaluate/Comparison.h"
#include "qzc/Evaluate/Softmax.h"
#include "qzc/Support/Error.h"

#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>
#include <limits>
#include <numeric>
#include <random>

namespace qzc::evaluate {
namespace {

std::vector<float> logs(const std::vector<double> &probabilities) {
  std::vector<float> out;
  for (double p : probabilities)
    out.push_back(static_cast<float>(std::log(p)));
  return out;
}

TEST(Softmax, LogSumExp) {
  const float row[] = {1, 2, 3};
  EXPECT_NEAR(logSumExp(row, 3),
              std::log(std::exp(1.0) + std::exp(2.0) + std::exp(3.0)), 1e-14);
  const float large[] = {1000, 1000};
  EXPECT_NEAR(logSumExp(large, 2), 1000 + std::log(2.0), 1e-12);
  const float broken[] = {1, std::numeric_limits<float>::quiet_NaN()};
  EXPECT_TRUE(std::isnan(logSumExp(broken, 2)));
}

TEST(Comparison, OfTwoDistributions) {
  // Rows need not be normalised: both are shifted.
  std::vector<float> base = logs({0.5 * 8, 0.25 * 8, 0.25 * 8});
  std::vector<float> model = logs({0.25 / 4, 0.5 / 4, 0.25 / 4});
  TokenComparison token = compareToken(base.data(), model.data(), 3, 1);
  EXPECT_NEAR(token.baseNll, std::log(4.0), 1e-6);
  EXPECT_NEAR(token.nll, std::log(2.0), 1e-6);
  EXPECT_NEAR(token.divergence, 0.5 * std::log(2.0) - 0.25 * std::log(2.0),
              1e-6);
  EXPECT_NEAR(token.change, 0.25, 1e-6);
  EXPECT_FALSE(token.sameTop);
}

TEST(Comparison, OfAModelWithItself) {
  std::vector<float> row = {0.1f, -3.5f, 2.25f, 2.25f};
  TokenComparison token = compareToken(row.data(), row.data(), 4, 3);
  EXPECT_EQ(token.divergence, 0);
  EXPECT_EQ(token.change, 0);
  EXPECT_TRUE(token.sameTop);
  // Of equal logits the first is the top.
  std::vector<float> other = {0.1f, -3.5f, 2.2f, 2.25f};
  EXPECT_FALSE(compareToken(row.data(), other.data(), 4, 3).sameTop);
}

TEST(Comparison, SmallDivergencesKeepTheirDigits) {
  // Σ p d² / 2 where logits differ by d: second order in the difference.
  std::mt19937 random(7);
  std::normal_distribution<float> normal;
  constexpr int64_t kVocab = 20000;
  std::vector<float> base;
  std::vector<float> model;
  for (int64_t i = 0; i < kVocab; ++i) {
    base.push_back(3 * normal(random));
    model.push_back(base.back() + 1e-4f * normal(random));
  }
  const double sum = logSumExp(base.data(), kVocab);
  double mean = 0;
  double square = 0;
  for (int64_t i = 0; i < kVocab; ++i) {
    const double p = std::exp(base[i] - sum);
    const double d = double{model[i]} - base[i];
    mean += p * d;
    square += p * d * d;
  }
  const double expected = (square - mean * mean) / 2;
  const double got =
      compareToken(base.data(), model.data(), kVocab, 0).divergence;
  EXPECT_NEAR(got / expected, 1, 1e-3);
}

/// Losses, divergences and changes of `count` tokens that have little to do
/// with each other.
std::vector<TokenComparison> someTokens(int count) {
  std::mt19937 random(3);
  std::exponential_distribution<double> positive(0.5);
  std::normal_distribution<double> normal;
  std::vector<TokenComparison> tokens;
  for (int i = 0; i < count; ++i) {
    TokenComparison token;
    token.baseNll = positive(random);
    token.nll = token.baseNll + 0.1 * normal(random);
    token.divergence = 0.01f * static_cast<float>(positive(random));
    token.change = 0.02 * normal(random);
    token.sameTop = i % 4 != 0;
    tokens.push_back(token);
  }
  return tokens;
}

double meanOf(const std::vector<double> &values) {
  return std::accumulate(values.begin(), values.end(), 0.0) /
         static_cast<double>(values.size());
}

/// The standard error of the mean.
double errorOf(const std::vector<double> &values) {
  const double mean = meanOf(values);
  double squares = 0;
  for (double value : values)
    squares += (value - mean) * (value - mean);
  const auto n = static_cast<double>(values.size());
  return std::sqrt(squares / n / (n - 1));
}

TEST(Comparison, FiguresFollowTheirDefinitions) {
  std::vector<TokenComparison> tokens = someTokens(41);
  ComparisonSum sum;
  std::vector<double> nll, baseNll, gaps, divergences, changes, squares, tops;
  for (const TokenComparison &token : tokens) {
    sum.add(token);
    nll.push_back(token.nll);
    baseNll.push_back(token.baseNll);
    gaps.push_back(token.nll - token.baseNll);
    divergences.push_back(token.divergence);
    changes.push_back(token.change);
    squares.push_back(token.change * token.change);
    tops.push_back(token.sameTop ? 1 : 0);
  }
  Comparison got = sum.result();
  const double model = std::exp(meanOf(nll));
  const double base = std::exp(meanOf(baseNll));
  EXPECT_EQ(got.tokens, 41);
  EXPECT_NEAR(got.perplexity.value, model, 1e-12);
  EXPECT_NEAR(got.perplexity.error, model * errorOf(nll), 1e-12);
  EXPECT_NEAR(got.basePerplexity.value, base, 1e-12);
  EXPECT_NEAR(got.logRatio.value, meanOf(gaps), 1e-12);
  // Paired: the error of the mean difference.
  EXPECT_NEAR(got.logRatio.error, errorOf(gaps), 1e-10);
  EXPECT_NEAR(got.ratio.value, model / base, 1e-12);
  EXPECT_NEAR(got.ratio.error, model / base * errorOf(gaps), 1e-10);
  EXPECT_NEAR(got.difference.value, model - base, 1e-12);
  std::vector<double> weighted;
  for (size_t i = 0; i < nll.size(); ++i)
    weighted.push_back(model * nll[i] - base * baseNll[i]);
  EXPECT_NEAR(got.difference.error, errorOf(weighted), 1e-10);
  EXPECT_NEAR(got.divergence.value, meanOf(divergences), 1e-12);
  EXPECT_NEAR(got.divergence.error, errorOf(divergences), 1e-12);
  EXPECT_NEAR(got.sameTop.value, 30.0 / 41, 1e-12);
  EXPECT_NEAR(got.sameTop.error, std::sqrt(30.0 / 41 * 11 / 41 / 40), 1e-12);
  EXPECT_NEAR(got.meanChange.value, meanOf(changes), 1e-12);
  const double root = std::sqrt(meanOf(squares));
  EXPECT_NEAR(got.rmsChange.value, root, 1e-12);
  EXPECT_NEAR(got.rmsChange.error, errorOf(squares) / (2 * root), 1e-12);
  EXPECT_GT(got.correlation, 0.9);
  EXPECT_LT(got.correlation, 1);
}

TEST(Comparison, QuantilesAndHistogram) {
  ComparisonSum sum;
  for (int i = 100; i >= 0; --i)
    sum.add({1, 1, i / 100.0, 0, true});
  Comparison got = sum.result();
  for (const Quantile &quantile : got.divergenceQuantiles)
    EXPECT_NEAR(quantile.value, quantile.fraction, 1e-7);
  EXPECT_EQ(got.divergenceQuantiles.front().fraction, 0);
  EXPECT_EQ(got.divergenceQuantiles.back().fraction, 1);
  const Histogram &histogram = got.divergenceHistogram;
  ASSERT_EQ(histogram.edges.size(), histogram.counts.size() + 1);
  EXPECT_EQ(histogram.below, 1);
  EXPECT_EQ(histogram.above, 0);
  EXPECT_EQ(std::accumulate(histogram.counts.begin(), histogram.counts.end(),
                            int64_t{0}),
            100);
  // From 0.1 on: 0.10 to 0.15, the bin's end being 0.158.
  const auto bin =
      std::find_if(histogram.edges.begin(), histogram.edges.end(),
                   [](double edge) { return std::abs(edge - 0.1) < 1e-12; });
  ASSERT_NE(bin, histogram.edges.end());
  EXPECT_EQ(
      histogram.counts[static_cast<size_t>(bin - histogram.edges.begin())], 6);
}

TEST(Comparison, OneTokenHasNoErrors) {
  ComparisonSum sum;
  sum.add({2, 1, 0.5, -0.25, false});
  Comparison got = sum.result();
  EXPECT_NEAR(got.ratio.value, std::exp(1), 1e-12);
  EXPECT_EQ(got.ratio.error, 0);
  EXPECT_EQ(got.correlation, 0);
  for (const Quantile &quantile : got.divergenceQuantiles)
    EXPECT_EQ(quantile.value, 0.5);
}

TEST(Comparison, WhatIsNoNumberIsRefused) {
  ComparisonSum sum;
  const float fine[] = {1, 2};
  for (float wrong : {std::numeric_limits<float>::quiet_NaN(),
                      std::numeric_limits<float>::infinity()}) {
    const float broken[] = {1, wrong};
    EXPECT_THROW(sum.add(compareToken(fine, broken, 2, 0)), Error);
    EXPECT_THROW(sum.add(compareToken(broken, fine, 2, 0)), Error);
  }
  EXPECT_EQ(sum.tokens(), 0);
}

} // namespace
} // namespace qzc::evaluate
