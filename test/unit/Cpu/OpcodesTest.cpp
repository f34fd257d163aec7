//===- OpcodesTest.cpp - The opcodes that a llama-like plan lacks ---------===//

#include "NaivePlan.h"

#include "qzc/Runtime/Cpu/CpuEngine.h"
#include "qzc/Runtime/Sequence.h"
#include "qzc/Support/Error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

using namespace qzc;
using namespace qzc::runtime;
using namespace qzc::runtime::cpu;
using namespace qzc::runtime::test;

namespace {

constexpr int64_t kVocab = 43;
constexpr int64_t kHidden = 24;
constexpr int64_t kInner = 50;
constexpr int64_t kContext = 40;

format::PackedShape dense(int64_t rows, int64_t cols) {
  format::PackedShape shape;
  shape.rows = rows;
  shape.cols = cols;
  return shape;
}

/// A GPT-2-like block with every elementwise opcode somewhere, positions from
/// row `offset` of their table on, and no rope. Launches run in place where
/// that makes sense.
std::unique_ptr<FakeImage> gptPlan(int64_t offset) {
  using format::Opcode;
  using format::View;
  auto image = std::make_unique<FakeImage>();
  std::mt19937 random(17);
  const auto weight = [&](int64_t rows, int64_t cols, float deviation) {
    return image->add(random, dense(rows, cols), deviation);
  };
  const int32_t table = weight(kVocab, kHidden, 1);
  const int32_t positions = weight(kContext + offset, kHidden, 0.5f);
  format::Manifest &manifest = image->edit();
  manifest.model.context = kContext;
  format::Plan &plan = manifest.plan;
  const int64_t columns[] = {32, 32, 80, 64, 64};
  for (int64_t count : columns) {
    plan.buffers.push_back({count, plan.bytesPerToken});
    plan.bytesPerToken += static_cast<uint64_t>(count) * 4;
  }
  const View x = {0, 0, kHidden};
  const View n = {1, 3, kHidden};
  const View qkv = {2, 5, 3 * kHidden};
  const View up = {3, 0, kInner};
  const View other = {4, 7, kInner};
  const auto part = [&](int64_t i) {
    return View{2, 5 + i * kHidden, kHidden};
  };
  const auto push = [&](Opcode opcode, std::vector<View> in, View out,
                        std::vector<int32_t> weights,
                        format::LaunchParams params) {
    plan.body.push_back(
        {opcode, std::move(in), {out}, std::move(weights), std::move(params)});
  };
  push(Opcode::Embed, {}, x, {table}, format::EmbedParams{});
  push(Opcode::AddPositions, {x}, x, {positions},
       format::AddPositionsParams{offset});
  push(Opcode::LayerNorm, {x}, n,
       {weight(1, kHidden, 1), weight(1, kHidden, 0.3f)},
       format::NormParams{1e-5f, false});
  push(Opcode::Linear, {n}, qkv,
       {weight(3 * kHidden, kHidden, 0.2f), weight(1, 3 * kHidden, 0.1f)},
       format::LinearParams{1, false, true, format::Activation::None});
  push(Opcode::Clamp, {qkv}, qkv, {}, format::ClampParams{1.1f});
  push(Opcode::RmsNorm, {part(0)}, part(0), {weight(1, kHidden / 4, 1)},
       format::NormParams{1e-5f, true, 4});
  push(Opcode::LayerNorm, {part(1)}, part(1),
       {weight(1, kHidden / 4, 1), weight(1, kHidden / 4, 0.3f)},
       format::NormParams{1e-5f, false, 4});
  format::AttentionParams attention;
  attention.heads = 4;
  attention.kvHeads = 4;
  attention.headDim = kHidden / 4;
  attention.scale = 0.4f;
  push(Opcode::Attention, {part(0), part(1), part(2)}, n, {}, attention);
  push(Opcode::Linear, {n, x}, x, {weight(kHidden, kHidden, 0.2f)},
       format::LinearParams{});
  push(Opcode::LayerNorm, {x}, n, {weight(1, kHidden, 1)},
       format::NormParams{1e-5f, true});
  push(Opcode::RmsNorm, {n}, n, {}, format::NormParams{1e-5f, false});
  push(Opcode::Linear, {n}, up, {weight(kInner, kHidden, 0.3f)},
       format::LinearParams{1, false, false, format::Activation::Gelu});
  push(Opcode::Linear, {n}, other, {weight(kInner, kHidden, 0.3f)},
       format::LinearParams{});
  push(Opcode::Activate, {other}, other, {},
       format::ActivateParams{format::Activation::Relu});
  push(Opcode::Mul, {up, other}, other, {}, format::NoParams{});
  push(Opcode::Linear, {other}, n, {weight(kHidden, kInner, 0.2f)},
       format::LinearParams{});
  push(Opcode::SoftCap, {n}, n, {}, format::SoftCapParams{1.5f});
  push(Opcode::Scale, {n}, n, {}, format::ScaleParams{0.7f});
  push(Opcode::Add, {x, n}, x, {}, format::NoParams{});
  plan.hidden = x;
  plan.headBuffers.push_back({48, 0});
  plan.headBytesPerToken = 192;
  plan.logits = {0, 0, kVocab};
  plan.head.push_back({Opcode::Linear,
                       {{format::kHiddenBuffer, 0, kHidden}},
                       {plan.logits},
                       {table},
                       format::LinearParams{}});
  return image;
}

TEST(CpuOpcodesTest, GptLikePlanAgreesWithDouble) {
  for (int64_t offset : {0, 2}) {
    const auto image = gptPlan(offset);
    std::vector<int32_t> tokens;
    for (int32_t i = 0; i < 37; ++i)
      tokens.push_back(i * 11 % static_cast<int32_t>(kVocab));
    const NaivePlan naive(*image, tokens);
    for (const KernelTable *kernels : supportedKernels()) {
      SCOPED_TRACE(kernels->name);
      EngineOptions options;
      options.threads = 2;
      const auto engine = createEngine(*image, options, *kernels);
      Sequence text(*engine);
      std::vector<float> logits(37 * kVocab);
      text.logits(tokens.data(), 37, logits.data());
      std::vector<float> step(kVocab);
      text.rewind(0);
      for (int64_t t = 0; t < 37; ++t) {
        text.decode(tokens[t], step.data());
        for (int64_t id = 0; id < kVocab; ++id) {
          ASSERT_NEAR(logits[t * kVocab + id], naive.logit(t, id), 2e-5);
          ASSERT_NEAR(step[id], naive.logit(t, id), 2e-5);
        }
      }
    }
  }
}

/// Logits are the token's row of `table` [4, 4] as it comes out of the cache.
std::unique_ptr<FakeImage> cachePlan(std::vector<float> table) {
  using format::Opcode;
  using format::View;
  auto image = std::make_unique<FakeImage>();
  const int32_t rows = image->add(4, 4, std::move(table));
  std::vector<float> identity(16);
  for (size_t i = 0; i < 4; ++i)
    identity[5 * i] = 1;
  const int32_t head = image->add(4, 4, identity);
  format::Manifest &manifest = image->edit();
  manifest.model.context = 8;
  format::Plan &plan = manifest.plan;
  plan.buffers = {{16, 0}, {16, 64}};
  plan.bytesPerToken = 128;
  const View x = {0, 0, 4};
  plan.hidden = {1, 0, 4};
  plan.body.push_back({Opcode::Embed, {}, {x}, {rows}, format::EmbedParams{}});
  format::AttentionParams attention;
  attention.heads = attention.kvHeads = 1;
  attention.headDim = 4;
  attention.scale = 0;
  plan.body.push_back(
      {Opcode::Attention, {x, x, x}, {plan.hidden}, {}, attention});
  plan.headBuffers = {{16, 0}};
  plan.headBytesPerToken = 64;
  plan.logits = {0, 0, 4};
  plan.head.push_back({Opcode::Linear,
                       {{format::kHiddenBuffer, 0, 4}},
                       {plan.logits},
                       {head},
                       format::LinearParams{}});
  return image;
}

TEST(CpuOpcodesTest, AHalfCacheTellsOfWhatItCannotHold) {
  const auto image = cachePlan({65519, -65519, 65503, 0.3f, //
                                0, -65520, 0, 0,            //
                                1e6f, 0, -70000, 0,         //
                                0, 0, 0, 0});
  for (const KernelTable *kernels : supportedKernels()) {
    SCOPED_TRACE(kernels->name);
    EngineOptions options;
    options.cache = CacheType::F16;
    const auto engine = createEngine(*image, options, *kernels);
    Sequence text(*engine);
    std::vector<float> logits(4);
    text.decode(0, logits.data());
    EXPECT_EQ(logits,
              (std::vector<float>{65504, -65504, 65504, floatOfF16(0x34cd)}));
    const std::vector<int32_t> tokens = {0, 0, 1, 0};
    std::vector<float> all(16);
    EXPECT_THAT([&] { text.logits(tokens.data(), 4, all.data()); },
                testing::ThrowsMessage<Error>(testing::StrEq(
                    "--kv-cache=f16 cannot hold this model's keys and values: "
                    "those of layer 0 reach 6.55e+04, f16 ends at 65504; use "
                    "--kv-cache=f32")));
    EXPECT_THAT([&] { text.decodeGreedy(2); },
                testing::ThrowsMessage<Error>(
                    testing::HasSubstr("layer 0 reach 1e+06")));
    text.rewind(0);
    text.decode(0, logits.data());
    EXPECT_EQ(logits[0], 65504);
  }
}

TEST(CpuOpcodesTest, ACacheThatOverflowsIsAnErrorOfOneSequence) {
  const auto image = cachePlan({65504, -65504, 65519.9f, 0.3f, //
                                1, 2, 65520, 0,                //
                                1e6f, 0, 0, 0,                 //
                                0, 0, 0, 0});
  EngineOptions options;
  options.cache = CacheType::F16;
  options.sequences = 3;
  const auto engine = createCpuEngine(*image, options);
  Sequence before(*engine);
  Sequence bad(*engine);
  Sequence behind(*engine);
  std::vector<int32_t> chosen(3);
  try {
    engine->decodeGreedy({behind.step(0), before.step(0), bad.step(2)}, false,
                         chosen.data());
    FAIL() << "accepted";
  } catch (const SequenceError &error) {
    EXPECT_EQ(error.sequence(), bad.id());
  }
  engine->decodeGreedy({behind.step(0), before.step(0)}, false, chosen.data());
  EXPECT_EQ(chosen[0], chosen[1]);
  EXPECT_EQ(before.decodeGreedy(0), chosen[0]);
}

TEST(CpuOpcodesTest, AByteCacheEndsWhereItsScalesDo) {
  const auto image = cachePlan({8.3e6f, -1, 0, 0, //
                                1, 2, -8.4e6f, 0, //
                                0, 0, 0, 0,       //
                                0, 0, 0, 0});
  for (const KernelTable *kernels : supportedKernels()) {
    SCOPED_TRACE(kernels->name);
    EngineOptions options;
    options.cache = CacheType::Q8;
    const auto engine = createEngine(*image, options, *kernels);
    Sequence text(*engine);
    text.decodeGreedy(0);
    EXPECT_THAT([&] { text.decodeGreedy(1); },
                testing::ThrowsMessage<Error>(testing::StrEq(
                    "--kv-cache=q8 cannot hold this model's keys and values: "
                    "those of layer 0 reach 8.4e+06, q8 ends at 8.319e+06; use "
                    "--kv-cache=f32")));
  }
}

TEST(CpuOpcodesTest, AKeyThatIsNoNumberIsAnErrorOfOneSequence) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const auto image = cachePlan({1, nan, 2, 0, //
                                0, 0, 0, 0,   //
                                0, 0, 0, 0,   //
                                0, 0, 0, 0});
  for (const KernelTable *kernels : supportedKernels())
    for (const CacheType cache : {CacheType::F16, CacheType::Q8}) {
      SCOPED_TRACE(kernels->name);
      EngineOptions options;
      options.cache = cache;
      options.sequences = 2;
      const auto engine = createEngine(*image, options, *kernels);
      Sequence good(*engine);
      Sequence bad(*engine);
      std::vector<int32_t> chosen(2);
      try {
        engine->decodeGreedy({good.step(1), bad.step(0)}, false, chosen.data());
        FAIL() << "accepted";
      } catch (const SequenceError &error) {
        EXPECT_EQ(error.sequence(), bad.id());
        EXPECT_STREQ(error.what(), "a key or value of layer 0 is not a number");
      }
    }
}

