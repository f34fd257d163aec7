//===- EncoderTest.cpp - Streaming weights into a section -----------------===//

#include "qzc/Encode/Encoder.h"

#include "../Support/TempFolder.h"
#include "SafetensorsImage.h"
#include "qzc/Format/Schemes/Dense.h"
#include "qzc/Support/Error.h"

#include <cmath>
#include <cstring>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <random>

using namespace qzc;
using namespace qzc::encode;
using namespace qzc::format;
using namespace qzc::test;
using testing::AllOf;
using testing::HasSubstr;

namespace {
class EncoderTest : public testing::Test {
protected:
  void add(const std::string &name, int64_t rows, int64_t cols,
           std::vector<float> values, PackedShape shape) {
    Image.add(name, "F32", {rows, cols}, bytesOf(values));
    Tensor tensor;
    tensor.shape = shape;
    tensor.source = {name, {rows, cols}, DType::F32, false, {}};
    Tensors.push_back(tensor);
  }

  static std::vector<float> random(int64_t count, unsigned seed) {
    std::mt19937 generator(seed);
    std::normal_distribution<float> normal(0, 0.02f);
    std::vector<float> values(static_cast<size_t>(count));
    for (float &value : values)
      value = normal(generator);
    return values;
  }

  /// The weights section, encoded by this many threads.
  std::vector<std::byte> encode(int threads, bool changed = false) {
    const std::string bytes = Image.file();
    writeAll(Folder.file("w"), bytes);
    WeightSources sources(
        {{Folder.file("w"), bytes.size(), changed ? "0" : sha256Hex(bytes)}});
    std::vector<WeightRef> refs;
    for (const Tensor &tensor : Tensors) {
      const auto &entries = sources.file(0).entries();
      const auto found = entries.find(tensor.source.name);
      refs.push_back({0, found == entries.end() ? 0 : found->second.offset});
    }
    std::vector<std::byte> section(assignOffsets(Tensors));
    ThreadPool pool(threads);
    encodeWeights(
        Tensors, refs, sources,
        [&](uint64_t offset, const void *data, size_t count) {
          ASSERT_LE(offset + count, section.size());
          std::memcpy(section.data() + offset, data, count);
        },
        pool);
    for (size_t i = 0; i < Tensors.size(); ++i) {
      const std::vector<std::byte> alone =
          encodeTensor(Tensors[i], refs[i], sources);
      EXPECT_TRUE(std::equal(alone.begin(), alone.end(),
                             section.begin() +
                                 static_cast<int64_t>(Tensors[i].offset)));
    }
    return section;
  }

  std::string failure(bool changed = false) {
    try {
      encode(2, changed);
    } catch (const Error &error) {
      return error.what();
    }
    return "";
  }

  TempFolder Folder;
  SafetensorsImage Image;
  std::vector<Tensor> Tensors;
};
} // namespace

TEST_F(EncoderTest, BytesDoNotDependOnThreads) {
  // Larger than one chunk, with blocks that cross rows and chunks.
  add("nf4", 1001, 777, random(1001 * 777, 1),
      {Scheme::Nf4, DType::F32, 1001, 777, 64});
  add("wide", 1001, 777, random(1001 * 777, 2),
      {Scheme::Nf4, DType::F32, 1001, 777, 4096});
  add("int8", 1001, 777, random(1001 * 777, 3),
      {Scheme::Int8, DType::F32, 1001, 777, 0});
  // All scales of the tensor depend on each other.
  add("double", 1001, 777, random(1001 * 777, 6),
      {Scheme::Fp4, DType::F32, 1001, 777, 64, ScaleCodec::Double});
  add("q4_0", 1001, 768, random(1001 * 768, 7),
      {Scheme::Q4_0, DType::F32, 1001, 768, 0});
  add("bf16", 1001, 777, random(1001 * 777, 4),
      {Scheme::None, DType::BF16, 1001, 777, 0});
  add("f32", 1, 3, random(3, 5), {Scheme::None, DType::F32, 1, 3, 0});
  const std::vector<std::byte> one = encode(1);
  EXPECT_EQ(one, encode(4));
  for (const Tensor &tensor : Tensors) {
    EXPECT_EQ(tensor.offset % kPartAlign, 0u);
    EXPECT_EQ(tensor.f16Exponent, 0);
  }
}

