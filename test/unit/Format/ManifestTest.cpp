//===- ManifestTest.cpp - The manifest's JSON, sound and damaged ----------===//

#include "SampleManifest.h"

#include "qzc/Support/Error.h"

#include <cmath>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <random>

using namespace qzc;
using namespace qzc::format;
using testing::HasSubstr;
using Json = nlohmann::ordered_json;

TEST(Manifest, SurvivesARoundTrip) {
  const Manifest manifest = test::sampleManifest();
  const std::string text = toJson(manifest);
  const Manifest again = parseManifest(text);
  EXPECT_EQ(toJson(again), text);
  EXPECT_EQ(again.model.chatTemplate, manifest.model.chatTemplate);
  EXPECT_EQ(again.model.specialTokens, manifest.model.specialTokens);
  EXPECT_EQ(again.model.bos, 1);
  EXPECT_EQ(again.syntheticSeed, UINT64_MAX);
  EXPECT_EQ(again.plan.ropes[0].inverseFrequencies,
            manifest.plan.ropes[0].inverseFrequencies);
  const auto &attention = std::get<AttentionParams>(again.plan.body[6].params);
  EXPECT_EQ(attention.scale, 0.35355338f);
  EXPECT_EQ(attention.window, 16);
  EXPECT_EQ(attention.alibi, 8.0f);
  EXPECT_EQ(attention.rope, 0);
  EXPECT_EQ(again.plan.ropes[1].magnitude, 1.25f);
  EXPECT_EQ(again.plan.ropes[1].context, 90);
  EXPECT_EQ(again.plan.ropes[1].longFrequencies,
            manifest.plan.ropes[1].longFrequencies);
  EXPECT_EQ(again.plan.ropes[2].growth, 2.5f);
  const auto &linear = std::get<LinearParams>(again.plan.body[7].params);
  EXPECT_TRUE(linear.gated && linear.hasBias);
  EXPECT_EQ(linear.activation, Activation::GeluTanh);
  const auto &views = std::get<LinearParams>(again.plan.body[4].params).rows;
  ASSERT_EQ(views.size(), 2u);
  EXPECT_TRUE(views[0].isOneRun());
  EXPECT_EQ(views[1].stored(7), 15);
  EXPECT_EQ(again.tensors[3].source.rows,
            (std::vector<std::pair<int64_t, int64_t>>{{0, 16}}));
  EXPECT_TRUE(again.tensors[3].source.transposed);
  EXPECT_EQ(again.tensors[3].f16Exponent, 2);
  EXPECT_EQ(again.tensors[3].shape.scales, ScaleCodec::Double);
  EXPECT_EQ(again.tensors[4].shape.scales, ScaleCodec::Plain);
  ASSERT_EQ(again.sources.size(), 2u);
  EXPECT_EQ(again.sources[1].path, "b.safetensors");
  EXPECT_EQ(again.sources[1].bytes, 8192u);
  EXPECT_EQ(again.statistics, manifest.statistics);
  EXPECT_EQ(again.tensors[3].calibrated, "blk.0.qkv");
  EXPECT_EQ(again.tensors[0].source.ref->file, 1u);
  EXPECT_EQ(again.tensors[0].source.ref->offset, 512u);
  EXPECT_FALSE(again.tensors[1].source.ref);
  EXPECT_EQ(again.cuda[0].decode[1].args[12].f, 0.1f);
  EXPECT_EQ(again.cuda[0].decode[0].grid[1].perTokens, 64);
  EXPECT_EQ(again.cuda[0].decode[0].grid[2].perTokens, kPerTile);
  EXPECT_EQ(again.cuda[0].losses.size(), 2u);
  EXPECT_EQ(again.cuda[0].decodeBatch, 8);
  ASSERT_EQ(again.cuda[0].batches.size(), 2u);
  EXPECT_EQ(again.cuda[0].batches[1].sequences, 8);
  EXPECT_EQ(again.cuda[0].batches[1].launches[1].blockThreads, 256u);
  EXPECT_EQ(again.cuda[0].tileQueries, 64);
  EXPECT_EQ(again.cuda[0].pagePositions, 32);
  EXPECT_EQ(again.plan.head[0].inputs[0].buffer, kHiddenBuffer);
}

TEST(Manifest, PackedSourcesSurviveToo) {
  const std::string text = toJson(test::packedManifest());
  const Manifest again = parseManifest(text);
  EXPECT_EQ(toJson(again), text);
  const auto &packed = again.tensors[5].source.ref->packed;
  ASSERT_TRUE(packed);
  EXPECT_EQ(packed->shape.rows, 40);
  EXPECT_EQ(packed->shape.blockSize, 64);
  EXPECT_EQ(packed->offset, 1.5f);
  EXPECT_EQ(packed->tensors[0].shape, (std::vector<int64_t>{320, 1}));
  EXPECT_EQ(packed->tensors[0].offset, 640u);
}

