//===- DrawTest.cpp - Tokens that are drawn, on the fake driver -----------===//

#include "CudaFixture.h"

using namespace qzc;
using namespace qzc::test;

namespace {
class CudaDrawTest : public CudaFixture {
protected:
  int64_t drawLaunches() const {
    return std::count_if(
        Fake->launches.begin(), Fake->launches.end(),
        [](const FakeLaunch &launch) { return launch.kernel == "draw"; });
  }
  /// Of whose likeliest `topK` tokens the fake device takes the last one.
  static Draw among(int topK) { return {0.5, 1e-3, 1, 0, topK, 0}; }
  /// The likeliest token; the next likeliest is the one before.
  static int after(int position, int token) {
    return (position * 3 + token) % int(kVocab);
  }
};

TEST_F(CudaDrawTest, GoesOnWithWhatTheDeviceDrew) {
  auto text = openText();
  const int first = text->decodeDrawn(5, among(2));
  EXPECT_EQ(first, after(0, 5) - 1);
  const int second = text->decodeDrawn(first, among(1));
  EXPECT_EQ(second, after(1, first));
  EXPECT_EQ(text->decodeGreedy(second), after(2, second));
  EXPECT_EQ(text->position(), 3);
  EXPECT_EQ(drawLaunches(), 2);
}

TEST_F(CudaDrawTest, EverySequenceHasItsDraw) {
  runtime::EngineOptions options;
  options.context = kContext;
  options.sequences = 5; // one more than a pass takes
  auto engine = open(options);
  std::vector<runtime::Step> steps;
  std::vector<Draw> draws;
  for (int i = 0; i != 5; ++i) {
    steps.push_back({engine->open(), 0, 4 + i});
    draws.push_back(among(1 + i % 2));
  }
  std::vector<int32_t> chosen(5);
  engine->decodeDrawn(steps, draws, {}, chosen.data());
  for (int i = 0; i != 5; ++i)
    EXPECT_EQ(chosen[size_t(i)], after(0, 4 + i) - i % 2) << i;
  EXPECT_EQ(drawLaunches(), 2);
}

TEST_F(CudaDrawTest, TheHostDrawsFromMoreThanTheDeviceCan) {
  auto text = openText();
  EXPECT_EQ(text->decodeDrawn(5, among(0)), after(0, 5));
  EXPECT_EQ(text->decodeDrawn(6, among(kMostDrawn + 1)), after(1, 6));
  EXPECT_EQ(drawLaunches(), 0);
}

TEST_F(CudaDrawTest, ALogitThatIsNoNumberIsAnError) {
  auto text = openText();
  Fake->onLaunch = [](const FakeLaunch &launch) {
    if (launch.kernel == "choose")
      launch.pointer<TokenRow>(2)->token = -1 - 7;
  };
  EXPECT_EQ(errorOf([&] { text->decodeDrawn(1, among(2)); }),
            "the logit of token 7 is not a number");
}
} // namespace
