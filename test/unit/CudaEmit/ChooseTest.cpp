//===- ChooseTest.cpp - The kernel that chooses a token -------------------===//

#include "Emulator.h"

#include "Head.cuh"

#include <gtest/gtest.h>

#include <limits>

using namespace qzc;

namespace {
constexpr int kStride = 112;

void chooseOfHundred(void **args) {
  kernels::chooseToken<kernels::ChooseToken::Config{100, 4}>(
      {{*static_cast<const float **>(args[0]), kStride},
       *static_cast<float **>(args[1]),
       *static_cast<int **>(args[2]),
       *static_cast<TokenRow **>(args[3]),
       *static_cast<DeviceState **>(args[4])});
}

TEST(ChooseTest, TellsALogitThatIsNoNumber) {
  constexpr float nan = std::numeric_limits<float>::quiet_NaN();
  constexpr float infinity = std::numeric_limits<float>::infinity();
  std::vector<float> logits(2 * kStride, -infinity);
  std::vector<float> values(2 * 4);
  std::vector<int> indices(2 * 4);
  TokenRow rows[2] = {{5, 10, 1, 0}, {6, 20, 0, 0}};
  DeviceState state = {};
  const float *logitsPointer = logits.data();
  float *valuesPointer = values.data();
  int *indicesPointer = indices.data();
  TokenRow *rowsPointer = rows;
  DeviceState *statePointer = &state;
  void *args[] = {&logitsPointer, &valuesPointer, &indicesPointer, &rowsPointer,
                  &statePointer};
  logits[kStride + 60] = 2; // the second row's
  auto choose = [&] {
    emulator::runGrid({"chooseToken", &chooseOfHundred}, args, {4, 2, 1}, 256,
                      0, {});
    EXPECT_EQ(rows[1].token, 60);
    return rows[0].token;
  };
  EXPECT_EQ(choose(), 0);
  logits[31] = logits[77] = 1;
  EXPECT_EQ(choose(), 31);
  logits[99] = infinity;
  EXPECT_EQ(choose(), 99);
  logits[80] = nan;
  EXPECT_EQ(choose(), -1 - 80);
  logits[40] = logits[41] = nan;
  EXPECT_EQ(choose(), -1 - 40);
  EXPECT_EQ(rows[0].position, 15);
  EXPECT_EQ(rows[1].position, 25);
}

/// A logit a thread, of two blocks of 64 a row.
void leaveOfHundred(void **args) {
  const float *logits = *static_cast<const float **>(args[0]);
  const int i = static_cast<int>(blockIdx.y * 64 + threadIdx.x);
  kernels::waitForDependencies();
  kernels::leaveChoice<64>(
      i < 100 ? kernels::keyOf(logits[blockIdx.x * kStride + i], i) : 0,
      *static_cast<kernels::TokenKey **>(args[1]) + blockIdx.x);
}
void takeChoice(void **args) {
  kernels::takeChoice<kernels::TakeChoice::Config{100}>(
      {*static_cast<kernels::TokenKey **>(args[1]),
       *static_cast<TokenRow **>(args[2])});
}

TEST(ChooseTest, TakesWhatAHeadLeaves) {
  constexpr float nan = std::numeric_limits<float>::quiet_NaN();
  constexpr float infinity = std::numeric_limits<float>::infinity();
  std::vector<float> logits(2 * kStride, -infinity);
  kernels::TokenKey choice[2] = {};
  TokenRow rows[2] = {{5, 10, 1, 0}, {6, 20, 0, 0}};
  const float *logitsPointer = logits.data();
  kernels::TokenKey *choicePointer = choice;
  TokenRow *rowsPointer = rows;
  void *args[] = {&logitsPointer, &choicePointer, &rowsPointer};
  logits[kStride + 60] = -2; // the second row's
  auto choose = [&] {
    emulator::runGrid({"leaveChoice", &leaveOfHundred}, args, {2, 2, 1}, 64, 0,
                      {});
    emulator::runGrid({"takeChoice", &takeChoice}, args, {2, 1, 1}, 32, 0, {});
    EXPECT_EQ(choice[0], 0u);
    EXPECT_EQ(rows[1].token, 60);
    return rows[0].token;
  };
  EXPECT_EQ(choose(), 0);
  logits[31] = -0.0f;
  logits[77] = 0.0f;
  EXPECT_EQ(choose(), 31);
  logits[99] = infinity;
  EXPECT_EQ(choose(), 99);
  logits[80] = -nan;
  EXPECT_EQ(choose(), -1 - 80);
  logits[40] = logits[41] = nan;
  EXPECT_EQ(choose(), -1 - 40);
  EXPECT_EQ(rows[0].position, 15);
  EXPECT_EQ(rows[1].position, 25);
}
} // namespace
