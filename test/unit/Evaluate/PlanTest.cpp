//===- PlanTest.cpp - Which tokens each protocol scores -------------------===//

#include "qzc/Evaluate/Perplexity.h"
#include "qzc/Support/Error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace qzc::evaluate {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Text textOf(int64_t tokens) {
  Text text;
  for (int64_t i = 0; i < tokens; ++i)
    text.tokens.push_back(static_cast<int32_t>(i));
  return text;
}

/// How often each text token is scored.
std::vector<int> timesScored(const Plan &plan, int64_t tokens) {
  std::vector<int> times(static_cast<size_t>(tokens));
  for (const Window &window : plan.windows) {
    int64_t front = window.bos == Window::Bos::InFront ? 1 : 0;
    for (int64_t i = window.firstScored; i < window.size(); ++i)
      ++times.at(static_cast<size_t>(window.begin + i - front));
  }
  return times;
}

std::string refusal(int64_t tokens, const ProtocolOptions &options,
                    ExitCode code) {
  try {
    plan(textOf(tokens), options);
  } catch (const Error &error) {
    EXPECT_EQ(error.code(), code);
    return error.what();
  }
  return "accepted";
}

TEST(Windows, ScoreAllButTheirFirstToken) {
  ProtocolOptions options;
  options.context = 4;
  Plan made = plan(textOf(11), options);
  EXPECT_EQ(made.windows.size(), 2u);
  EXPECT_THAT(timesScored(made, 11),
              ElementsAre(0, 1, 1, 1, 0, 1, 1, 1, 0, 0, 0));
  EXPECT_EQ(made.scored(), 6);
  EXPECT_EQ(made.largestWindow(), 4);
}

TEST(Windows, BosTakesTheFirstPlace) {
  ProtocolOptions options;
  options.context = 4;
  options.bos = BosMode::Window;
  options.bosId = 99;
  Plan made = plan(textOf(7), options);
  EXPECT_THAT(timesScored(made, 7), ElementsAre(1, 1, 1, 1, 1, 1, 0));
  EXPECT_EQ(made.largestWindow(), 4);
}

TEST(Windows, StopAtTheMost) {
  ProtocolOptions options;
  options.context = 2;
  options.maxWindows = 3;
  EXPECT_EQ(plan(textOf(100), options).windows.size(), 3u);
}

TEST(Stride, ScoresEachNewTokenOnce) {
  for (int64_t stride : {1, 2, 3, 5}) {
    ProtocolOptions options;
    options.protocol = Protocol::Stride;
    options.context = 6;
    options.stride = stride;
    Plan made = plan(textOf(20), options);
    std::vector<int> times = timesScored(made, 20);
    int64_t last = made.windows.back().end;
    EXPECT_GT(last + stride, 20);
    for (int64_t i = 0; i < 20; ++i)
      EXPECT_EQ(times[static_cast<size_t>(i)], i > 0 && i < last ? 1 : 0)
          << "stride " << stride << " token " << i;
  }
}

TEST(Stride, OfTheContextIsWindows) {
  ProtocolOptions options;
  options.context = 5;
  Plan windows = plan(textOf(23), options);
  options.protocol = Protocol::Stride;
  options.stride = 5;
  EXPECT_EQ(timesScored(plan(textOf(23), options), 23),
            timesScored(windows, 23));
}

TEST(Stride, WithBosLeavesNoTokenOut) {
  ProtocolOptions options;
  options.protocol = Protocol::Stride;
  options.context = 5;
  options.stride = 4;
  options.bos = BosMode::Window;
  options.bosId = 99;
  EXPECT_THAT(timesScored(plan(textOf(8), options), 8),
              ElementsAre(1, 1, 1, 1, 1, 1, 1, 1));
  options.stride = 5;
  EXPECT_THAT(refusal(8, options, ExitCode::Usage), HasSubstr("--stride"));
}