TEST(CpuOpcodesTest, ALogitThatIsNoNumberIsAnError) {
  std::vector<float> table(16);
  table[1] = 1;
  table[6] = std::numeric_limits<float>::quiet_NaN();
  const auto image = cachePlan(table);
  for (const CacheType cache : {CacheType::F32, CacheType::F16})
    for (const KernelTable *kernels : supportedKernels()) {
      SCOPED_TRACE(kernels->name);
      EngineOptions options;
      options.cache = cache;
      const auto engine = createEngine(*image, options, *kernels);
      Sequence text(*engine);
      EXPECT_EQ(text.decodeGreedy(0), 1);
      try {
        text.decodeGreedy(1);
        FAIL() << "accepted";
      } catch (const Error &error) {
        EXPECT_THAT(error.what(), testing::EndsWith(" is not a number"));
      }
    }
}

TEST(CpuOpcodesTest, AContextBeyondThePositionTableIsAnError) {
  const auto image = gptPlan(2);
  EngineOptions options;
  options.context = kContext + 1;
  try {
    createCpuEngine(*image, options);
    FAIL() << "accepted";
  } catch (const Error &error) {
    EXPECT_STREQ(error.what(), "a context of 41 is longer than the model's "
                               "position table (40); use a shorter --context");
  }
}

} // namespace
