//===- GoldenGgmlTest.cpp - ggml's blocks against llama.cpp ---------------===//
//
// test/golden/schemes/ggml.safetensors holds what llama.cpp makes of weights
// with ties, zero blocks and extreme scales; see make_ggml.py there. Every byte
// must agree.
//
//===----------------------------------------------------------------------===//

#include "GoldenFile.h"

#include "qzc/Format/Ggml.h"

#include <cmath>

using namespace qzc;
using namespace qzc::encode;
using namespace qzc::format;

static std::vector<float> weightOf(const WeightSources &sources,
                                   const std::string &name) {
  const auto &entry = sources.file(0).entry(name + ".weight");
  const int64_t count = entry.shape[0] * entry.shape[1];
  std::vector<float> values(static_cast<size_t>(count));
  sources.read({name + ".weight", entry.shape, *entry.type(), false, {}},
               {0, entry.offset}, 0, count, values.data());
  return values;
}

template <typename Block> static void checkBlocks(const std::string &part) {
  const WeightSources sources = openGolden("ggml.safetensors");
  const std::set<std::string> names = goldenCases(sources.file(0));
  EXPECT_EQ(names.size(), 8u);
  for (const std::string &name : names) {
    const std::vector<float> values = weightOf(sources, name);
    std::vector<Block> blocks(values.size() / ggml::kBlock);
    EXPECT_TRUE(std::isfinite(ggml::quantize(
        values.data(), static_cast<int64_t>(values.size()), blocks.data())));
    std::string tensor = name;
    tensor += "." + part;
    expectBytes(sources.file(0), tensor, blocks.data(),
                blocks.size() * sizeof(Block));
  }
}

TEST(GoldenGgml, Q8_0) { checkBlocks<ggml::BlockQ8_0>("q8_0"); }
TEST(GoldenGgml, Q4_0) { checkBlocks<ggml::BlockQ4_0>("q4_0"); }
TEST(GoldenGgml, Iq4Nl) { checkBlocks<ggml::BlockIq4Nl>("iq4_nl"); }

/// The largest magnitude for a block of one value `x` and zeros.
template <typename Block> static float largestOf(float x) {
  float values[ggml::kBlock] = {0, x};
  Block block;
  return ggml::quantize(values, ggml::kBlock, &block);
}

TEST(GoldenGgml, ScalesBeyondF16AreReported) {
  EXPECT_EQ(largestOf<ggml::BlockQ8_0>(-65504.0f * 127), 65504.0f * 127);
  EXPECT_TRUE(std::isinf(largestOf<ggml::BlockQ8_0>(65520.0f * 127)));
  EXPECT_EQ(largestOf<ggml::BlockQ4_0>(65504.0f * 8), 65504.0f * 8);
  EXPECT_TRUE(std::isinf(largestOf<ggml::BlockQ4_0>(-65520.0f * 8)));
  EXPECT_TRUE(std::isfinite(largestOf<ggml::BlockIq4Nl>(1e6f)));
  EXPECT_TRUE(std::isinf(largestOf<ggml::BlockIq4Nl>(1e8f)));
  EXPECT_TRUE(std::isinf(largestOf<ggml::BlockIq4Nl>(3e38f)));
}
