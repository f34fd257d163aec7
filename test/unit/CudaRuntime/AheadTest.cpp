//===- AheadTest.cpp - Decode steps that are started ahead ----------------===//
//
// On the fake driver, which runs what is launched at once: a step ahead has
// left its tokens and counted positions before the one in front of it is waited
// for.
//
//===----------------------------------------------------------------------===//

#include "CudaFixture.h"

using namespace qzc;
using namespace qzc::test;

namespace {
class CudaAheadTest : public CudaFixture {
protected:
  static int after(int position, int token) {
    return (position * 3 + token) % int(kVocab);
  }
  /// Of whose likeliest `topK` tokens the fake device takes the last one.
  static Draw among(int topK) { return {0.5, 1e-3, 1, 0, topK, 0}; }
  /// Two sequences, with the cache in halves.
  static runtime::EngineOptions halves() {
    runtime::EngineOptions options;
    options.context = kContext;
    options.cache = runtime::CacheType::F16;
    options.sequences = 2;
    return options;
  }
  /// Has the `number`-th decode step from now on overflow the cache of
  /// `sequence`.
  void overflowIn(int number, int sequence) {
    const auto isBody = [](const FakeLaunch &l) { return l.kernel == "body"; };
    auto *device =
        std::find_if(Fake->launches.begin(), Fake->launches.end(), isBody)
            ->pointer<DeviceState>(0);
    Fake->onLaunch = [=, left = number](const FakeLaunch &launch) mutable {
      play(launch);
      if (launch.kernel != "step" || --left != 0)
        return;
      device->beyondCache = 1;
      reinterpret_cast<CacheRange *>(device + 1)[sequence].key = 70000;
    };
  }
};

TEST_F(CudaAheadTest, AStepIsLaunchedOnce) {
  auto text = openText();
  int token = 5;
  for (int position = 0; position != 5; ++position) {
    const int32_t chosen = text->decodeGreedy(token, /*ahead=*/position < 4);
    EXPECT_EQ(chosen, after(position, token));
    EXPECT_EQ(text->engine().length(text->id()), position + 1);
    EXPECT_EQ(Fake->graphLaunches, std::min(position + 2, 5));
    token = chosen;
  }
}

TEST_F(CudaAheadTest, AnotherTokenIsTakenAsIfNoneHadBeen) {
  auto text = openText();
  const int chosen = text->decodeGreedy(5, /*ahead=*/true);
  ASSERT_NE(chosen, 7);
  EXPECT_EQ(text->decodeGreedy(7, /*ahead=*/true), after(1, 7));
  EXPECT_EQ(text->decodeGreedy(after(1, 7)), after(2, after(1, 7)));
  EXPECT_EQ(Fake->graphLaunches, 2 + 2);
}

TEST_F(CudaAheadTest, WhatElseIsAskedForComesBehindTheStep) {
  const std::vector<int32_t> tokens = {5, 0, 19};
  std::vector<float> logits(kVocab);
  const std::vector<std::function<void(Text &, int)>> calls = {
      [&](Text &text, int) { text.prefill(tokens.data(), 1, logits.data()); },
      [&](Text &text, int) { text.decode(5, logits.data()); },
      // The token that the step ahead has taken.
      [&](Text &text, int chosen) { text.decode(chosen, logits.data()); },
  };
  for (size_t i = 0; i != calls.size(); ++i) {
    auto text = openText();
    const int chosen = text->decodeGreedy(2, /*ahead=*/true);
    calls[i](*text, chosen);
    const int token = i == 2 ? chosen : 5;
    for (int64_t id = 0; id != kVocab; ++id)
      ASSERT_EQ(logits[size_t(id)], tinyLogit(tinyHidden(1, token), id)) << i;
    EXPECT_EQ(text->engine().length(text->id()), 2);
    EXPECT_EQ(text->decodeGreedy(9), after(2, 9));
    text->decodeMany(1, 2);
    EXPECT_EQ(text->position(), 5);
  }
}

TEST_F(CudaAheadTest, ManyStepsBehindOneAreAsManyAsAskedFor) {
  auto text = openText();
  int token = text->decodeGreedy(2, /*ahead=*/true);
  text->decodeMany(token, 3);
  for (int position = 1; position != 4; ++position)
    token = after(position, token);
  EXPECT_EQ(text->decodeGreedy(token), after(4, token));
}

TEST_F(CudaAheadTest, ASequenceThatIsClosedTakesItsStepWithIt) {
  auto engine = open();
  int token;
  size_t awaited;
  {
    runtime::Sequence text(*engine);
    text.decodeGreedy(1);
    token = text.decodeGreedy(2, /*ahead=*/true);
    awaited = Fake->awaited.size();
  }
  EXPECT_EQ(Fake->awaited.size(), awaited - 1);
  // The same place of the same number, and another past.
  runtime::Sequence text(*engine);
  text.decodeGreedy(4);
  text.decodeGreedy(4);
  Fake->graphLaunches = 0;
  EXPECT_EQ(text.decodeGreedy(token), after(2, token));
  EXPECT_EQ(Fake->graphLaunches, 1);
}

TEST_F(CudaAheadTest, TheContextsLastPositionHasNothingBehindIt) {
  runtime::EngineOptions options;
  options.context = 3;
  auto text = openText(options);
  int token = 5;
  for (int position = 0; position != 3; ++position) {
    const int32_t chosen = text->decodeGreedy(token, /*ahead=*/true);
    EXPECT_EQ(chosen, after(position, token));
    token = chosen;
  }
  EXPECT_EQ(Fake->graphLaunches, 3);
  EXPECT_THAT(errorOf([&] { text->decodeGreedy(token, /*ahead=*/true); }),
              testing::HasSubstr("the context of 3 tokens is full"));
}

TEST_F(CudaAheadTest, AStepThatIsNotLaunchedIsAnErrorAndIsForgotten) {
  auto text = openText();
  Fake->mostGraphLaunches = 1;
  EXPECT_THAT(errorOf([&] { text->decodeGreedy(5, /*ahead=*/true); }),
              testing::HasSubstr("launching the decode step"));
  Fake->mostGraphLaunches = 1 << 30;
  text->rewind(0);
  EXPECT_EQ(text->decodeGreedy(7, /*ahead=*/true), after(0, 7));
  EXPECT_EQ(text->decodeGreedy(after(0, 7)), after(1, after(0, 7)));
}

TEST_F(CudaAheadTest, DrawsAreOfTheirSteps) {
  auto text = openText();
  const int first = text->decodeDrawn(5, among(2), {among(3)});
  EXPECT_EQ(first, after(0, 5) - 1);
  const int second = text->decodeDrawn(first, among(3), {among(1)});
  EXPECT_EQ(second, after(1, first) + 1); // as likely as two before
  EXPECT_EQ(text->decodeDrawn(second, among(1)), after(2, second));
  EXPECT_EQ(Fake->graphLaunches, 3);
}

TEST_F(CudaAheadTest, AnotherDrawIsAnotherStep) {
  auto text = openText();
  int token = text->decodeDrawn(5, among(2), {among(1)});
  EXPECT_EQ(text->decodeDrawn(token, among(2), {among(2)}),
            after(1, token) - 1);
  token = after(1, token) - 1;
  EXPECT_EQ(text->decodeGreedy(token), after(2, token));
  EXPECT_EQ(Fake->graphLaunches, 2 + 2 + 1);
}

TEST_F(CudaAheadTest, TheHostsDrawsAreNotAhead) {
  auto text = openText();
  EXPECT_EQ(text->decodeDrawn(5, among(0), {among(0)}), after(0, 5));
  EXPECT_EQ(text->decodeDrawn(6, among(1), {among(0)}), after(1, 6));
  EXPECT_EQ(Fake->graphLaunches, 2);
}

TEST_F(CudaAheadTest, SequencesGoAheadTogetherAsFarAsAPassTakesThem) {
  for (const int count : {3, 4, 5}) {
    runtime::EngineOptions options;
    options.context = kContext;
    options.sequences = count;
    auto engine = open(options);
    std::vector<runtime::Step> steps;
    for (int i = 0; i != count; ++i)
      steps.push_back({engine->open(), 0, 2 * i + 1});
    Fake->graphLaunches = 0;
    for (int step = 0; step != 3; ++step) {
      std::vector<int32_t> chosen(size_t(count), -1);
      engine->decodeGreedy(steps, /*ahead=*/step < 2, chosen.data());
      for (size_t i = 0; i != steps.size(); ++i) {
        ASSERT_EQ(chosen[i], after(step, steps[i].token));
        steps[i].token = chosen[i];
        ++steps[i].position;
      }
    }
    EXPECT_EQ(Fake->graphLaunches, count > 4 ? 6 : 3);
    // One of them ends.
    steps.pop_back();
    std::vector<int32_t> chosen(steps.size());
    engine->decodeGreedy(steps, /*ahead=*/true, chosen.data());
    for (size_t i = 0; i != steps.size(); ++i)
      EXPECT_EQ(chosen[i], after(3, steps[i].token));
  }
}

TEST_F(CudaAheadTest, ANumberThatIsNoneIsAnErrorOfItsToken) {
  auto text = openText();
  Fake->onLaunch = [count = 0](const FakeLaunch &launch) mutable {
    play(launch);
    if (launch.kernel == "choose" && ++count == 2)
      launch.pointer<TokenRow>(2)->token = -1 - 7;
  };
  const int token = text->decodeGreedy(5, /*ahead=*/true);
  EXPECT_EQ(token, after(0, 5));
  EXPECT_EQ(errorOf([&] { text->decodeGreedy(token, /*ahead=*/true); }),
            "the logit of token 7 is not a number");
  text->rewind(0);
  EXPECT_EQ(text->decodeGreedy(5), after(0, 5));
}

TEST_F(CudaAheadTest, ACacheThatOverflowsAheadIsAnErrorOfThatStep) {
  auto engine = open(halves());
  runtime::Sequence text(*engine);
  const int32_t prompt = 1;
  text.prefill(&prompt, 1, nullptr);
  overflowIn(2, text.id());
  const int token = text.decodeGreedy(5, /*ahead=*/true);
  EXPECT_EQ(token, after(1, 5));
  EXPECT_THAT(errorOf([&] { text.decodeGreedy(token, /*ahead=*/true); }),
              testing::HasSubstr("layer 0 reach 7e+04"));
}

TEST_F(CudaAheadTest, AnOverflowThatNobodyAskedForIsNone) {
  auto engine = open(halves());
  runtime::Sequence ended(*engine);
  runtime::Sequence other(*engine);
  const int32_t prompt = 1;
  for (runtime::Sequence *text : {&ended, &other})
    text->prefill(&prompt, 1, nullptr);
  overflowIn(2, ended.id());
  ended.decodeGreedy(5, /*ahead=*/true);
  EXPECT_EQ(other.decodeGreedy(5), after(1, 5));
  // Nor is it blamed for what comes later.
  overflowIn(1, other.id());
  try {
    other.decodeGreedy(5);
    FAIL() << "accepted";
  } catch (const runtime::SequenceError &error) {
    EXPECT_EQ(error.sequence(), other.id());
  }
}

TEST_F(CudaAheadTest, AnEngineThatGoesWaitsForItsStep) {
  auto text = openText();
  text->decodeGreedy(5, /*ahead=*/true);
  const size_t awaited = Fake->awaited.size();
  text.reset();
  EXPECT_EQ(Fake->awaited.size(), awaited - 1);
  auto failing = openText();
  failing->decodeGreedy(5, /*ahead=*/true);
  Fake->syncResult = CUDA_ERROR_ILLEGAL_ADDRESS;
  EXPECT_THAT(errorOf([&] { failing->decodeGreedy(after(0, 5)); }),
              testing::HasSubstr("decoding a token failed"));
}
} // namespace
