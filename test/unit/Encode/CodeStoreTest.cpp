//===- CodeStoreTest.cpp - What was encoded before is taken ---------------===//

#include "qzc/Encode/CodeStore.h"

#include "../Support/TempFolder.h"
#include "SafetensorsImage.h"
#include "qzc/Encode/Encoder.h"

#include <cstring>
#include <gtest/gtest.h>
#include <random>

using namespace qzc;
using namespace qzc::encode;
using namespace qzc::format;
using namespace qzc::test;

namespace {
/// Two weights, and what encoding makes of each.
class CodeStoreTest : public testing::Test {
protected:
  void SetUp() override {
    std::mt19937 generator(1);
    std::normal_distribution<float> normal(0, 0.02f);
    for (const char *name : {"a", "b"}) {
      std::vector<float> values(1500 * 768); // more than a piece, and a MB
      for (float &value : values)
        value = normal(generator);
      Image.add(name, "F32", {1500, 768}, bytesOf(values));
      Tensor tensor;
      tensor.shape = {Scheme::Int8g, DType::F32, 1500, 768, 64};
      tensor.method = Method::Mse;
      tensor.source = {name, {1500, 768}, DType::F32, false, {}};
      Tensors.push_back(tensor);
    }
    const std::string bytes = Image.file();
    writeAll(Folder.file("w"), bytes);
    Sources.emplace(std::vector<SourceFile>{
        {Folder.file("w"), bytes.size(), sha256Hex(bytes)}});
    for (const Tensor &tensor : Tensors) {
      Refs.push_back(
          {0, Sources->file(0).entries().at(tensor.source.name).offset});
      Encoded.push_back(encodeTensor(tensor, Refs.back(), *Sources));
    }
  }

  /// Bytes that encoding `a` does not give, kept in its place.
  std::vector<std::byte> keepOthers(CodeStore &codes) const {
    std::vector<std::byte> others(Encoded[0].size(), std::byte{0x5a});
    Tensor tensor = Tensors[0];
    tensor.f16Exponent = 3;
    codes.keep(tensor, others.data());
    return others;
  }

  /// Whether the parts of two encoded weights are the same.
  static bool haveSameParts(const PackedShape &shape, const std::byte *a,
                            const std::byte *b) {
    for (const PartLayout &part : layout(shape))
      if (std::memcmp(a + part.offset, b + part.offset, part.bytes) != 0)
        return false;
    return true;
  }

  static std::vector<std::byte> readAll(const CodeStore &codes,
                                        const Tensor &tensor) {
    std::vector<std::byte> bytes(paddedBytes(tensor.shape));
    for (const PartLayout &part : layout(tensor.shape))
      codes.read(*codes.find(tensor), part.offset, bytes.data() + part.offset,
                 part.bytes);
    return bytes;
  }

  TempFolder Folder;
  SafetensorsImage Image;
  std::optional<WeightSources> Sources;
  std::vector<Tensor> Tensors;
  std::vector<WeightRef> Refs;
  std::vector<std::vector<std::byte>> Encoded;
  ThreadPool Pool{2};
};
} // namespace

TEST_F(CodeStoreTest, WhatIsKeptIsNotEncodedAgain) {
  CodeStore codes;
  const std::vector<std::byte> others = keepOthers(codes);
  std::vector<std::byte> section(assignOffsets(Tensors));
  encodeWeights(
      Tensors, Refs, *Sources,
      [&](uint64_t offset, const void *data, size_t bytes) {
        std::memcpy(section.data() + offset, data, bytes);
      },
      Pool, /*statistics=*/nullptr, &codes);
  EXPECT_TRUE(haveSameParts(Tensors[0].shape, others.data(),
                            section.data() + Tensors[0].offset));
  EXPECT_TRUE(haveSameParts(Tensors[1].shape, Encoded[1].data(),
                            section.data() + Tensors[1].offset));
  EXPECT_EQ(Tensors[0].f16Exponent, 3);
  EXPECT_EQ(Tensors[1].f16Exponent, 0);
}

TEST_F(CodeStoreTest, WhatIsMissingIsEncoded) {
  CodeStore codes;
  const std::vector<std::byte> others = keepOthers(codes);
  codes.encode(Tensors, Refs, *Sources, Pool, /*statistics=*/nullptr);
  EXPECT_TRUE(haveSameParts(Tensors[0].shape, others.data(),
                            readAll(codes, Tensors[0]).data()));
  EXPECT_TRUE(haveSameParts(Tensors[1].shape, Encoded[1].data(),
                            readAll(codes, Tensors[1]).data()));
}

TEST_F(CodeStoreTest, AnotherWeightIsNotFound) {
  CodeStore codes;
  keepOthers(codes);
  const Tensor kept = Tensors[0];
  EXPECT_TRUE(codes.find(kept));
  const auto isFound = [&](auto change) {
    Tensor other = kept;
    change(other);
    return codes.find(other) != nullptr;
  };
  EXPECT_FALSE(isFound([](Tensor &t) { t.source.name = "b"; }));
  EXPECT_FALSE(isFound([](Tensor &t) { t.source.rows = {{1, 1500}}; }));
  EXPECT_FALSE(isFound([](Tensor &t) { t.source.transposed = true; }));
  EXPECT_FALSE(isFound([](Tensor &t) { t.shape.blockSize = 32; }));
  EXPECT_FALSE(isFound([](Tensor &t) { t.shape.rows = 100; }));
  EXPECT_FALSE(isFound([](Tensor &t) { t.method = Method::Gptq; }));
  EXPECT_FALSE(isFound([](Tensor &t) { t.scaling.columns = 0; }));
  EXPECT_FALSE(isFound([](Tensor &t) { t.scaling.rows = 0; }));
  // The same rows, in other words.
  EXPECT_TRUE(isFound([](Tensor &t) { t.source.rows = {{0, 1500}}; }));
}
