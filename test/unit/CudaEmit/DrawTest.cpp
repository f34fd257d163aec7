//===- DrawTest.cpp - The kernel that draws a token -----------------------===//

#include "Emulator.h"

#include "DrawToken.cuh"

#include "qzc/Runtime/HostDraw.h"

#include <gtest/gtest.h>

#include <limits>
#include <random>

using namespace qzc;

namespace {
constexpr int kVocabulary = 1000;
constexpr int kStride = 1008;
constexpr int kBlocks = 4;
constexpr int kRows = 3;

void drawOfThousand(void **args) {
  kernels::drawToken<kernels::DrawToken::Config{kVocabulary, kBlocks}>(
      {{*static_cast<const float **>(args[0]), kStride},
       *static_cast<const Draw **>(args[1]),
       *static_cast<kernels::TokenKey **>(args[2]),
       *static_cast<TokenRow **>(args[3]),
       *static_cast<DeviceState **>(args[4])});
}

class DrawTest : public ::testing::Test {
protected:
  /// The tokens of rows whose greedy choice was `chosen`.
  std::vector<int> draw(int chosen = 0) {
    std::vector<TokenRow> rows(kRows, {chosen, 5, 0, 0});
    const float *logits = Logits.data();
    const Draw *draws = Draws.data();
    kernels::TokenKey *candidates = Candidates.data();
    TokenRow *rowsPointer = rows.data();
    DeviceState *state = &State;
    void *args[] = {&logits, &draws, &candidates, &rowsPointer, &state};
    emulator::runGrid({"drawToken", &drawOfThousand}, args, {kBlocks, kRows, 1},
                      256, 0, {});
    std::vector<int> tokens;
    for (const TokenRow &row : rows) {
      EXPECT_EQ(row.position, 5);
      tokens.push_back(row.token);
    }
    return tokens;
  }

  std::vector<float> Logits = std::vector<float>(kRows * kStride, -8.0f);
  std::vector<Draw> Draws = std::vector<Draw>(kRows, {0.5, 1, 1, 0, 3, 0});
  std::vector<kernels::TokenKey> Candidates =
      std::vector<kernels::TokenKey>(kRows * kBlocks * kMostDrawn);
  DeviceState State = {};
};

TEST_F(DrawTest, DrawsAsTheHostDoes) {
  std::mt19937 random(1);
  // Few values, so that many are equal, and of both signs of zero.
  std::uniform_int_distribution<int> value(-6, 6);
  std::uniform_real_distribution<double> uniform(0, 1);
  runtime::HostDraw host;
  for (int round = 0; round != 12; ++round) {
    for (float &logit : Logits)
      logit = (round % 2 ? 0.25f : -0.5f) * static_cast<float>(value(random));
    for (Draw &draw : Draws)
      draw = {uniform(random),
              0.3 + uniform(random),
              0.4 + 0.6 * uniform(random),
              0.3 * uniform(random),
              1 + static_cast<int>(uniform(random) * kMostDrawn),
              0};
    const std::vector<int> drawn = draw();
    for (int row = 0; row != kRows; ++row)
      EXPECT_EQ(drawn[row], host.token(Logits.data() + row * kStride,
                                       kVocabulary, Draws[row]))
          << "round " << round << ", row " << row;
  }
}

TEST_F(DrawTest, TakesTheLowestIdsAmongEquals) {
  Draws[0].uniform = 0;
  Draws[2].uniform = 0.99;
  EXPECT_EQ(draw(), (std::vector<int>{0, 1, 2}));
}

TEST_F(DrawTest, LeavesWhatTheChoiceTold) {
  EXPECT_EQ(draw(-1 - 8), (std::vector<int>{-9, -9, -9}));
  Logits[2 * kStride + 500] = std::numeric_limits<float>::infinity();
  Logits[2 * kStride + 700] = std::numeric_limits<float>::infinity();
  EXPECT_EQ(draw(500)[2], 500);
  std::fill(Logits.begin(), Logits.end(),
            -std::numeric_limits<float>::infinity());
  EXPECT_EQ(draw(0), (std::vector<int>{0, 0, 0}));
}

TEST_F(DrawTest, DrawsNothingThatIsImpossible) {
  std::fill(Logits.begin(), Logits.end(),
            -std::numeric_limits<float>::infinity());
  for (int row = 0; row != kRows; ++row)
    Logits[row * kStride + 999] = -3.0f;
  Draws[0].topK = kMostDrawn;
  EXPECT_EQ(draw(999), (std::vector<int>{999, 999, 999}));
}
} // namespace
