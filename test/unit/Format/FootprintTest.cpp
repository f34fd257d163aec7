//===- FootprintTest.cpp - Memory in each convention ----------------------===//

#include "SampleManifest.h"

#include "qzc/Format/Footprint.h"

#include <algorithm>
#include <gtest/gtest.h>

using namespace qzc::format;

TEST(Footprint, ParametersAreCodesAlone) {
  EXPECT_EQ(parameterBytes({Scheme::None, DType::F16, 3, 101, 0}), 606U);
  EXPECT_EQ(parameterBytes({Scheme::Int8, DType::F32, 3, 101, 0}), 303U);
  // bitsandbytes' Params4bit of 303 elements is uint8 [152, 1].
  EXPECT_EQ(parameterBytes({Scheme::Nf4, DType::F32, 3, 101, 64}), 152U);
  EXPECT_EQ(parameterBytes({Scheme::Nf4, DType::F32, 4, 64, 64}), 128U);
}

TEST(Footprint, OfTheLargestTensorDoesNotOverflow) {
  constexpr int64_t kRows = int64_t{1} << 29;
  constexpr int64_t kCols = int64_t{1} << 30;
  EXPECT_EQ(parameterBytes({Scheme::Nf4, DType::F32, kRows, kCols, 4096}),
            uint64_t{1} << 58);
}

TEST(Footprint, BuffersOfTransformers) {
  // GPT2LMHeadModel, LlamaForCausalLM (SmolLM2-135M), OlmoForCausalLM and
  // OPTForCausalLM of transformers 4.57.1.
  EXPECT_EQ(bufferBytes("gpt2", 12, 1024, {}), 12U * (1024 * 1024 + 4));
  EXPECT_EQ(bufferBytes("llama", 30, 8192, {64}), 128U);
  EXPECT_EQ(bufferBytes("olmo", 16, 2048, {128}), 256U);
  EXPECT_EQ(bufferBytes("opt", 24, 2048, {}), 0U);
}

TEST(Footprint, OfAManifest) {
  // Six tensors; see sampleManifest.
  const Manifest manifest = qzc::test::sampleManifest();
  const Footprint before = sourceFootprint(manifest);
  EXPECT_EQ(before.packed,
            320U + 32 + 32 + 16 * 16 * 2 + 8 * 16 * 2 + 40 * 16 * 4);
  EXPECT_EQ(before.hfFootprint, before.packed);
  const Footprint after = storedFootprint(manifest);
  EXPECT_EQ(after.packed,
            320U + 64 + 32 + (128 + 12) + (128 + 32) + 40 * 16 * 4);
  EXPECT_EQ(after.hfFootprint, 320U + 64 + 32 + 128 + 128 + 40 * 16 * 4);
  EXPECT_EQ(after.hfBuffers, 32U);
  EXPECT_EQ(after.hfFootprintWithBuffers(), after.hfFootprint + 32);
}

TEST(Footprint, ByComponent) {
  Manifest manifest = qzc::test::sampleManifest();
  Tensor head = manifest.tensors[0];
  head.role = "head";
  head.shape = {Scheme::Int8, DType::F32, 10, 16, 0};
  manifest.tensors.push_back(head);
  uint64_t imported = 0;
  uint64_t stored = 0;
  std::vector<std::string_view> names;
  for (const ComponentUse &use : componentUses(manifest)) {
    names.push_back(use.component);
    imported += use.imported;
    stored += use.stored;
    if (use.component == "head") {
      EXPECT_EQ(use.imported, 0U); // it is the embeddings' table
      EXPECT_EQ(use.stored, 160U + 40);
    }
  }
  EXPECT_EQ(names.front(), "embeddings");
  EXPECT_NE(std::find(names.begin(), names.end(), "head"), names.end());
  // Nothing is lost or counted twice.
  EXPECT_EQ(imported, sourceFootprint(manifest).packed);
  EXPECT_EQ(stored, storedFootprint(manifest).packed);
}

TEST(Footprint, CountsASourceOnceAndItsCopiesAsStored) {
  Manifest manifest = qzc::test::sampleManifest();
  const Footprint source = sourceFootprint(manifest);
  const Footprint stored = storedFootprint(manifest);
  Tensor head = manifest.tensors[0];
  head.shape = {Scheme::Int8, DType::F32, 10, 16, 0};
  manifest.tensors.push_back(head);
  EXPECT_EQ(sourceFootprint(manifest).packed, source.packed);
  EXPECT_EQ(storedFootprint(manifest).packed, stored.packed + 160 + 40);
  // Other rows of a source are other weights.
  manifest.tensors[4].source.rows = {{24, 32}};
  Tensor rows = manifest.tensors[4];
  rows.source.rows = {{32, 40}};
  manifest.tensors.push_back(rows);
  EXPECT_EQ(sourceFootprint(manifest).packed, source.packed + 8 * 16 * 2);
}
