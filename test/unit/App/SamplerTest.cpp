//===- SamplerTest.cpp - Choosing the next token --------------------------===//

#include "Sampler.h"
#include "qzc/Runtime/Argmax.h"
#include "qzc/Support/Error.h"

#include <cmath>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>

namespace qzc::runtime {
namespace {

std::map<int32_t, double> frequencies(const SamplerOptions &options,
                                      const std::vector<float> &logits) {
  constexpr int kDraws = 40000;
  Sampler sampler(options, static_cast<int64_t>(logits.size()));
  std::map<int32_t, double> out;
  for (int i = 0; i < kDraws; ++i) {
    std::vector<float> row = logits;
    out[sampler.choose(row.data())] += 1.0 / kDraws;
  }
  return out;
}

const std::vector<float> kLogits = {std::log(0.1f), std::log(0.4f),
                                    std::log(0.2f), std::log(0.3f)};

TEST(Argmax, TakesTheLowestIdAmongEquals) {
  std::vector<float> logits = {1, 3, 3, 2};
  EXPECT_EQ(argmax(logits.data(), 4), 1);
  logits[3] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THROW(argmax(logits.data(), 4), Error);
}

TEST(Sampler, DrawsByProbability) {
  SamplerOptions options;
  options.temperature = 1;
  options.topK = 0;
  options.topP = 1;
  auto drawn = frequencies(options, kLogits);
  EXPECT_NEAR(drawn[0], 0.1, 0.01);
  EXPECT_NEAR(drawn[1], 0.4, 0.01);
  EXPECT_NEAR(drawn[2], 0.2, 0.01);
  EXPECT_NEAR(drawn[3], 0.3, 0.01);
  options.temperature = 0.5; // squares, over 0.30
  EXPECT_NEAR(frequencies(options, kLogits)[1], 0.16 / 0.30, 0.01);
}

TEST(Sampler, KnowsTheNextDraw) {
  Sampler sampler({}, 4);
  std::vector<float> row = kLogits;
  for (int i = 0; i != 3; ++i) {
    const Draw upcoming = sampler.upcoming();
    EXPECT_EQ(sampler.next().uniform, upcoming.uniform);
    EXPECT_NE(sampler.upcoming().uniform, upcoming.uniform);
    sampler.choose(row.data()); // takes one, too
  }
}

TEST(Sampler, CutsToTheLikeliest) {
  SamplerOptions options;
  options.temperature = 1;
  options.topP = 1;
  options.topK = 2;
  auto drawn = frequencies(options, kLogits);
  EXPECT_EQ(drawn.size(), 2u);
  EXPECT_NEAR(drawn[1], 4.0 / 7, 0.01);
  options.topK = 0;
  options.topP = 0.8; // 0.4 + 0.3 fall short of it
  drawn = frequencies(options, kLogits);
  EXPECT_EQ(drawn.size(), 3u);
  EXPECT_NEAR(drawn[1], 4.0 / 9, 0.01);
  options.topP = 1e-9;
  EXPECT_EQ(frequencies(options, kLogits).size(), 1u);
}

TEST(Sampler, AtZeroIsGreedy) {
  SamplerOptions options;
  options.temperature = 0;
  EXPECT_EQ(frequencies(options, kLogits).size(), 1u);
}

TEST(Sampler, DependsOnTheSeedAlone) {
  SamplerOptions options;
  options.temperature = 1;
  options.seed = 42;
  std::vector<int32_t> first;
  std::vector<int32_t> second;
  for (auto *out : {&first, &second}) {
    Sampler sampler(options, 4);
    std::vector<float> logits = kLogits;
    for (int i = 0; i < 12; ++i)
      out->push_back(sampler.choose(logits.data()));
  }
  EXPECT_EQ(first, second);
}

/// test/golden/sampling: what transformers leaves to draw from.
TEST(Sampler, LeavesWhatTransformersLeaves) {
  std::ifstream file(QZC_TEST_DATA "/golden/sampling/choices.json");
  const auto cases = nlohmann::json::parse(file);
  ASSERT_EQ(cases.size(), 80u);
  for (const auto &golden : cases) {
    SamplerOptions options;
    options.temperature = golden["temperature"];
    options.topK = golden["top_k"];
    options.topP = golden["top_p"];
    options.minP = golden["min_p"];
    options.repetitionPenalty = golden["repetition_penalty"];
    auto logits = golden["logits"].get<std::vector<float>>();
    Sampler sampler(options, static_cast<int64_t>(logits.size()));
    for (int32_t token : golden["seen"])
      sampler.see(token);
    sampler.penalize(logits.data());
    double total = 0;
    HostDraw host;
    const std::vector<HostDraw::Choice> &choices = host.choices(
        logits.data(), static_cast<int64_t>(logits.size()), sampler.next());
    for (const HostDraw::Choice &choice : choices)
      total += choice.weight;
    std::vector<int32_t> ids;
    std::vector<double> probabilities;
    for (const HostDraw::Choice &choice : choices) {
      ids.push_back(choice.id);
      probabilities.push_back(choice.weight / total);
    }
    EXPECT_EQ(ids, golden["ids"].get<std::vector<int32_t>>()) << golden;
    EXPECT_THAT(
        probabilities,
        testing::Pointwise(testing::DoubleNear(1e-5),
                           golden["probabilities"].get<std::vector<double>>()))
        << golden;
  }
}

TEST(Sampler, PenaltyGoesWithTheLikeliestToo) {
  SamplerOptions options;
  options.temperature = 0;
  EXPECT_FALSE(Sampler(options, 3).penalizes());
  options.repetitionPenalty = 2;
  Sampler sampler(options, 3);
  EXPECT_TRUE(sampler.penalizes());
  auto next = [&] {
    std::vector<float> logits = {1.5f, 2, 1.25f};
    return sampler.choose(logits.data());
  };
  EXPECT_EQ(next(), 1); // now 1.0
  EXPECT_EQ(next(), 0); // now 0.75
  EXPECT_EQ(next(), 2);
  EXPECT_EQ(next(), 1);
}

} // namespace
} // namespace qzc::runtime
