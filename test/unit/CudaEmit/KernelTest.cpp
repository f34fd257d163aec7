//===- KernelTest.cpp - Emitted kernels against the naive reference -------===//
//
// The kernels as emitted for random models, on the emulator: what the GPU
// computes, short of its timing.
//
//===----------------------------------------------------------------------===//

#include "EmulatedTarget.h"
#include "Emulator.h"
#include "Reference.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <gtest/gtest.h>

using namespace qzc;
using namespace qzc::kernel_test;
using qzc::runtime::CacheType;

namespace {
/// Sequences of decode passes: of each size that there are kernels for.
const std::vector<int> kBatches = {2, 9};

class KernelTest : public testing::TestWithParam<std::tuple<int, CacheType>> {};

TEST_P(KernelTest, AgreesWithReference) {
  const auto [number, cache] = GetParam();
  const Model model = makeCase(number);
  SCOPED_TRACE(model.description);
  const std::vector<int32_t> tokens = randomTokens(model, number, 24);
  const std::vector<double> want = referenceLogits(model, tokens);
  EmulatedTarget target(model, emulator::entriesOf(number), cache, 32, 48);
  const Errors errors =
      compare(target, model, tokens, want, {17, 1, 3}, 3,
              cache == CacheType::F32 ? kBatches : std::vector<int>{2});
  EXPECT_LT(errors.prefill, 1e-2);
  EXPECT_LT(errors.batch, 1e-2);
  EXPECT_LT(errors.further, 1e-2);
  EXPECT_LT(errors.decode, cache == CacheType::F16 ? 4e-3 : 1e-4);
  EXPECT_LT(errors.several, cache == CacheType::F16 ? 4e-3 : 1e-4);
  EXPECT_LT(errors.loss, 5e-2);
  EXPECT_EQ(errors.wrongChoices, 0);
}

class ManySequences : public testing::TestWithParam<int> {};

/// A pass whose tokens are more than one block of a layer takes, and whose
/// blocks share rows: each has sums and a counter of its own.
TEST_P(ManySequences, AreSeveralBlocksOfTokens) {
  const int number = GetParam();
  const Model model = makeCase(number);
  SCOPED_TRACE(model.description);
  const std::vector<int32_t> tokens = randomTokens(model, number, kSequences);
  EmulatedTarget target(model, emulator::entriesOf(number), CacheType::F32,
                        kSequences, 1);
  const auto &launches = target.program().decodeOf(kSequences);
  EXPECT_TRUE(std::any_of(
      launches.begin(), launches.end(), [](const format::CudaLaunch &launch) {
        return (launch.grid[0].perTokens == 32 && launch.grid[2].fixed > 1) ||
               launch.grid[1].perTokens == 32;
      }));
  std::vector<TokenRow> rows;
  for (int i = 0; i != kSequences; ++i)
    rows.push_back({tokens[size_t(i)], 0, i, 0});
  target.setPass(rows, kSequences);
  target.run(launches, kSequences, 0);
  const std::vector<float> logits = target.logits(kSequences);
  const float *got = logits.data();
  for (const int32_t token : tokens) {
    double worst = 0;
    double squares = 0;
    const std::vector<double> want = referenceLogits(model, {token});
    for (const double value : want) {
      worst = std::fmax(worst, std::fabs(double(*got++) - value));
      squares += value * value;
    }
    EXPECT_LT(worst, 1e-4 * std::sqrt(squares / double(want.size())));
  }
  EXPECT_TRUE(std::none_of(logits.begin(), logits.end(),
                           [](float logit) { return std::isnan(logit); }));
}

/// By two launches a layer, by clusters, and by blocks that share inputs too.
INSTANTIATE_TEST_SUITE_P(Cases, ManySequences, testing::Values(14, 52, 56));

class Pages : public testing::TestWithParam<std::tuple<int, CacheType>> {};

TEST_P(Pages, AreFoundByPosition) {
  const auto [number, cache] = GetParam();
  const Model model = makeCase(number);
  SCOPED_TRACE(model.description);
  const std::vector<int32_t> tokens = randomTokens(model, number, 70);
  EmulatedTarget target(model, emulator::entriesOf(number), cache, 64, 70);
  ASSERT_EQ(target.program().pagePositions, 64);
  const Errors errors = compare(
      target, model, tokens, referenceLogits(model, tokens), {62, 1, 4}, 0, {});
  EXPECT_LT(errors.prefill, 1e-2);
  EXPECT_LT(errors.further, 1e-2);
  EXPECT_EQ(errors.wrongChoices, 0);
}

class RowScales : public testing::TestWithParam<int> {};

/// Codes become f16 without them, so they may be as small as floats are.
TEST_P(RowScales, MayBeBelowHalves) {
  Model model = makeCase(GetParam());
  SCOPED_TRACE(model.description);
  const format::Launch &head = model.manifest.plan.head.back();
  ASSERT_EQ(head.opcode, format::Opcode::Linear);
  const format::Tensor &weight =
      model.manifest.tensors[size_t(head.weights.at(0))];
  ASSERT_EQ(weight.shape.scheme, format::Scheme::Int8);
  uint8_t *scales = model.weights.data() + weight.offset +
                    format::layout(weight.shape).at(1).offset;
  for (int64_t row = 0; row != weight.shape.rows; ++row) {
    float scale;
    std::memcpy(&scale, scales + 4 * row, 4);
    scale = std::ldexp(scale, -60);
    std::memcpy(scales + 4 * row, &scale, 4);
  }
  const std::vector<int32_t> tokens = randomTokens(model, GetParam(), 24);
  EmulatedTarget target(model, emulator::entriesOf(GetParam()), CacheType::F32,
                        32, 48);
  const Errors errors = compare(
      target, model, tokens, referenceLogits(model, tokens), {17, 1, 3}, 0, {});
  EXPECT_LT(errors.prefill, 1e-2);
  EXPECT_LT(errors.batch, 1e-2);
  EXPECT_LT(errors.further, 1e-2);
  EXPECT_LT(errors.loss, 5e-2);
  EXPECT_EQ(errors.wrongChoices, 0);
}

/// A norm's weight that is none makes every row of the head's input one that
/// holds one, and every logit none.
TEST_P(RowScales, WhatIsNoNumberStaysSo) {
  Model model = makeCase(GetParam());
  SCOPED_TRACE(model.description);
  const format::Launch &norm = model.manifest.plan.body.back();
  ASSERT_TRUE(std::holds_alternative<format::NormParams>(norm.params));
  const format::Tensor &weight =
      model.manifest.tensors[size_t(norm.weights.at(0))];
  std::fill_n(model.weights.data() + weight.offset,
              format::sizeOf(weight.shape.dtype), uint8_t{0xff});
  EmulatedTarget target(model, emulator::entriesOf(GetParam()), CacheType::F32,
                        32, 48);
  target.setTokens(0, randomTokens(model, GetParam(), 3), 3);
  target.run(target.program().prefill, 3, 0);
  target.run(target.program().head, 3, 0);
  const std::vector<float> logits = target.logits(3);
  EXPECT_TRUE(std::all_of(logits.begin(), logits.end(),
                          [](float logit) { return std::isnan(logit); }));
}

INSTANTIATE_TEST_SUITE_P(Cases, RowScales, testing::Values(20, 69));

/// A case (one whose keys have no norm of their own) with the norms before
/// attention 2^18 times as large, so that keys and values leave the range of
/// f16 and scores are what they were.
Model withLargeKeys(int number) {
  constexpr int kPower = 18;
  Model model = makeCase(number);
  const format::Launch *norm = nullptr;
  for (format::Launch &launch : model.manifest.plan.body) {
    if (std::holds_alternative<format::NormParams>(launch.params))
      norm = &launch;
    auto *attention = std::get_if<format::AttentionParams>(&launch.params);
    if (!attention)
      continue;
    attention->scale = std::ldexp(attention->scale, -2 * kPower);
    const format::Tensor &weight =
        model.manifest.tensors[size_t(norm->weights.at(0))];
    auto *data = model.weights.data() + weight.offset;
    for (int64_t i = 0; i != weight.shape.cols; ++i) {
      // Of a bf16 as of an f32 the exponent stands behind the sign.
      if (weight.shape.dtype == format::DType::F32)
        reinterpret_cast<uint32_t *>(data)[i] += uint32_t{kPower} << 23;
      else
        reinterpret_cast<uint16_t *>(data)[i] += uint16_t{kPower} << 7;
    }
  }
  return model;
}

class LargeKeys : public testing::TestWithParam<int> {};

TEST_P(LargeKeys, AFloatCacheTakesThem) {
  const Model model = withLargeKeys(GetParam());
  SCOPED_TRACE(model.description);
  const std::vector<int32_t> tokens = randomTokens(model, GetParam(), 24);
  EmulatedTarget target(model, emulator::entriesOf(GetParam()), CacheType::F32,
                        32, 48);
  const Errors errors =
      compare(target, model, tokens, referenceLogits(model, tokens), {17, 1, 3},
              3, {2});
  EXPECT_LT(errors.prefill, 1e-2);
  EXPECT_LT(errors.batch, 1e-2);
  EXPECT_LT(errors.further, 1e-2);
  EXPECT_LT(errors.decode, 1e-4);
  EXPECT_LT(errors.several, 1e-4);
  EXPECT_GE(target.cacheRanges(1)[0].key, 65520.0f);
  EXPECT_GE(target.cacheRanges(1)[0].value, 65520.0f);
  EXPECT_EQ(target.state().beyondCache, 0);
}

TEST_P(LargeKeys, AHalfCacheTellsOfThem) {
  const Model model = withLargeKeys(GetParam());
  SCOPED_TRACE(model.description);
  const std::vector<int32_t> tokens = randomTokens(model, GetParam(), 5);
  for (int count : {1, 5}) {
    EmulatedTarget target(model, emulator::entriesOf(GetParam()),
                          CacheType::F16, 32, 48);
    EXPECT_EQ(target.state().beyondCache, 0);
    target.setTokens(0, {tokens.begin(), tokens.begin() + count}, 1);
    target.run(count == 1 ? target.program().decode : target.program().prefill,
               count, 0);
    EXPECT_GE(target.cacheRanges(1)[0].key, 65520.0f);
    EXPECT_GE(target.cacheRanges(1)[0].value, 65520.0f);
    EXPECT_EQ(target.state().beyondCache, 1);
  }
}

/// A NaN in the first norm's weight makes every key and value one.
TEST_P(LargeKeys, WhatIsNoNumberIsToldOf) {
  Model model = makeCase(GetParam());
  SCOPED_TRACE(model.description);
  for (const format::Launch &launch : model.manifest.plan.body)
    if (std::holds_alternative<format::NormParams>(launch.params)) {
      const format::Tensor &weight =
          model.manifest.tensors[size_t(launch.weights.at(0))];
      const size_t bytes = format::sizeOf(weight.shape.dtype);
      std::fill_n(model.weights.data() + weight.offset, bytes, uint8_t{0x7f});
      model.weights[weight.offset] = 0xff;
      if (bytes == 4)
        model.weights[weight.offset + 2] = 0xff;
      break;
    }
  const std::vector<int32_t> tokens = randomTokens(model, GetParam(), 5);
  for (const CacheType cache : {CacheType::F16, CacheType::Q8})
    for (const int count : {1, 5}) {
      EmulatedTarget target(model, emulator::entriesOf(GetParam()), cache, 32,
                            48);
      target.setTokens(0, {tokens.begin(), tokens.begin() + count}, 1);
      target.run(count == 1 ? target.program().decode
                            : target.program().prefill,
                 count, 0);
      EXPECT_EQ(target.state().beyondCache, 1);
      EXPECT_TRUE(std::isnan(target.cacheRanges(1)[0].key));
      EXPECT_TRUE(std::isnan(target.cacheRanges(1)[0].value));
    }
}

// Heads of 80 elements, of 2, and of 64 on warpgroups, with a window.
INSTANTIATE_TEST_SUITE_P(Cases, Pages,
                         testing::Combine(testing::Values(28, 37, 63),
                                          testing::Values(CacheType::F32,
                                                          CacheType::F16)));

INSTANTIATE_TEST_SUITE_P(Cases, LargeKeys, testing::Values(7, 14));

INSTANTIATE_TEST_SUITE_P(Cases, KernelTest,
                         testing::Combine(testing::Values(QZC_KERNEL_CASES),
                                          testing::Values(CacheType::F32,
                                                          CacheType::F16)));

class Bytes : public testing::TestWithParam<int> {};

/// Against a reference that rounds keys and values as the cache does: what is
/// left are bytes that fall to the other side of a half.
TEST_P(Bytes, AreWhatTheReferenceRoundsTo) {
  const int number = GetParam();
  const Model model = makeCase(number);
  SCOPED_TRACE(model.description);
  const std::vector<int32_t> tokens = randomTokens(model, number, 70);
  EmulatedTarget target(model, emulator::entriesOf(number), CacheType::Q8, 64,
                        70);
  const Errors errors = compare(target, model, tokens,
                                referenceLogits(model, tokens, CacheType::Q8),
                                {62, 1, 4}, 3, {2});
  EXPECT_LT(errors.prefill, 3e-2);
  EXPECT_LT(errors.batch, 3e-2);
  EXPECT_LT(errors.further, 3e-2);
  EXPECT_LT(errors.decode, 1e-2);
  EXPECT_LT(errors.several, 1e-2);
  EXPECT_EQ(errors.wrongChoices, 0);
}

// Heads of 80 elements, of 21, of 2, and of 64 on warpgroups, three a block.
INSTANTIATE_TEST_SUITE_P(Cases, Bytes, testing::Values(28, 5, 37, 63, 93));

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
