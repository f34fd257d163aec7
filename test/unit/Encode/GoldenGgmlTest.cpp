//===- GoldenGgmlTest.cpp - ggml's blocks against llama.cpp ---------------===//
//
// test/golden/schemes/ggml.safetensors holds what llama.cpp makes of weights
// with ties, zero blocks and extreme scales; see make_ggml.py there. Every byte
// must agree. ggml_weighted.safetensors is the same by importance; see
// make_ggml_weighted.py.
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

/// Whether the case has blocks of that type: the golden file says which sources
/// a type takes.
static bool has(const WeightSources &sources, const std::string &tensor) {
  return sources.file(0).entries().count(tensor) != 0;
}

template <typename Block>
static void checkBlocks(const std::string &part, size_t cases) {
  const WeightSources sources = openGolden("ggml.safetensors");
  const std::set<std::string> names = goldenCases(sources.file(0));
  EXPECT_EQ(names.size(), 11u);
  size_t checked = 0;
  for (const std::string &name : names) {
    const std::string tensor = name + "." + part;
    if (!has(sources, tensor))
      continue;
    ++checked;
    const std::vector<float> values = weightOf(sources, name);
    std::vector<Block> blocks(values.size() / Block::kValues);
    EXPECT_TRUE(std::isfinite(ggml::quantize(
        values.data(), static_cast<int64_t>(values.size()), blocks.data())));
    expectBytes(sources.file(0), tensor, blocks.data(),
                blocks.size() * sizeof(Block));

    std::vector<float> decoded(values.size());
    for (size_t i = 0; i < blocks.size(); ++i)
      ggml::dequantize(blocks[i], decoded.data() + i * Block::kValues);
    // Signs of zeros are the codes' own.
    expectBytes(sources.file(0), tensor + "_decoded", decoded.data(),
                decoded.size() * sizeof(float));
  }
  EXPECT_EQ(checked, cases);
}

TEST(GoldenGgml, Q8_0) { checkBlocks<ggml::BlockQ8_0>("q8_0", 11); }
TEST(GoldenGgml, Q4_0) { checkBlocks<ggml::BlockQ4_0>("q4_0", 11); }
TEST(GoldenGgml, Q4_1) { checkBlocks<ggml::BlockQ4_1>("q4_1", 10); }
TEST(GoldenGgml, Q5_0) { checkBlocks<ggml::BlockQ5_0>("q5_0", 11); }
TEST(GoldenGgml, Q5_1) { checkBlocks<ggml::BlockQ5_1>("q5_1", 10); }
TEST(GoldenGgml, Iq4Nl) { checkBlocks<ggml::BlockIq4Nl>("iq4_nl", 11); }
TEST(GoldenGgml, Q4_K) { checkBlocks<ggml::BlockQ4_K>("q4_k", 3); }
TEST(GoldenGgml, Q5_K) { checkBlocks<ggml::BlockQ5_K>("q5_k", 3); }
TEST(GoldenGgml, Q6_K) { checkBlocks<ggml::BlockQ6_K>("q6_k", 3); }
TEST(GoldenGgml, TQ1_0) { checkBlocks<ggml::BlockTq1_0>("tq1_0", 3); }
TEST(GoldenGgml, TQ2_0) { checkBlocks<ggml::BlockTq2_0>("tq2_0", 3); }

