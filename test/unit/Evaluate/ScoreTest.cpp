//===- ScoreTest.cpp - What the model is shown, and the statistics --------===//

#include "qzc/Evaluate/Perplexity.h"
#include "qzc/Support/Error.h"

#include <cmath>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <limits>

namespace qzc::evaluate {
namespace {

/// A model whose loss of token t after token s is (7 t + 3 s) mod 5.
void fakeModel(const std::vector<ScoredWindow> &windows) {
  for (const ScoredWindow &window : windows)
    for (int64_t i = window.firstScored; i < window.count; ++i)
      window.losses[i] = static_cast<float>(
          (7 * window.targets[i] + 3 * window.tokens[i]) % 5);
}

constexpr ScoreBatch kOne;

Text textOf(int64_t tokens) {
  Text text;
  for (int64_t i = 0; i < tokens; ++i)
    text.tokens.push_back(static_cast<int32_t>(i * i % 11));
  return text;
}

TEST(Score, IsTheMeanOverScoredTokens) {
  ProtocolOptions options;
  options.context = 5;
  Text text = textOf(23);
  Plan made = plan(text, options);
  int64_t reported = 0;
  Score result = score(text, made, options, kOne, fakeModel,
                       [&](int64_t done) { reported += done; });

  std::vector<double> losses;
  for (size_t i = 1; i < 20; ++i)
    if (i % 5)
      losses.push_back((7 * text.tokens[i] + 3 * text.tokens[i - 1]) % 5);
  double mean = 0;
  for (double loss : losses)
    mean += loss / double(losses.size());
  double variance = 0;
  for (double loss : losses)
    variance += (loss - mean) * (loss - mean) / double(losses.size() - 1);
  EXPECT_EQ(result.tokensScored, 16);
  EXPECT_EQ(reported, 16);
  EXPECT_EQ(result.windows, 4);
  EXPECT_NEAR(result.meanNll, mean, 1e-12);
  EXPECT_NEAR(result.perplexity, std::exp(mean), 1e-12);
  EXPECT_NEAR(result.meanNllError, std::sqrt(variance / double(losses.size())),
              1e-12);
  EXPECT_NEAR(result.perplexityError, result.perplexity * result.meanNllError,
              1e-12);
  EXPECT_FALSE(result.meanLinePerplexity);
}

TEST(Score, ShowsTheModelWhatTheProtocolSays) {
  struct Call {
    std::vector<int32_t> tokens;
    std::vector<int32_t> targets;
    int64_t first;
  };
  auto calls = [](const Text &text, const ProtocolOptions &options) {
    std::vector<Call> seen;
    score(text, plan(text, options), options, kOne,
          [&](const std::vector<ScoredWindow> &windows) {
            for (const ScoredWindow &window : windows)
              seen.push_back({{window.tokens, window.tokens + window.count},
                              {window.targets, window.targets + window.count},
                              window.firstScored});
          },
          {});
    return seen;
  };
  auto bytes = [](std::string_view line) {
    return std::vector<int32_t>(line.begin(), line.end());
  };
  using Ids = std::vector<int32_t>;

  ProtocolOptions options;
  options.context = 3;
  options.bosId = 9;
  options.bos = BosMode::Window;
  auto seen = calls(tokenize("\1\2\3\4", options, bytes), options);
  ASSERT_EQ(seen.size(), 2u);
  EXPECT_EQ(seen[1].tokens, (Ids{9, 3}));
  EXPECT_EQ(seen[1].targets, (Ids{3, 4}));
  EXPECT_EQ(seen[1].first, 0);

  options.bos = BosMode::First;
  seen = calls(tokenize("\1\2\3\4\5", options, bytes), options);
  ASSERT_EQ(seen.size(), 2u);
  EXPECT_EQ(seen[0].tokens, (Ids{9, 1}));
  EXPECT_EQ(seen[1].tokens, (Ids{3, 4}));

  options.bos = BosMode::None;
  options.protocol = Protocol::LlamaCpp;
  options.context = 4;
  seen = calls(tokenize("\1\2\3\4\5\6\7", options, bytes), options);
  ASSERT_EQ(seen.size(), 2u);
  EXPECT_EQ(seen[0].tokens, (Ids{9, 1, 2}));
  EXPECT_EQ(seen[1].tokens, (Ids{9, 5, 6}));
  EXPECT_EQ(seen[1].targets, (Ids{5, 6, 7}));
  EXPECT_EQ(seen[1].first, 2);

  options.protocol = Protocol::Stride;
  options.context = 4;
  options.stride = 2;
  seen = calls(tokenize("\1\2\3\4\5\6", options, bytes), options);
  ASSERT_EQ(seen.size(), 2u);
  EXPECT_EQ(seen[1].tokens, (Ids{3, 4, 5}));
  EXPECT_EQ(seen[1].first, 1);
}

TEST(Score, BatchesHoldWhatFitsInOrder) {
  ProtocolOptions options;
  options.protocol = Protocol::Lines;
  options.context = 20;
  Text text = textOf(60);
  text.lineStarts = {0, 3, 6, 20, 22, 25, 40, 42, 45};
  const Plan made = plan(text, options);
  const Score alone = score(text, made, options, kOne, fakeModel, {});
  const auto sizes = [&](ScoreBatch batch) {
    std::vector<size_t> seen;
    int64_t reported = 0;
    const Score together = score(
        text, made, options, batch,
        [&](const std::vector<ScoredWindow> &windows) {
          seen.push_back(windows.size());
          fakeModel(windows);
        },
        [&](int64_t done) { reported += done; });
    EXPECT_EQ(together.meanNll, alone.meanNll);
    EXPECT_EQ(together.meanNllError, alone.meanNllError);
    EXPECT_EQ(together.meanLinePerplexity, alone.meanLinePerplexity);
    EXPECT_EQ(reported, alone.tokensScored);
    return seen;
  };
  // Rows: 2, 2, 13, 1, 2, 14, 1, 2, 14.
  EXPECT_THAT(sizes({1, 100}), testing::ElementsAre(1, 1, 1, 1, 1, 1, 1, 1, 1));
  EXPECT_THAT(sizes({100, 100}), testing::ElementsAre(9));
  EXPECT_THAT(sizes({4, 100}), testing::ElementsAre(4, 4, 1));
  EXPECT_THAT(sizes({100, 17}), testing::ElementsAre(3, 3, 3));
  EXPECT_THAT(sizes({100, 3}), testing::ElementsAre(1, 1, 1, 2, 1, 2, 1));
}

TEST(Score, OfLinesHasBothMeans) {
  ProtocolOptions options;
  options.protocol = Protocol::Lines;
  options.context = 8;
  Text text;
  text.tokens = {1, 2, 3, 4, 1};
  text.lineStarts = {0, 3};
  Score result = score(text, plan(text, options), options, kOne, fakeModel, {});
  // Losses (17, 27) mod 5 = 2, 2 and (7 + 12) mod 5 = 4.
  EXPECT_NEAR(result.meanNll, 8.0 / 3, 1e-12);
  ASSERT_TRUE(result.meanLinePerplexity);
  EXPECT_NEAR(*result.meanLinePerplexity, (std::exp(2) + std::exp(4)) / 2,
              1e-9);
}

TEST(Score, BitsAByteKnowNoTokens) {
  Score score;
  score.meanNll = 3 * std::log(2.0);
  score.meanNllError = 0.5 * std::log(2.0);
  const Estimate bits = bitsPerByte(score, 100, 400);
  EXPECT_NEAR(bits.value, 0.75, 1e-12);
  EXPECT_NEAR(bits.error, 0.125, 1e-12);
  // Tokens of half the length that cost half as much.
  score.meanNll /= 2;
  EXPECT_NEAR(bitsPerByte(score, 200, 400).value, 0.75, 1e-12);
}

TEST(Score, RefusesLossesThatAreNoNumbers) {
  ProtocolOptions options;
  options.context = 4;
  Text text = textOf(8);
  for (float bad : {std::numeric_limits<float>::quiet_NaN(),
                    std::numeric_limits<float>::infinity()}) {
    try {
      score(text, plan(text, options), options, {2, 100},
            [&](const std::vector<ScoredWindow> &windows) {
              for (const ScoredWindow &window : windows)
                window.losses[1] = window.tokens[0] == 0 ? 0 : bad;
            },
            {});
      ADD_FAILURE() << "accepted";
    } catch (const Error &error) {
      EXPECT_THAT(error.what(), testing::HasSubstr("token 2 in window 1"));
    }
  }
}

} // namespace
} // namespace qzc::evaluate
