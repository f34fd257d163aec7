//===- KernelTest.cpp - Emitted kernels against the naive reference -------===//
//
// The kernels as emitted for random models, on the emulator: what the GPU
// computes, short of its timing.
//
//===----------------------------------------------------------------------===//

#include "EmulatedTarget.h"
#include "Emulator.h"
#include "Reference.h"

#include <gtest/gtest.h>

using namespace qzc;
using namespace qzc::kernel_test;

namespace {
class KernelTest : public testing::TestWithParam<std::tuple<int, bool>> {};

TEST_P(KernelTest, AgreesWithReference) {
  const auto [number, halfCache] = GetParam();
  const Model model = makeCase(number);
  SCOPED_TRACE(model.description);
  const std::vector<int32_t> tokens = randomTokens(model, number, 24);
  const std::vector<double> want = referenceLogits(model, tokens);
  EmulatedTarget target(model, emulator::entriesOf(number), halfCache, 32, 48);
  const Errors errors = compare(target, model, tokens, want, {17, 1, 3}, 3);
  EXPECT_LT(errors.prefill, 1e-2);
  EXPECT_LT(errors.further, 1e-2);
  EXPECT_LT(errors.decode, halfCache ? 4e-3 : 1e-4);
  EXPECT_LT(errors.loss, 5e-2);
  EXPECT_EQ(errors.wrongChoices, 0);
}

INSTANTIATE_TEST_SUITE_P(Cases, KernelTest,
                         testing::Combine(testing::Values(QZC_KERNEL_CASES),
                                          testing::Bool()));

/// Reads before, after or without the wait; one argument.
void readEarly(void **args) {
  volatile char value = **static_cast<char **>(args[0]);
  kernels::waitForDependencies();
  (void)value;
}
void readLate(void **args) {
  kernels::waitForDependencies();
  ++**static_cast<char **>(args[0]);
}
void waitInSome(void **) {
  if (threadIdx.x < 31)
    kernels::waitForDependencies();
}

TEST(EmulatorTest, SeesWhoDoesNotWaitForTheLaunchBefore) {
  constexpr size_t page = 4096;
  alignas(page) static char memory[page];
  char *pointer = memory;
  void *args[] = {&pointer};
  auto run = [&](void (*kernel)(void **)) {
    emulator::runGrid({"kernel", kernel}, args, {2, 1, 1}, 32, 0,
                      {memory, page});
  };
  run(&readLate);
  EXPECT_EQ(memory[0], 64);
  EXPECT_EXIT(run(&readEarly), testing::ExitedWithCode(1),
              "kernel touches what kernels write before it waits for them");
  EXPECT_THROW(run(&waitInSome), std::runtime_error);
}

/// A kernel in which half of a warp does not come to a warp-wide operation.
void diverge(void **) {
  if (threadIdx.x < 16)
    __syncwarp();
  else
    __syncthreads();
}

TEST(EmulatorTest, ReportsThreadsThatNeverMeet) {
  EXPECT_THROW(
      emulator::runGrid({"diverge", &diverge}, nullptr, {1, 1, 1}, 32, 0, {}),
      std::runtime_error);
}
} // namespace
