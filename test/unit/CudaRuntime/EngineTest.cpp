//===- EngineTest.cpp - What the engine asks of the driver ----------------===//

#include "CudaFixture.h"
#include "qzc/Runtime/CacheRange.h"

#include <algorithm>
#include <cstring>
#include <limits>

using namespace qzc;
using namespace qzc::test;

namespace {
class CudaEngineTest : public CudaFixture {
protected:
  std::vector<int32_t> Tokens = {5, 0, 19, 7, 7, 3, 11, 2, 13, 1, 18};

  float expected(size_t position, int64_t id) const {
    return tinyLogit(tinyHidden(static_cast<int>(position), Tokens[position]),
                     id);
  }
  std::unique_ptr<Text> openChunked(int64_t chunk) {
    runtime::EngineOptions options;
    options.context = kContext;
    options.chunk = chunk;
    return openText(options);
  }
  const FakeLaunch &find(const std::string &kernel) const {
    return *std::find_if(
        Fake->launches.begin(), Fake->launches.end(),
        [&](const FakeLaunch &launch) { return launch.kernel == kernel; });
  }
};

TEST_F(CudaEngineTest, LogitsOfEveryChunkSize) {
  for (int64_t chunk : {1, 2, 3, 5, 11, 64}) {
    auto text = openChunked(chunk);
    std::vector<float> logits(Tokens.size() * kVocab);
    text->logits(Tokens.data(), int64_t(Tokens.size()), logits.data());
    EXPECT_EQ(text->position(), int64_t(Tokens.size()));
    for (size_t row = 0; row != Tokens.size(); ++row)
      for (int64_t id = 0; id != kVocab; ++id)
        ASSERT_EQ(logits[row * kVocab + size_t(id)], expected(row, id))
            << "chunk " << chunk << ", row " << row << ", id " << id;
  }
}

TEST_F(CudaEngineTest, LogitsInRowsOfALargeHead) {
  // Two rows fill the head's arena.
  Image.Manifest.cuda[0].memory.headBytesPerToken = uint64_t{128} << 20;
  auto text = openChunked(7);
  std::vector<float> logits(Tokens.size() * kVocab);
  text->logits(Tokens.data(), int64_t(Tokens.size()), logits.data());
  for (size_t row = 0; row != Tokens.size(); ++row)
    ASSERT_EQ(logits[row * kVocab + 3], expected(row, 3)) << "row " << row;
  EXPECT_EQ(std::count_if(Fake->launches.begin(), Fake->launches.end(),
                          [](const auto &l) { return l.kernel == "head"; }),
            4 + 2);
}

TEST_F(CudaEngineTest, PrefillGivesTheLastLogitsAlone) {
  auto text = openChunked(4);
  text->prefill(Tokens.data(), 3, nullptr);
  EXPECT_EQ(std::count_if(Fake->launches.begin(), Fake->launches.end(),
                          [](const auto &l) { return l.kernel == "head"; }),
            0);
  std::vector<float> logits(kVocab);
  text->prefill(Tokens.data() + 3, 6, logits.data());
  EXPECT_EQ(text->position(), 9);
  for (int64_t id = 0; id != kVocab; ++id)
    EXPECT_EQ(logits[size_t(id)], expected(8, id));
  text->rewind(0);
  text->prefill(Tokens.data(), 1, logits.data());
  EXPECT_EQ(logits[4], expected(0, 4));
}

TEST_F(CudaEngineTest, ScoresFromTheFirstRowAskedFor) {
  for (int64_t first : {0, 1, 4, 6, 10}) {
    auto text = openChunked(4);
    std::vector<int32_t> targets = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
    std::vector<float> losses(Tokens.size(), -99);
    text->score(Tokens.data(), targets.data(), int64_t(Tokens.size()), first,
                losses.data());
    for (size_t row = 0; row != Tokens.size(); ++row)
      EXPECT_EQ(losses[row],
                int64_t(row) < first ? -99 : expected(row, targets[row]))
          << "first " << first << ", row " << row;
  }
}

TEST_F(CudaEngineTest, LossesNeedNoLogitsWhereKernelsMakeThemAlone) {
  // Logits of two rows fill the head's arena.
  Image.Manifest.cuda[0].memory.headBytesPerToken = uint64_t{128} << 20;
  Image.Manifest.cuda[0].losses = {tinyLosses()};
  const auto launches = [&](const char *kernel) {
    return std::count_if(Fake->launches.begin(), Fake->launches.end(),
                         [&](const auto &l) { return l.kernel == kernel; });
  };
  auto text = openChunked(7);
  const std::vector<int32_t> targets = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
  const auto check = [&](float *logits) {
    std::vector<float> losses(Tokens.size(), -99);
    runtime::Piece piece;
    piece.tokens = Tokens.data();
    piece.count = int64_t(Tokens.size());
    piece.firstRow = 1;
    piece.losses = losses.data();
    piece.targets = targets.data();
    piece.logits = logits;
    text->engine().run({piece});
    for (size_t row = 0; row != Tokens.size(); ++row)
      EXPECT_EQ(losses[row], row == 0 ? -99 : expected(row, targets[row]));
  };
  check(nullptr);
  EXPECT_EQ(launches("losses"), 2);
  EXPECT_EQ(launches("head"), 0);
  EXPECT_EQ(launches("score"), 0);
  std::vector<float> logits(Tokens.size() * kVocab);
  check(logits.data());
  EXPECT_EQ(logits[3], expected(1, 3));
  EXPECT_EQ(launches("losses"), 2);
  EXPECT_EQ(launches("score"), 3 + 2);
}

TEST_F(CudaEngineTest, DecodesByReplayingOneGraph) {
  auto text = openChunked(4);
  text->prefill(Tokens.data(), 5, nullptr);
  EXPECT_EQ(Fake->graphLaunches, 0);
  std::vector<float> logits(kVocab);
  text->decode(Tokens[5], logits.data());
  for (int64_t id = 0; id != kVocab; ++id)
    EXPECT_EQ(logits[size_t(id)], expected(5, id));
  int next = text->decodeGreedy(Tokens[6]);
  EXPECT_EQ(next, (6 * 3 + Tokens[6]) % kVocab);
  // The chosen token, another one, and a chunk in between.
  EXPECT_EQ(text->decodeGreedy(next), (7 * 3 + next) % kVocab);
  EXPECT_EQ(text->decodeGreedy(4), (8 * 3 + 4) % kVocab);
  text->prefill(Tokens.data(), 2, nullptr);
  EXPECT_EQ(text->decodeGreedy(9), (11 * 3 + 9) % kVocab);
  EXPECT_EQ(text->position(), 12);
  EXPECT_EQ(Fake->graphLaunches, 5);
}

TEST_F(CudaEngineTest, DecodeManyGoesOnWithWhatTheDeviceChose) {
  auto text = openChunked(4);
  text->decodeMany(3, 4);
  EXPECT_EQ(text->position(), 4);
  EXPECT_EQ(Fake->graphLaunches, 4);
  int token = 3;
  for (int position = 0; position != 4; ++position)
    token = (position * 3 + token) % int(kVocab);
  EXPECT_EQ(text->decodeGreedy(token), (4 * 3 + token) % kVocab);
}

TEST_F(CudaEngineTest, AStepThatIsNotLaunchedLeavesTheOnesBefore) {
  auto text = openChunked(4);
  Fake->mostGraphLaunches = 1;
  EXPECT_THAT(errorOf([&] { text->decodeMany(7, 3); }),
              testing::HasSubstr("launching the decode step"));
  // The device's row is the second step's now.
  Fake->mostGraphLaunches = 2;
  EXPECT_EQ(text->decodeGreedy(7), 7);
}

TEST_F(CudaEngineTest, TheSameTokenTwiceReplacesWhatTheDeviceChose) {
  auto text = openChunked(4);
  std::vector<float> logits(kVocab);
  text->prefill(Tokens.data(), 1, nullptr);
  text->decode(7, logits.data()); // the device chose 10
  EXPECT_EQ(text->decodeGreedy(7), (2 * 3 + 7) % kVocab);
}

TEST_F(CudaEngineTest, ResolvesEveryKindOfArgument) {
  auto text = openChunked(6);
  std::vector<float> logits(kVocab);
  text->prefill(Tokens.data(), 5, logits.data());
  const FakeLaunch &body = find("body");
  EXPECT_EQ(body.grid, (std::array<unsigned, 3>{3 * 2, 2, 1}));
  EXPECT_EQ(body.block, 128U);
  EXPECT_EQ(body.sharedBytes, 64U * 1024);

  const FakeLaunch &all = find("all_f32");
  EXPECT_EQ(std::memcmp(all.pointer<std::byte>(0), Image.Bytes.data(),
                        Image.Bytes.size()),
            0);
  // One page a sequence: keys [2 heads, 64 positions, 4] of four bytes each,
  // then the values.
  CacheView cache;
  std::memcpy(&cache, &all.params[1], sizeof cache);
  EXPECT_EQ(cache.keys, 0U);
  EXPECT_EQ(cache.values, 2U * 64 * 4 * 4);
  EXPECT_EQ(cache.pagesPerSequence, 1);
  EXPECT_EQ(cache.pageSize, 64);
  EXPECT_EQ(cache.pageShift, kOnePage);
  EXPECT_EQ(cache.rangeStride, 1);
  EXPECT_EQ(Fake->allocations.at(cache.pages[0]), 2 * cache.values);
  EXPECT_EQ(cache.ranges->key, 0);
  const float *rope = all.pointer<float>(9);
  EXPECT_EQ(rope[0], 1.0F);
  EXPECT_EQ(rope[1], 0.0F);
  EXPECT_EQ(rope[(7 * 2 + 1) * 2], std::cos(7 * 0.25F));
  EXPECT_EQ(rope[(63 * 2 + 0) * 2 + 1], std::sin(63.0F));
  EXPECT_EQ(*std::prev(Fake->allocations.upper_bound(all.params[10])),
            (std::pair<const CUdeviceptr, size_t>(all.params[10] - 256 - 8 * 6,
                                                  512 + 16 * 6)));
  EXPECT_EQ(all.params[2], all.params[13] + sizeof(DeviceState));
  EXPECT_EQ(static_cast<int32_t>(all.params[11]), -5);
  float number = 0;
  std::memcpy(&number, &all.params[12], sizeof(number));
  EXPECT_EQ(number, 1.5F);
}

TEST_F(CudaEngineTest, LaunchesOverlapWhereTheCodeWaits) {
  struct Case {
    int major, minor, driver;
    bool forcePtx, overlaps;
  };
  for (const Case &c :
       {Case{9, 0, 12040, false, true}, Case{9, 0, 12030, false, true},
        // Graphs do not take such launches yet.
        Case{9, 0, 12020, false, false},
        // compute_80 on a newer GPU does not wait.
        Case{9, 0, 12040, true, false}, Case{12, 0, 12040, false, false},
        Case{8, 6, 12040, false, false}}) {
    Fake->major = c.major;
    Fake->minor = c.minor;
    Fake->driverVersion = c.driver;
    Fake->launches.clear();
    runtime::EngineOptions options;
    options.context = kContext;
    options.forcePtx = c.forcePtx;
    auto text = openText(options);
    std::vector<float> logits(kVocab);
    text->prefill(Tokens.data(), 5, logits.data());
    text->decodeGreedy(1);
    std::vector<std::string> overlapping;
    for (const FakeLaunch &launch : Fake->launches)
      if (launch.overlaps)
        overlapping.push_back(launch.kernel);
    // The first launch of a list waits for the copies before it.
    std::vector<std::string> expected;
    if (c.overlaps)
      expected = {"all_f32", "head", "choose"};
    EXPECT_EQ(overlapping, expected) << c.major << "." << c.minor << ", driver "
                                     << c.driver << ", PTX " << c.forcePtx;
  }
}

TEST_F(CudaEngineTest, HalfCacheTakesTheOtherKernels) {
  runtime::EngineOptions options;
  options.context = 32;
  options.cache = runtime::CacheType::F16;
  auto text = openText(options);
  text->prefill(Tokens.data(), 2, nullptr);
  const FakeLaunch &all = find("all_f16");
  EXPECT_EQ(all.params[4] - all.params[3], 2U * 32 * 4 * 2);
  EXPECT_EQ(text->engine().memoryUse().cacheBytes, 2U * 2 * 32 * 4 * 2);
  EXPECT_EQ(text->engine().options().chunk, 32);
}

TEST_F(CudaEngineTest, AByteCacheHasScales) {
  runtime::EngineOptions options;
  options.context = 32;
  options.cache = runtime::CacheType::Q8;
  auto text = openText(options);
  text->prefill(Tokens.data(), 2, nullptr);
  CacheView cache;
  std::memcpy(&cache, &find("all_q8").params[1], sizeof cache);
  // [2 heads, 32 positions] of 4 bytes, and of a scale.
  EXPECT_EQ(cache.values - cache.keys, 2U * 32 * 4);
  EXPECT_EQ(cache.keyScales - cache.values, 2U * 32 * 4);
  EXPECT_EQ(cache.valueScales - cache.keyScales, 256U);
  EXPECT_EQ(text->engine().memoryUse().cacheBytes, 2U * (2 * 32 * 4 + 256));
}

TEST_F(CudaEngineTest, AHalfCacheThatCannotHoldAllIsAnError) {
  runtime::EngineOptions options;
  options.context = kContext;
  options.cache = runtime::CacheType::F16;
  auto text = openText(options);
  const CUdeviceptr state = [&] {
    text->prefill(Tokens.data(), 2, nullptr);
    return find("all_f16").params[13];
  }();
  std::string stage;
  Fake->onLaunch = [&, play = Fake->onLaunch](const FakeLaunch &launch) {
    play(launch);
    if (launch.kernel != stage)
      return;
    auto *device = reinterpret_cast<DeviceState *>(state);
    device->beyondCache = 1;
    reinterpret_cast<CacheRange *>(device + 1)->value = 70000;
  };
  std::vector<float> out(2 * kVocab);
  const std::vector<std::pair<std::string, std::function<void()>>> calls = {
      {"all_f16", [&] { text->prefill(Tokens.data(), 2, nullptr); }},
      {"all_f16", [&] { text->logits(Tokens.data(), 2, out.data()); }},
      {"step", [&] { text->decode(1, out.data()); }},
      {"step", [&] { text->decodeGreedy(1); }},
      {"step", [&] { text->decodeMany(1, 3); }},
  };
  for (const auto &[kernel, call] : calls) {
    text->rewind(0);
    stage.clear();
    EXPECT_EQ(errorOf(call), "");
    stage = kernel;
    EXPECT_THAT(errorOf(call), testing::HasSubstr("layer 0 reach 7e+04"));
  }
}

TEST_F(CudaEngineTest, ACacheThatOverflowsIsAnErrorOfOneSequence) {
  runtime::EngineOptions options;
  options.context = kContext;
  options.cache = runtime::CacheType::F16;
  options.sequences = 3;
  auto engine = open(options);
  runtime::Sequence texts[3] = {runtime::Sequence(*engine),
                                runtime::Sequence(*engine),
                                runtime::Sequence(*engine)};
  std::vector<runtime::Step> steps;
  for (runtime::Sequence &text : texts) {
    text.prefill(Tokens.data(), 2, nullptr);
    steps.push_back(text.step(1));
  }
  const CUdeviceptr state = find("all_f16").params[13];
  int overflowing = -1;
  Fake->onLaunch = [&, play = Fake->onLaunch](const FakeLaunch &launch) {
    play(launch);
    if (launch.kernel != "step" || overflowing < 0)
      return;
    auto *device = reinterpret_cast<DeviceState *>(state);
    device->beyondCache = 1;
    reinterpret_cast<CacheRange *>(device + 1)[overflowing].key = 66000;
  };
  // What the second left behind is not the third's.
  for (const size_t number : {1, 2}) {
    overflowing = texts[number].id();
    int32_t chosen[3];
    try {
      engine->decodeGreedy(steps, false, chosen);
      FAIL() << "accepted";
    } catch (const runtime::SequenceError &error) {
      EXPECT_EQ(error.sequence(), overflowing);
    }
    overflowing = -1;
    engine->decodeGreedy({steps[0]}, false, chosen);
  }
}

TEST_F(CudaEngineTest, AKeyThatIsNoNumberIsAnErrorOfOneSequence) {
  const auto play = Fake->onLaunch;
  for (const auto cache : {runtime::CacheType::F16, runtime::CacheType::Q8})
    for (float CacheRange::*part : {&CacheRange::key, &CacheRange::value}) {
      runtime::EngineOptions options;
      options.context = kContext;
      options.cache = cache;
      options.sequences = 2;
      auto engine = open(options);
      runtime::Sequence wrong(*engine);
      runtime::Sequence large(*engine);
      for (runtime::Sequence *text : {&wrong, &large})
        text->prefill(Tokens.data(), 2, nullptr);
      const bool isHalf = cache == runtime::CacheType::F16;
      const CUdeviceptr state = find(isHalf ? "all_f16" : "all_q8").params[13];
      auto *device = reinterpret_cast<DeviceState *>(state);
      auto *ranges = reinterpret_cast<CacheRange *>(device + 1);
      int failing = wrong.id();
      float magnitude = std::numeric_limits<float>::quiet_NaN();
      Fake->onLaunch = [&](const FakeLaunch &launch) {
        play(launch);
        if (launch.kernel != "step")
          return;
        device->beyondCache = 1;
        ranges[failing].*part = magnitude;
      };
      const auto failure = [&](runtime::Sequence &text) {
        try {
          text.decodeGreedy(1);
        } catch (const runtime::SequenceError &error) {
          EXPECT_EQ(error.sequence(), failing);
          EXPECT_EQ(error.shortage(), runtime::Shortage::Range);
          return std::string(error.what());
        }
        return std::string("none");
      };
      EXPECT_EQ(failure(wrong), "a key or value of layer 0 is not a number");
      // It is not blamed for what comes later.
      failing = large.id();
      magnitude = 9e6f;
      EXPECT_THAT(failure(large), testing::HasSubstr("reach 9e+06"));
      for (const int id : {wrong.id(), large.id()}) {
        EXPECT_LT(ranges[id].key, runtime::beyondCache(cache));
        EXPECT_LT(ranges[id].value, runtime::beyondCache(cache));
      }
      Fake->launches.clear();
      Fake->onLaunch = play;
    }
}

TEST_F(CudaEngineTest, ClosedSequencesLeaveMemoryAsItWas) {
  runtime::EngineOptions options;
  options.context = kContext;
  options.sequences = 2;
  auto engine = open(options);
  uint64_t bytes = 0;
  for (int i = 0; i != 1000; ++i) {
    runtime::Sequence one(*engine);
    runtime::Sequence two(*engine);
    one.prefill(Tokens.data(), 2 + i % 3, nullptr);
    two.decodeGreedy(1);
    if (i == 0)
      bytes = engine->memoryUse().deviceBytes;
  }
  EXPECT_EQ(engine->memoryUse().deviceBytes, bytes);
}

TEST_F(CudaEngineTest, ALogitThatIsNoNumberIsAnError) {
  auto text = openChunked(4);
  Fake->onLaunch = [](const FakeLaunch &launch) {
    if (launch.kernel == "choose")
      launch.pointer<TokenRow>(2)->token = -1 - 7;
  };
  const char *message = "the logit of token 7 is not a number";
  EXPECT_EQ(errorOf([&] { text->decodeGreedy(1); }), message);
  EXPECT_EQ(errorOf([&] { text->decodeMany(1, 2); }), message);
}

TEST_F(CudaEngineTest, AFaultOnTheDeviceIsAnError) {
  auto text = openChunked(4);
  Fake->syncResult = CUDA_ERROR_ILLEGAL_ADDRESS;
  std::string message =
      errorOf([&] { text->prefill(Tokens.data(), 5, nullptr); });
  EXPECT_THAT(message, testing::HasSubstr("running 5 tokens"));
  EXPECT_THAT(message, testing::HasSubstr("CUDA_ERROR_ILLEGAL_ADDRESS"));
  EXPECT_THAT(errorOf([&] { text->decodeGreedy(1); }),
              testing::HasSubstr("decoding a token failed"));
}

TEST_F(CudaEngineTest, ABatchIsRunInPassesOfAllItsSequences) {
  for (int64_t chunk : {1, 4, 7, 64}) {
    runtime::EngineOptions options;
    options.context = kContext;
    options.chunk = chunk;
    options.sequences = 3;
    auto engine = open(options);
    std::vector<runtime::Piece> batch(3);
    std::vector<std::vector<float>> logits;
    std::vector<float> losses(6, -99);
    const std::vector<int32_t> targets = {1, 2, 3, 4, 5, 6};
    for (size_t i = 0; i != 3; ++i) {
      batch[i].sequence = engine->open();
      batch[i].tokens = Tokens.data() + i;
      batch[i].count = 2 + int64_t(i) * 2;
      batch[i].firstRow = batch[i].count - 1;
      logits.emplace_back(kVocab);
      batch[i].logits = logits[i].data();
    }
    batch[2].firstRow = 2;
    batch[2].logits = nullptr;
    batch[2].losses = losses.data();
    batch[2].targets = targets.data();
    Fake->launches.clear();
    engine->run(batch);
    EXPECT_EQ(std::count_if(Fake->launches.begin(), Fake->launches.end(),
                            [](const auto &l) { return l.kernel == "body"; }),
              (12 + chunk - 1) / chunk);
    const auto want = [&](size_t i, int64_t token, int64_t id) {
      return tinyLogit(tinyHidden(int(token), batch[i].tokens[token]), id);
    };
    for (size_t i = 0; i != 2; ++i)
      for (int64_t id = 0; id != kVocab; ++id)
        ASSERT_EQ(logits[i][size_t(id)], want(i, batch[i].count - 1, id))
            << "chunk " << chunk << ", piece " << i;
    for (int64_t token = 0; token != 6; ++token)
      EXPECT_EQ(losses[size_t(token)],
                token < 2 ? -99 : want(2, token, targets[size_t(token)]));
    // Each goes on where it is.
    std::vector<int32_t> chosen(3);
    engine->decodeGreedy({{batch[0].sequence, 2, 7},
                          {batch[1].sequence, 4, 8},
                          {batch[2].sequence, 1, 9}},
                         false, chosen.data());
    EXPECT_EQ(chosen, (std::vector<int32_t>{(2 * 3 + 7) % int(kVocab),
                                            (4 * 3 + 8) % int(kVocab),
                                            (1 * 3 + 9) % int(kVocab)}));
    EXPECT_EQ(engine->length(batch[2].sequence), 2);
  }
}

TEST_F(CudaEngineTest, SequencesTakePagesAsTheyGrow) {
  Image.Manifest.cuda[0].pagePositions = 16;
  runtime::EngineOptions options;
  options.context = kContext;
  options.sequences = 2;
  auto engine = open(options);
  const auto view = [&] {
    CacheView cache;
    std::memcpy(&cache, &Fake->launches.at(1).params[1], sizeof cache);
    return cache;
  };
  runtime::Sequence one(*engine);
  runtime::Sequence two(*engine);
  const std::vector<int32_t> tokens(40, 1);
  one.prefill(tokens.data(), 17, nullptr);
  two.prefill(tokens.data(), 40, nullptr);
  const CacheView cache = view();
  EXPECT_EQ(cache.pageSize, 16);
  EXPECT_EQ(cache.pageShift, 4);
  EXPECT_EQ(cache.pagesPerSequence, 4);
  std::vector<uint64_t> pages(cache.pages, cache.pages + 2);
  pages.insert(pages.end(), cache.pages + 4, cache.pages + 7);
  std::sort(pages.begin(), pages.end());
  const uint64_t bytes = 2 * (cache.values - cache.keys);
  for (size_t i = 1; i != pages.size(); ++i)
    EXPECT_GE(pages[i] - pages[i - 1], bytes);
  const uint64_t before = engine->memoryUse().cacheBytes;
  for (int i = 0; i != 1000; ++i) {
    one.rewind(0);
    one.prefill(tokens.data(), 20, nullptr);
  }
  EXPECT_EQ(engine->memoryUse().cacheBytes, before);
}

TEST_F(CudaEngineTest, MemoryThatEndsIsAnErrorOfOneSequence) {
  runtime::EngineOptions options;
  options.context = kContext;
  options.sequences = 2;
  auto engine = open(options);
  runtime::Sequence one(*engine);
  runtime::Sequence two(*engine);
  Fake->allocResult = CUDA_ERROR_OUT_OF_MEMORY;
  int32_t chosen[2];
  try {
    engine->decodeGreedy({two.step(1), one.step(1)}, false, chosen);
    FAIL() << "accepted";
  } catch (const runtime::SequenceError &error) {
    EXPECT_EQ(error.sequence(), two.id());
    EXPECT_THAT(error.what(),
                testing::HasSubstr("out of GPU memory: 0 MB for the KV cache"));
  }
  EXPECT_EQ(Fake->graphLaunches, 0);
  Fake->allocResult = CUDA_SUCCESS;
  EXPECT_EQ(one.decodeGreedy(1), 1);
}

TEST_F(CudaEngineTest, DecodesSeveralSequencesByOneGraph) {
  runtime::EngineOptions options;
  options.context = kContext;
  options.sequences = 7;
  auto engine = open(options);
  const auto next = [](int position, int token) {
    return (position * 3 + token) % int(kVocab);
  };
  unsigned threads = 0;
  Fake->onLaunch = [&, play = Fake->onLaunch](const FakeLaunch &launch) {
    play(launch);
    if (launch.kernel == "step")
      threads = launch.block;
  };
  for (const int count : {1, 2, 3, 4, 7}) {
    std::vector<std::unique_ptr<runtime::Sequence>> texts;
    std::vector<runtime::Step> steps;
    std::vector<int32_t> want;
    for (int i = 0; i != count; ++i) {
      texts.push_back(std::make_unique<runtime::Sequence>(*engine));
      texts[size_t(i)]->prefill(Tokens.data(), 1 + i, nullptr);
      steps.push_back(texts[size_t(i)]->step(2 * i + 1));
      want.push_back(next(1 + i, 2 * i + 1));
    }
    Fake->graphLaunches = 0;
    std::vector<float> logits(size_t(count) * kVocab);
    engine->decode(steps, logits.data());
    // Of at most four in a pass.
    EXPECT_EQ(Fake->graphLaunches, (count + 3) / 4);
    // Two or three have launches of their own; of seven the last three do.
    EXPECT_EQ(threads == kBatchThreads, count == 2 || count == 3 || count == 7);
    for (int i = 0; i != count; ++i)
      for (int64_t id = 0; id != kVocab; ++id)
        ASSERT_EQ(logits[size_t(i * kVocab + id)],
                  tinyLogit(tinyHidden(1 + i, 2 * i + 1), id));
    std::vector<int32_t> chosen(size_t(count), -1);
    engine->decodeGreedy(steps, false, chosen.data());
    EXPECT_EQ(chosen, want);
    engine->decodeMany(steps, 3);
    for (size_t i = 0; i != steps.size(); ++i) {
      EXPECT_EQ(engine->length(steps[i].sequence), steps[i].position + 3);
      for (int step = 0; step != 3; ++step)
        steps[i].token = next(int(steps[i].position++), steps[i].token);
      want[i] = next(int(steps[i].position), steps[i].token);
    }
    engine->decodeGreedy(steps, false, chosen.data());
    EXPECT_EQ(chosen, want);
  }
}
} // namespace
