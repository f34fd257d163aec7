//===- SamplerTest.cpp - Choosing the next token --------------------------===//

#include "Sampler.h"
#include "qzc/Runtime/Argmax.h"
#include "qzc/Support/Error.h"

#include <cmath>
#include <gtest/gtest.h>
#include <limits>
#include <map>

namespace qzc::runtime {
namespace {

std::map<int32_t, double> frequencies(const SamplerOptions &options,
                                      const std::vector<float> &logits) {
  constexpr int kDraws = 40000;
  Sampler sampler(options);
  std::map<int32_t, double> out;
  for (int i = 0; i < kDraws; ++i)
    out[sampler.choose(logits.data(), static_cast<int64_t>(logits.size()))] +=
        1.0 / kDraws;
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
    Sampler sampler(options);
    for (int i = 0; i < 12; ++i)
      out->push_back(sampler.choose(kLogits.data(), 4));
  }
  EXPECT_EQ(first, second);
}

} // namespace
} // namespace qzc::runtime
