//===- ChooseTest.cpp - The kernel that chooses a token -------------------===//

#include "Emulator.h"

#include "Head.cuh"

#include <gtest/gtest.h>

#include <limits>

using namespace qzc;

namespace {
void chooseOfHundred(void **args) {
  kernels::chooseToken<100, 4>(
      *static_cast<const float **>(args[0]), *static_cast<float **>(args[1]),
      *static_cast<int **>(args[2]), *static_cast<DeviceState **>(args[3]));
}

TEST(ChooseTest, TellsALogitThatIsNoNumber) {
  constexpr float nan = std::numeric_limits<float>::quiet_NaN();
  constexpr float infinity = std::numeric_limits<float>::infinity();
  std::vector<float> logits(100, -infinity);
  std::vector<float> values(4);
  std::vector<int> indices(4);
  DeviceState state = {};
  const float *logitsPointer = logits.data();
  float *valuesPointer = values.data();
  int *indicesPointer = indices.data();
  DeviceState *statePointer = &state;
  void *args[] = {&logitsPointer, &valuesPointer, &indicesPointer,
                  &statePointer};
  auto choose = [&] {
    emulator::runGrid({"chooseToken", &chooseOfHundred}, args, {4, 1, 1}, 256,
                      0, {});
    return state.token;
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
}
} // namespace