/// What searchElements makes of a case, as ggml stores it.
static std::vector<std::byte> searched(const WeightSources &sources,
                                       const std::string &name, Scheme scheme) {
  const auto &entry = sources.file(0).entry(name + ".weight");
  const PackedShape shape = {scheme, DType::F32, entry.shape[0], entry.shape[1],
                             0};
  const int64_t count = shape.rows * shape.cols;
  const std::vector<float> values = weightOf(sources, name);
  const auto *row = reinterpret_cast<const float *>(
      sources.file(0).file().data() +
      sources.file(0).entry(name + ".importance").offset);
  std::vector<float> importance;
  for (int64_t i = 0; i < shape.rows; ++i)
    importance.insert(importance.end(), row, row + shape.cols);
  std::vector<std::vector<std::byte>> stored;
  std::byte *parts[4] = {};
  for (const PartLayout &part : layout(shape))
    parts[stored.size() - 1] =
        stored.emplace_back(std::vector<std::byte>(part.bytes)).data();
  EXPECT_TRUE(std::isfinite(
      searchElements(shape, values.data(), importance.data(), count, parts)));
  const BlockFormat &format = *blockFormat(scheme);
  std::vector<std::byte> blocks(
      static_cast<size_t>(count / format.values * format.bytes));
  format.join(parts, count, blocks.data());
  return blocks;
}

TEST(GoldenGgml, ByImportance) {
  const WeightSources sources = openGolden("ggml_weighted.safetensors");
  const std::set<std::string> names = goldenCases(sources.file(0));
  EXPECT_EQ(names.size(), 6u);
  size_t checked = 0;
  for (const Scheme scheme :
       {Scheme::Q4_0, Scheme::Q4_1, Scheme::Q5_0, Scheme::Q5_1, Scheme::Q4_K,
        Scheme::Q5_K, Scheme::Q6_K})
    for (const std::string &case_ : names) {
      const std::string tensor =
          case_ + "." + std::string(qzc::format::name(scheme));
      if (!has(sources, tensor))
        continue;
      ++checked;
      const std::vector<std::byte> blocks = searched(sources, case_, scheme);
      expectBytes(sources.file(0), tensor, blocks.data(), blocks.size());
    }
  EXPECT_EQ(checked, 4u * 6 + 3 * 5);
}

/// The largest magnitude for a block of one value `x` and zeros.
template <typename Block> static float largestOf(float x) {
  float values[Block::kValues] = {0, x};
  Block block;
  return ggml::quantize(values, Block::kValues, &block);
}

TEST(GoldenGgml, ScalesBeyondF16AreReported) {
  EXPECT_EQ(largestOf<ggml::BlockQ8_0>(-65504.0f * 127), 65504.0f * 127);
  EXPECT_TRUE(std::isinf(largestOf<ggml::BlockQ8_0>(65520.0f * 127)));
  EXPECT_EQ(largestOf<ggml::BlockQ4_0>(65504.0f * 8), 65504.0f * 8);
  EXPECT_TRUE(std::isinf(largestOf<ggml::BlockQ4_0>(-65520.0f * 8)));
  EXPECT_TRUE(std::isfinite(largestOf<ggml::BlockIq4Nl>(1e6f)));
  EXPECT_TRUE(std::isinf(largestOf<ggml::BlockIq4Nl>(1e8f)));
  EXPECT_TRUE(std::isinf(largestOf<ggml::BlockIq4Nl>(3e38f)));
  EXPECT_TRUE(std::isfinite(largestOf<ggml::BlockQ4_1>(9e5f)));
  EXPECT_TRUE(std::isinf(largestOf<ggml::BlockQ4_1>(-9e5f)));
  EXPECT_TRUE(std::isinf(largestOf<ggml::BlockQ4_1>(1e6f)));
  EXPECT_EQ(largestOf<ggml::BlockQ5_0>(65504.0f * 16), 65504.0f * 16);
  EXPECT_TRUE(std::isinf(largestOf<ggml::BlockQ5_0>(-65520.0f * 16)));
  EXPECT_TRUE(std::isinf(largestOf<ggml::BlockQ5_1>(3e38f)));
  for (float huge : {1e9f, -1e9f, 3e38f, -3e38f}) {
    EXPECT_TRUE(std::isinf(largestOf<ggml::BlockQ4_K>(huge)));
    EXPECT_TRUE(std::isinf(largestOf<ggml::BlockQ5_K>(huge)));
    EXPECT_TRUE(std::isinf(largestOf<ggml::BlockQ6_K>(huge)));
  }
}