TEST(LlamaCpp, ScoresTheSecondHalf) {
  ProtocolOptions options;
  options.protocol = Protocol::LlamaCpp;
  options.context = 6;
  options.bosId = 99;
  Plan made = plan(textOf(13), options);
  EXPECT_THAT(timesScored(made, 13),
              ElementsAre(0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 1, 1, 0));
  EXPECT_EQ(made.windows[1].bos, Window::Bos::Replaces);
  EXPECT_THAT(refusal(11, options, ExitCode::Failed), HasSubstr("too short"));
  // 512: 255 of each, as llama-perplexity counts.
  options.context = 512;
  EXPECT_EQ(plan(textOf(1024), options).scored(), 2 * 255);
}

TEST(LlamaCpp, ReadsATextWithoutItsLastNewlineAndAfterBos) {
  ProtocolOptions options;
  options.protocol = Protocol::LlamaCpp;
  options.bosId = 99;
  auto bytes = [](std::string_view text) {
    return std::vector<int32_t>(text.begin(), text.end());
  };
  EXPECT_THAT(tokenize("ab\n\n", options, bytes).tokens,
              ElementsAre(99, 'a', 'b', '\n'));
  EXPECT_THAT(tokenize("", options, bytes).tokens, ElementsAre(99));
  options.bosId.reset();
  EXPECT_THAT(tokenize("ab", options, bytes).tokens, ElementsAre('a', 'b'));
}

TEST(Lines, AreSamples) {
  ProtocolOptions options;
  options.protocol = Protocol::Lines;
  options.context = 4;
  auto bytes = [](std::string_view line) {
    return std::vector<int32_t>(line.begin(), line.end());
  };
  Text text = tokenize("abc\n\nd\nefgh", options, bytes);
  EXPECT_THAT(text.lineStarts, ElementsAre(0, 3, 3, 4));
  Plan made = plan(text, options);
  EXPECT_EQ(made.skippedLines, 2);
  EXPECT_THAT(timesScored(made, 8), ElementsAre(0, 1, 1, 0, 0, 1, 1, 1));
  try {
    plan(tokenize("ab\nabcde\n", options, bytes), options);
    ADD_FAILURE() << "accepted";
  } catch (const Error &error) {
    EXPECT_THAT(error.what(), HasSubstr("line 2"));
  }
  EXPECT_THROW(plan(tokenize("a\nb\n", options, bytes), options), Error);
}

TEST(Plan, RefusesWhatMakesNoSense) {
  ProtocolOptions options;
  options.context = 8;
  EXPECT_THAT(refusal(7, options, ExitCode::Failed),
              HasSubstr("too short to score: it has 7 tokens"));
  EXPECT_THAT(refusal(0, options, ExitCode::Failed), HasSubstr("too short"));
  options.bos = BosMode::First;
  EXPECT_THAT(refusal(9, options, ExitCode::Usage), HasSubstr("no BOS"));
  options.bosId = 1;
  options.protocol = Protocol::LlamaCpp;
  EXPECT_THAT(refusal(99, options, ExitCode::Usage), HasSubstr("--bos"));
  options.protocol = Protocol::Lines;
  EXPECT_THAT(refusal(99, options, ExitCode::Usage), HasSubstr("--bos"));
  options = {};
  options.context = 1;
  EXPECT_THAT(refusal(99, options, ExitCode::Usage), HasSubstr("--context"));
  options.context = 8;
  options.protocol = Protocol::Stride;
  options.stride = 9;
  EXPECT_THAT(refusal(99, options, ExitCode::Usage), HasSubstr("--stride"));
}

TEST(Names, ReadBack) {
  for (Protocol protocol : {Protocol::Windows, Protocol::Stride,
                            Protocol::LlamaCpp, Protocol::Lines})
    EXPECT_EQ(parseProtocol(name(protocol)), protocol);
  for (BosMode mode : {BosMode::None, BosMode::First, BosMode::Window})
    EXPECT_EQ(parseBosMode(name(mode)), mode);
  EXPECT_FALSE(parseProtocol("window"));
  EXPECT_FALSE(parseBosMode(""));
}

} // namespace
} // namespace qzc::evaluate