TEST(Manifest, FloatsAreShortAndExact) {
  Manifest manifest = test::sampleManifest();
  EXPECT_THAT(toJson(manifest), HasSubstr("\"factor\":0.1}"));
  std::mt19937 random(3);
  manifest.plan.ropes[0].dim = 8192;
  auto &frequencies = manifest.plan.ropes[0].inverseFrequencies;
  frequencies.resize(4096);
  for (float &frequency : frequencies) {
    do {
      const uint32_t bits = static_cast<uint32_t>(random());
      std::memcpy(&frequency, &bits, sizeof bits);
    } while (!std::isfinite(frequency));
  }
  manifest.plan.body.erase(manifest.plan.body.begin() + 6);
  manifest.cuda = {};
  EXPECT_EQ(parseManifest(toJson(manifest)).plan.ropes[0].inverseFrequencies,
            frequencies);
}

TEST(Manifest, UnknownKeysArePassedOver) {
  Json json = Json::parse(toJson(test::sampleManifest()));
  json["later"] = {{"a", 1}};
  json["plan"]["body"][0]["later"] = "x";
  EXPECT_NO_THROW(parseManifest(json.dump()));
}

TEST(Manifest, AnyDepthIsPassedOver) {
  constexpr size_t kDepth = 1'000'000;
  std::string text = toJson(test::sampleManifest());
  ASSERT_EQ(text.front(), '{');
  text.insert(1, "\"later\":" + std::string(kDepth, '[') +
                     std::string(kDepth, ']') + ",");
  EXPECT_NO_THROW(parseManifest(text));
}

TEST(Manifest, MessagesNameThePlace) {
  Json json = Json::parse(toJson(test::sampleManifest()));
  json["plan"]["body"][4]["in"][0][1] = "x";
  try {
    parseManifest(json.dump());
    FAIL();
  } catch (const Error &error) {
    EXPECT_STREQ(error.what(), "the manifest is damaged: "
                               "plan.body[4].in[0][1] is not an integer");
  }
}

TEST(Manifest, TextThatIsNotUtf8IsRefused) {
  Manifest manifest = test::sampleManifest();
  manifest.model.chatTemplate = "\xff";
  EXPECT_THROW(toJson(manifest), Error);
}

/// Sound or a qzc::Error, never anything else.
static bool parses(const std::string &text) {
  try {
    parseManifest(text);
    return true;
  } catch (const Error &) {
    return false;
  }
}

TEST(ManifestFuzz, EveryCutIsAnError) {
  const std::string text = toJson(test::sampleManifest());
  for (size_t length = 0; length < text.size(); ++length)
    EXPECT_FALSE(parses(text.substr(0, length))) << length;
}

TEST(ManifestFuzz, ChangedBytesNeverCrash) {
  const std::string text = toJson(test::sampleManifest());
  std::mt19937 random(11);
  for (int round = 0; round < 4000; ++round) {
    std::string changed = text;
    for (int i = 0; i < 3; ++i)
      changed[random() % changed.size()] =
          "0123456789-.eE\"[]{},:tfn\x80 "[random() % 27];
    parses(changed);
  }
}

/// Every value of the document, in order.
static void collect(Json &json, std::vector<Json *> &all) {
  all.push_back(&json);
  if (json.is_structured())
    for (auto &child : json)
      collect(child, all);
}

TEST(ManifestFuzz, ReplacedValuesNeverCrash) {
  const Json sound = Json::parse(toJson(test::sampleManifest()));
  const std::vector<Json> replacements = {nullptr,
                                          true,
                                          -1,
                                          -2,
                                          0,
                                          1,
                                          7,
                                          INT64_MAX,
                                          INT64_MIN,
                                          UINT64_MAX,
                                          uint64_t{1} << 32,
                                          1e300,
                                          0.5,
                                          "",
                                          "linear",
                                          "none",
                                          Json::array(),
                                          Json::object(),
                                          Json::array({1, 2, 3})};
  Json copy = sound;
  std::vector<Json *> values;
  collect(copy, values);
  const size_t count = values.size();
  size_t refused = 0;
  for (size_t index = 0; index < count; ++index)
    for (const Json &replacement : replacements) {
      Json changed = sound;
      std::vector<Json *> places;
      collect(changed, places);
      *places[index] = replacement;
      refused += !parses(changed.dump());
    }
  EXPECT_GT(refused, count * replacements.size() / 2);
}

TEST(ManifestFuzz, RemovedMembersNeverCrash) {
  const Json sound = Json::parse(toJson(test::sampleManifest()));
  Json copy = sound;
  std::vector<Json *> values;
  collect(copy, values);
  for (size_t index = 0; index < values.size(); ++index) {
    const size_t children =
        values[index]->is_structured() ? values[index]->size() : 0;
    for (size_t child = 0; child < children; ++child) {
      Json changed = sound;
      std::vector<Json *> places;
      collect(changed, places);
      Json &place = *places[index];
      place.erase(std::next(place.begin(), static_cast<int64_t>(child)));
      parses(changed.dump());
    }
  }
}

TEST(ManifestFuzz, DeepNestingIsAnError) {
  EXPECT_FALSE(parses(std::string(1'000'000, '[')));
  EXPECT_FALSE(parses(std::string(100'000, '[') + std::string(100'000, ']')));
}
