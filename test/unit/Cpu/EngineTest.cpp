//===- EngineTest.cpp - Whole plans against loops in double ---------------===//

#include "LlamaPlan.h"
#include "NaivePlan.h"

#include "qzc/Runtime/Cpu/CpuEngine.h"
#include "qzc/Runtime/Sequence.h"
#include "qzc/Support/Error.h"

#include <gtest/gtest.h>
#include <numeric>

using namespace qzc;
using namespace qzc::runtime;
using namespace qzc::runtime::cpu;
using namespace qzc::runtime::test;

namespace {

format::PackedShape stored(format::Scheme scheme, int64_t block = 0,
                           format::DType dtype = format::DType::F32) {
  format::PackedShape shape;
  shape.scheme = scheme;
  shape.dtype = dtype;
  shape.blockSize = block;
  return shape;
}

format::PackedShape doubled(format::PackedShape shape) {
  shape.scales = format::ScaleCodec::Double;
  return shape;
}

/// Nothing divides anything: tails everywhere, rows that cross blocks.
LlamaShape oddShape() {
  LlamaShape shape = {};
  shape.vocab = 101;
  shape.hidden = 36;
  shape.inner = 75;
  shape.layers = 3;
  shape.heads = 6;
  shape.kvHeads = 2;
  shape.headDim = 10;
  shape.ropeDim = 6;
  shape.context = 300;
  shape.linear = stored(format::Scheme::Nf4, 64);
  shape.head = stored(format::Scheme::None, 0, format::DType::BF16);
  return shape;
}

/// The proportions of a real model.
LlamaShape evenShape() {
  LlamaShape shape = oddShape();
  shape.vocab = 384;
  shape.hidden = 96;
  shape.inner = 288;
  shape.headDim = 32;
  shape.ropeDim = 32;
  return shape;
}

std::vector<int32_t> someTokens(int64_t count, int64_t vocab) {
  std::vector<int32_t> tokens(count);
  for (int64_t i = 0; i < count; ++i)
    tokens[i] = static_cast<int32_t>((i * 7919 + 13 * (i / 5)) % vocab);
  return tokens;
}

EngineOptions withThreads(int threads, int64_t chunk = 0) {
  EngineOptions options;
  options.threads = threads;
  options.chunk = chunk;
  return options;
}

/// How far `logits` [tokens, vocab] is from the plan in double, in standard
/// deviations of a row of logits (the worst row's worst value).
double worstDeviation(const NaivePlan &naive, const std::vector<float> &logits,
                      int64_t tokens, int64_t vocab) {
  double worst = 0;
  for (int64_t t = 0; t < tokens; ++t) {
    double mean = 0;
    double square = 0;
    double error = 0;
    for (int64_t id = 0; id < vocab; ++id) {
      const double want = naive.logit(t, id);
      mean += want / static_cast<double>(vocab);
      square += want * want / static_cast<double>(vocab);
      const double difference = std::abs(logits[t * vocab + id] - want);
      error = std::isnan(difference) ? INFINITY : std::max(error, difference);
    }
    worst = std::max(worst, error / std::sqrt(square - mean * mean));
  }
  return worst;
}

std::vector<float> allLogits(Engine &engine, const std::vector<int32_t> &tokens,
                             int64_t vocab) {
  std::vector<float> logits(tokens.size() * vocab);
  Sequence text(engine);
  text.logits(tokens.data(), static_cast<int64_t>(tokens.size()),
              logits.data());
  return logits;
}

std::vector<float> stepwiseLogits(Engine &engine,
                                  const std::vector<int32_t> &tokens,
                                  int64_t vocab) {
  std::vector<float> logits(tokens.size() * vocab);
  Sequence text(engine);
  for (size_t i = 0; i != tokens.size(); ++i)
    text.decode(tokens[i], logits.data() + i * vocab);
  return logits;
}

void expectAgreement(const LlamaShape &shape, int64_t count) {
  const std::unique_ptr<FakeImage> image = LlamaPlan(shape, 7).take();
  const std::vector<int32_t> tokens = someTokens(count, shape.vocab);
  const NaivePlan naive(*image, tokens);
  for (const KernelTable *kernels : supportedKernels()) {
    SCOPED_TRACE(kernels->name);
    const auto engine = createEngine(*image, withThreads(2), *kernels);
    const auto atOnce = allLogits(*engine, tokens, shape.vocab);
    EXPECT_LT(worstDeviation(naive, atOnce, count, shape.vocab), 1e-5);
    const auto stepwise = stepwiseLogits(*engine, tokens, shape.vocab);
    EXPECT_LT(worstDeviation(naive, stepwise, count, shape.vocab), 1e-5);
  }
}

TEST(CpuEngineTest, OddShapesOfEveryScheme) {
  LlamaShape shape = oddShape();
  for (format::PackedShape linear :
       {stored(format::Scheme::None, 0, format::DType::F32),
        stored(format::Scheme::None, 0, format::DType::F16),
        stored(format::Scheme::None, 0, format::DType::BF16),
        stored(format::Scheme::Int8), stored(format::Scheme::Nf4, 64),
        stored(format::Scheme::Nf4, 512), stored(format::Scheme::Fp4, 32),
        doubled(stored(format::Scheme::Fp4, 64)),
        doubled(stored(format::Scheme::Nf4, 32))}) {
    shape.linear = linear;
    shape.head = linear;
    expectAgreement(shape, 40);
  }
}

TEST(CpuEngineTest, EvenShapesAcrossKeyBlocks) {
  LlamaShape shape = evenShape();
  expectAgreement(shape, 270);
  shape.linear = stored(format::Scheme::Int8);
  shape.head = stored(format::Scheme::Nf4, 32);
  expectAgreement(shape, 50);
  shape.linear = stored(format::Scheme::Q4_0);
  shape.head = stored(format::Scheme::Q8_0);
  expectAgreement(shape, 50);
  shape.linear = doubled(stored(format::Scheme::Nf4, 128));
  shape.head = stored(format::Scheme::Fp4, 64);
  expectAgreement(shape, 50);
}

TEST(CpuEngineTest, PartsOfFusedWeights) {
  LlamaShape shape = oddShape();
  shape.fused = true;
  shape.bias = true;
  for (format::PackedShape linear :
       {stored(format::Scheme::None, 0, format::DType::BF16),
        stored(format::Scheme::Int8), stored(format::Scheme::Nf4, 64),
        doubled(stored(format::Scheme::Fp4, 32))}) {
    shape.linear = linear;
    expectAgreement(shape, 40);
  }
  shape = evenShape();
  shape.fused = true;
  shape.linear = stored(format::Scheme::Q4_0);
  expectAgreement(shape, 40);
}

TEST(CpuEngineTest, VariantsOfFamilies) {
  LlamaShape shape = oddShape();
  shape.interleaved = true;
  shape.bias = true;
  shape.unitOffset = true;
  shape.activation = format::Activation::GeluTanh;
  shape.window = 17;
  shape.attentionCap = 2;
  shape.logitCap = 3;
  expectAgreement(shape, 150);
  shape.activation = format::Activation::Gelu;
  shape.window = 1;
  shape.kvHeads = 6;
  expectAgreement(shape, 20);
}

TEST(CpuEngineTest, AlibiAndMagnitude) {
  LlamaShape shape = oddShape();
  shape.alibi = 8;
  shape.magnitude = 1.3F;
  expectAgreement(shape, 150);
  shape.window = 17;
  shape.attentionCap = 2;
  expectAgreement(shape, 150);
  shape = evenShape();
  shape.alibi = 5;
  expectAgreement(shape, 40);
}

TEST(CpuEngineTest, WindowSkipsWholeKeyBlocks) {
  LlamaShape shape = evenShape();
  shape.window = 70;
  expectAgreement(shape, 300);
}

/// Logits with a cache of `type`, which takes `bytes` where f32 takes `of`, at
/// once and stepwise: off by more than `least`, so that it is that type indeed.
static void expectCacheIsNear(CacheType type, uint64_t bytes, uint64_t of,
                              double least, double most) {
  const LlamaShape shape = evenShape();
  const auto image = LlamaPlan(shape, 3).take();
  const auto tokens = someTokens(200, shape.vocab);
  const NaivePlan naive(*image, tokens);
  for (const KernelTable *kernels : supportedKernels()) {
    SCOPED_TRACE(kernels->name);
    EngineOptions options = withThreads(2);
    options.cache = type;
    const auto rounded = createEngine(*image, options, *kernels);
    const auto full = createEngine(*image, withThreads(1), *kernels);
    const auto logits = allLogits(*rounded, tokens, shape.vocab);
    allLogits(*full, tokens, shape.vocab);
    EXPECT_GT(rounded->memoryUse().cacheBytes, 0U);
    EXPECT_EQ(rounded->memoryUse().cacheBytes * of,
              full->memoryUse().cacheBytes * bytes);
    const double deviation = worstDeviation(naive, logits, 200, shape.vocab);
    EXPECT_LT(deviation, most);
    EXPECT_GT(deviation, least);
    EXPECT_LT(worstDeviation(naive,
                             stepwiseLogits(*rounded, tokens, shape.vocab), 200,
                             shape.vocab),
              most);
  }
}

TEST(CpuEngineTest, HalfCacheIsClose) {
  expectCacheIsNear(CacheType::F16, 2, 4, 1e-6, 3e-3);
}

TEST(CpuEngineTest, ByteCacheIsNear) {
  // A byte for each of 32 elements and two for their scale, instead of 128.
  expectCacheIsNear(CacheType::Q8, 34, 128, 1e-4, 0.06);
}

TEST(CpuEngineTest, BitsDoNotDependOnThreads) {
  for (const LlamaShape &shape : {oddShape(), evenShape()}) {
    const auto image = LlamaPlan(shape, 11).take();
    const auto tokens = someTokens(150, shape.vocab);
    const std::vector<int32_t> few(tokens.begin(), tokens.begin() + 30);
    for (const KernelTable *kernels : supportedKernels()) {
      const auto one = createEngine(*image, withThreads(1), *kernels);
      const auto atOnce = allLogits(*one, tokens, shape.vocab);
      const auto stepwise = stepwiseLogits(*one, few, shape.vocab);
      for (int threads : {2, 3}) {
        const auto more = createEngine(*image, withThreads(threads), *kernels);
        EXPECT_EQ(allLogits(*more, tokens, shape.vocab), atOnce);
        EXPECT_EQ(stepwiseLogits(*more, few, shape.vocab), stepwise);
      }
    }
  }
}

TEST(CpuEngineTest, BitsDoNotDependOnChunks) {
  LlamaShape shape = oddShape();
  shape.window = 20;
  const auto image = LlamaPlan(shape, 5).take();
  const auto tokens = someTokens(200, shape.vocab);
  for (const KernelTable *kernels : supportedKernels()) {
    const auto whole = createEngine(*image, withThreads(2), *kernels);
    const auto expected = allLogits(*whole, tokens, shape.vocab);
    std::vector<float> last(shape.vocab);
    Sequence(*whole).prefill(tokens.data(), 200, last.data());
    for (int64_t chunk : {1, 7, 64, 199}) {
      const auto cut = createEngine(*image, withThreads(2, chunk), *kernels);
      EXPECT_EQ(allLogits(*cut, tokens, shape.vocab), expected) << chunk;
      std::vector<float> cutLast(shape.vocab);
      Sequence(*cut).prefill(tokens.data(), 200, cutLast.data());
      EXPECT_EQ(cutLast, last) << chunk;
    }
  }
}

TEST(CpuEngineTest, PrefillThenDecodeContinues) {
  const LlamaShape shape = oddShape();
  const auto image = LlamaPlan(shape, 5).take();
  const auto tokens = someTokens(60, shape.vocab);
  const NaivePlan naive(*image, tokens);
  const auto engine = createCpuEngine(*image, withThreads(2));
  Sequence text(*engine);
  EXPECT_EQ(text.position(), 0);
  std::vector<float> logits(60 * shape.vocab);
  text.logits(tokens.data(), 33, logits.data());
  EXPECT_EQ(engine->length(text.id()), 33);
  for (int64_t i = 33; i < 60; ++i)
    text.decode(tokens[i], logits.data() + i * shape.vocab);
  EXPECT_LT(worstDeviation(naive, logits, 60, shape.vocab), 1e-5);
  EXPECT_EQ(engine->length(text.id()), 60);
}

TEST(CpuEngineTest, ScoreIsTheLogSoftmaxOfTheLogits) {
  const LlamaShape shape = evenShape();
  const auto image = LlamaPlan(shape, 9).take();
  const auto tokens = someTokens(150, shape.vocab);
  const NaivePlan naive(*image, tokens);
  std::vector<int32_t> targets(tokens.begin() + 1, tokens.end());
  targets.push_back(3);
  for (int64_t chunk : {0, 40}) {
    const auto engine = createCpuEngine(*image, withThreads(2, chunk));
    Sequence text(*engine);
    std::vector<float> losses(150, -1);
    text.score(tokens.data(), targets.data(), 150, 61, losses.data());
    EXPECT_EQ(text.position(), 150);
    for (int64_t t = 0; t < 150; ++t) {
      if (t < 61) {
        EXPECT_EQ(losses[t], -1); // not asked for, not touched
        continue;
      }
      double sum = 0;
      for (int64_t id = 0; id < shape.vocab; ++id)
        sum += std::exp(naive.logit(t, id));
      EXPECT_NEAR(losses[t], std::log(sum) - naive.logit(t, targets[t]), 2e-5);
    }
  }
}

TEST(CpuEngineTest, GreedyTakesTheFirstOfEquals) {
  const LlamaShape shape = oddShape();
  const auto image = LlamaPlan(shape, 5).take();
  const auto engine = createCpuEngine(*image, withThreads(2));
  Sequence text(*engine);
  std::vector<float> logits(shape.vocab);
  int32_t token = 5;
  std::vector<int32_t> chosen;
  for (int i = 0; i < 20; ++i) {
    text.decode(token, logits.data());
    token = static_cast<int32_t>(
        std::max_element(logits.begin(), logits.end()) - logits.begin());
    chosen.push_back(token);
  }
  text.rewind(0);
  token = 5;
  for (int32_t expected : chosen)
    ASSERT_EQ(token = text.decodeGreedy(token), expected);
  text.rewind(0);
  text.decodeMany(5, 20);
  EXPECT_EQ(engine->length(text.id()), 20);

  // With a scale of 0 all logits are equal.
  auto flat = LlamaPlan(shape, 5).take();
  format::Plan &plan = flat->edit().plan;
  plan.head.push_back({format::Opcode::Scale,
                       {plan.logits},
                       {plan.logits},
                       {},
                       format::ScaleParams{0}});
  const auto even = createCpuEngine(*flat, withThreads(1));
  EXPECT_EQ(Sequence(*even).decodeGreedy(5), 0);
}

TEST(CpuEngineTest, DescribesItself) {
  const LlamaShape shape = oddShape();
  const auto image = LlamaPlan(shape, 5).take();
  const auto engine = createCpuEngine(*image, withThreads(3));
  EXPECT_EQ(engine->describe(), std::string("CPU (") +
                                    supportedKernels().front()->name +
                                    ", 3 threads)");
  EXPECT_EQ(
      createCpuEngine(*image, withThreads(1))->describe().find(", 1 thread)"),
      engine->describe().find(", 3 threads)"));
  EngineOptions least = withThreads(1);
  least.instructions = InstructionSet::Sse42;
  EXPECT_EQ(createCpuEngine(*image, least)->describe(),
            "CPU (SSE4.2, 1 thread)");
  EXPECT_EQ(engine->options().context, shape.context);
  EXPECT_EQ(engine->options().cache, CacheType::F32);
  EXPECT_EQ(engine->memoryUse().cacheBytes, 0U); // until there are positions
  EXPECT_GT(engine->memoryUse().workspaceBytes, 0U);
  EXPECT_EQ(engine->memoryUse().deviceBytes, 0U);
}

/// Lines of several lengths, in one run and each alone.
TEST(CpuEngineTest, BitsDoNotDependOnTheBatch) {
  LlamaShape shape = oddShape();
  shape.window = 20;
  const auto image = LlamaPlan(shape, 5).take();
  const auto tokens = someTokens(220, shape.vocab);
  const std::vector<int64_t> lengths = {1, 150, 2, 31, 1, 7, 28};
  const auto vocab = static_cast<size_t>(shape.vocab);
  for (const KernelTable *kernels : supportedKernels())
    for (int64_t chunk : {0, 33}) {
      EngineOptions options = withThreads(2, chunk);
      options.sequences = static_cast<int64_t>(lengths.size());
      options.cache = chunk == 0 ? CacheType::F32 : CacheType::Q8;
      const auto engine = createEngine(*image, options, *kernels);
      std::vector<Piece> batch;
      std::vector<std::vector<float>> logits;
      std::vector<std::vector<float>> losses;
      int64_t first = 0;
      for (int64_t length : lengths) {
        Piece piece;
        piece.sequence = engine->open();
        piece.tokens = tokens.data() + first;
        piece.count = length;
        piece.targets = tokens.data() + first;
        // All rows, the last one, or losses too.
        piece.firstRow = length == 31 ? 30 : length / 3;
        logits.emplace_back(vocab * (length - piece.firstRow));
        losses.emplace_back(length, -1);
        piece.logits = logits.back().data();
        piece.losses = length == 28 ? losses.back().data() : nullptr;
        batch.push_back(piece);
        first += length;
      }
      engine->run(batch);
      for (size_t i = 0; i != batch.size(); ++i) {
        const std::vector<float> together = logits[i];
        const std::vector<float> lossesTogether = losses[i];
        engine->run({batch[i]});
        EXPECT_EQ(logits[i], together) << lengths[i];
        EXPECT_EQ(losses[i], lossesTogether) << lengths[i];
        EXPECT_EQ(engine->length(batch[i].sequence), lengths[i]);
      }
    }
}

/// Sequences decode the same alone and in batches of `counts`, the largest
/// last.
void expectSameBitsInBatches(const LlamaShape &shape,
                             const std::vector<int> &counts) {
  const int most = counts.back();
  const auto image = LlamaPlan(shape, 5).take();
  const auto tokens = someTokens(300, shape.vocab);
  const auto vocab = static_cast<size_t>(shape.vocab);
  for (const KernelTable *kernels : supportedKernels()) {
    EngineOptions options = withThreads(2);
    options.sequences = most + 1;
    const auto engine = createEngine(*image, options, *kernels);
    std::vector<std::vector<int32_t>> alone;
    std::vector<std::vector<float>> expected;
    for (int i = 0; i != most; ++i) {
      Sequence text(*engine);
      std::vector<float> logits(vocab);
      text.prefill(tokens.data() + i, 1 + 3 * i, nullptr);
      text.decode(tokens[i], logits.data());
      expected.push_back(logits);
      alone.emplace_back();
      for (int32_t token = tokens[i]; alone.back().size() != 6;)
        alone.back().push_back(token = text.decodeGreedy(token));
    }
    for (const int count : counts) {
      std::vector<std::unique_ptr<Sequence>> texts;
      std::vector<Step> steps;
      for (int i = 0; i != count; ++i) {
        texts.push_back(std::make_unique<Sequence>(*engine));
        texts[i]->prefill(tokens.data() + i, 1 + 3 * i, nullptr);
        steps.push_back(texts[i]->step(tokens[i]));
      }
      std::vector<float> logits(count * vocab);
      engine->decode(steps, logits.data());
      for (int i = 0; i != count; ++i)
        EXPECT_TRUE(std::equal(expected[i].begin(), expected[i].end(),
                               logits.begin() + i * vocab))
            << i << " of " << count;
      std::vector<int32_t> chosen(count);
      for (size_t made = 0; made != 6; ++made) {
        for (Step &step : steps)
          ++step.position;
        engine->decodeGreedy(steps, false, chosen.data());
        for (int i = 0; i != count; ++i) {
          EXPECT_EQ(chosen[i], alone[i][made]);
          steps[i].token = chosen[i];
        }
      }
    }
  }
}

TEST(CpuEngineTest, DecodingInABatchChangesNoBit) {
  expectSameBitsInBatches(oddShape(), {1, 2, 5, 32});
  // More than one call of a kernel takes, and linear codes.
  LlamaShape shape = evenShape();
  shape.layers = 1;
  shape.linear = stored(format::Scheme::Q4_0);
  shape.head = stored(format::Scheme::Q5_1);
  expectSameBitsInBatches(shape, {3, 35});
}

TEST(CpuEngineTest, SequencesThatCloseLeaveMemoryWhereItWas) {
  const LlamaShape shape = oddShape();
  const auto image = LlamaPlan(shape, 5).take();
  const auto tokens = someTokens(200, shape.vocab);
  EngineOptions options = withThreads(1);
  options.sequences = 3;
  const auto engine =
      createEngine(*image, options, *supportedKernels().front());
  uint64_t bytes = 0;
  for (int i = 0; i != 1000; ++i) {
    Sequence one(*engine);
    Sequence two(*engine);
    one.prefill(tokens.data(), 129, nullptr);
    two.decodeGreedy(tokens[i % 100]);
    if (i == 0)
      bytes = engine->memoryUse().cacheBytes;
  }
  EXPECT_EQ(engine->memoryUse().cacheBytes, bytes);
}

TEST(CpuEngineTest, AFullContextIsAnErrorOfItsSequence) {
  const LlamaShape shape = oddShape();
  const auto image = LlamaPlan(shape, 5).take();
  EngineOptions options = withThreads(1);
  options.context = 4;
  options.sequences = 2;
  const auto engine = createCpuEngine(*image, options);
  Sequence full(*engine);
  Sequence other(*engine);
  full.decodeMany(1, 4);
  int32_t chosen[2];
  EXPECT_THROW(
      engine->decodeGreedy({other.step(1), full.step(1)}, false, chosen),
      SequenceError);
  EXPECT_EQ(engine->length(other.id()), 0);
  other.decodeMany(1, 4);
}

TEST(CpuEngineTest, AFullContextIsAnError) {
  const LlamaShape shape = oddShape();
  const auto image = LlamaPlan(shape, 5).take();
  EngineOptions options = withThreads(1);
  options.context = 4;
  const auto engine = createCpuEngine(*image, options);
  Sequence text(*engine);
  text.decodeMany(1, 4);
  EXPECT_THROW(text.decodeGreedy(1), SequenceError);
  text.rewind(0);
  EXPECT_THROW(text.decodeMany(1, 5), SequenceError);
}

} // namespace