TEST_F(EncoderTest, ChunksDecodeToTheWholesValues) {
  const std::vector<float> values = random(1001 * 777, 6);
  add("a", 1001, 777, values, {Scheme::Nf4, DType::F32, 1001, 777, 64});
  const std::vector<std::byte> section = encode(2);
  const PackedView view = viewOf(Tensors[0].shape, section.data());
  std::vector<float> decoded(values.size());
  decodeRows(view, 0, 1001, decoded.data());
  for (size_t begin = 0; begin < values.size(); begin += 64) {
    const size_t end = std::min(values.size(), begin + 64);
    float absmax = 0;
    for (size_t i = begin; i < end; ++i)
      absmax = std::max(absmax, std::fabs(values[i]));
    for (size_t i = begin; i < end; ++i)
      ASSERT_LE(std::fabs(decoded[i] - values[i]), 0.152f * absmax) << i;
  }
}

TEST_F(EncoderTest, CastsRoundHalfToEven) {
  const float step = std::ldexp(1.0f, -8);
  add("a", 1, 4, {1 + step, 1 + 3 * step, -0.0f, 1e-41f},
      {Scheme::None, DType::BF16, 1, 4, 0});
  const std::vector<std::byte> section = encode(1);
  uint16_t stored[4];
  std::memcpy(stored, section.data(), sizeof stored);
  EXPECT_THAT(stored, testing::ElementsAre(0x3f80, 0x3f82, 0x8000, 0));
}

TEST_F(EncoderTest, ValuesThatAreNotFiniteAreNamed) {
  std::vector<float> values = random(700'000, 7);
  values[600'123] = NAN;
  add("model.w", 1000, 700, values, {Scheme::Nf4, DType::F32, 1000, 700, 64});
  EXPECT_THAT(failure(),
              AllOf(HasSubstr("'model.w' at [857, 223]"), HasSubstr("NaN")));
  // A file that changed explains it.
  EXPECT_THAT(failure(/*changed=*/true), HasSubstr("has changed"));
}

TEST_F(EncoderTest, InfinitiesAreNamed) {
  add("w", 1, 2, {1, -INFINITY}, {Scheme::None, DType::F32, 1, 2, 0});
  EXPECT_THAT(failure(),
              AllOf(HasSubstr("'w' at [0, 1]"), HasSubstr("infinite")));
}

TEST_F(EncoderTest, ValuesBeyondTheStoredTypeAreNamed) {
  add("w", 2, 2, {1, 2, 65520, 3}, {Scheme::None, DType::F16, 2, 2, 0});
  EXPECT_THAT(failure(),
              AllOf(HasSubstr("'w' at [1, 0]"), HasSubstr("does not fit f16")));
}

TEST_F(EncoderTest, ScalesBeyondTheirTypeAreNamed) {
  std::vector<float> values(3 * 64, 1);
  values[2 * 64 + 40] = 9e6f;
  add("w", 3, 64, values, {Scheme::Q8_0, DType::F32, 3, 64, 0});
  EXPECT_THAT(failure(), AllOf(HasSubstr("'w' at [2, 32]"), HasSubstr("q8_0"),
                               HasSubstr("does not fit")));
}

TEST_F(EncoderTest, AMissingTensorIsNamed) {
  add("w", 1, 1, {1}, {Scheme::None, DType::F32, 1, 1, 0});
  Tensors[0].source.name = "other";
  EXPECT_THAT(failure(), AllOf(HasSubstr("'other'"), HasSubstr("missing")));
}

TEST_F(EncoderTest, LargeValuesGetAnF16Exponent) {
  add("w", 1, 2, {65504, 0}, {Scheme::None, DType::F32, 1, 2, 0});
  add("x", 1, 2, {-65536, 0}, {Scheme::None, DType::F32, 1, 2, 0});
  add("y", 1, 2, {1e6f, 0}, {Scheme::Nf4, DType::F32, 1, 2, 64});
  add("z", 1, 2, {3.4e38f, 0}, {Scheme::Int8, DType::F32, 1, 2, 0});
  add("d", 1, 2, {1e6f, 0},
      {Scheme::Nf4, DType::F32, 1, 2, 64, ScaleCodec::Double});
  encode(1);
  EXPECT_EQ(Tensors[4].f16Exponent, 4);
  EXPECT_EQ(Tensors[0].f16Exponent, 0);
  EXPECT_EQ(Tensors[1].f16Exponent, 1);
  EXPECT_EQ(Tensors[2].f16Exponent, 4);
  EXPECT_EQ(Tensors[3].f16Exponent, 112);
}
