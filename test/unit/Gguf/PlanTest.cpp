//===- PlanTest.cpp - Metadata and tensors of a GGUF ----------------------===//

#include "TinyModule.h"
#include "qzc/Dialect/Qz/Transforms/Passes.h"
#include "qzc/Target/Gguf/Gguf.h"

#include "mlir/Pass/PassManager.h"

#include <algorithm>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace qzc::gguf {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using Changes = std::vector<std::pair<std::string, std::string>>;

Plan planOf(const char *text, const Changes &changes = {}) {
  return plan(*TinyModule(changed(text, changes)),
              {"qzc test", "--quantize=none"});
}

std::string refusal(const char *text, const Changes &changes) {
  try {
    planOf(text, changes);
  } catch (const Error &error) {
    return error.what();
  }
  return "accepted";
}

template <typename T> T get(const Plan &plan, const std::string &key) {
  for (const auto &[name, value] : plan.metadata)
    if (name == key)
      return std::get<T>(value);
  ADD_FAILURE() << "no " << key;
  return T();
}

const Tensor &find(const Plan &plan, const std::string &name) {
  auto found = std::find_if(
      plan.tensors.begin(), plan.tensors.end(),
      [&](const Tensor &tensor) { return tensor.info.name == name; });
  if (found == plan.tensors.end())
    throw Error("no tensor '" + name + "'");
  return *found;
}

/// "STORED->TYPE xTENSORS" of each mapping, with "~" where values change.
std::vector<std::string> mappingOf(const Plan &plan) {
  std::vector<std::string> lines;
  for (const Mapping &mapping : plan.mapping)
    lines.push_back(mapping.stored + (mapping.same ? "->" : "~>") +
                    std::string(name(mapping.type)) + " x" +
                    std::to_string(mapping.tensors));
  return lines;
}

TEST(Plan, OfLlama) {
  const Plan plan = planOf(kLlamaText);
  EXPECT_EQ(get<std::string>(plan, "general.architecture"), "llama");
  EXPECT_EQ(get<uint32_t>(plan, "general.alignment"), 32u);
  EXPECT_EQ(get<uint32_t>(plan, "general.file_type"), 32u);
  EXPECT_EQ(get<uint32_t>(plan, "llama.block_count"), 1u);
  EXPECT_TRUE(get<bool>(plan, "x.flag"));
  EXPECT_THAT(get<std::vector<int32_t>>(plan, "x.list"), ElementsAre(1, 0));
  EXPECT_EQ(get<float>(plan, "x.real"), 1e-5f);
  EXPECT_EQ(get<std::string>(plan, "x.text"), "a");
  EXPECT_EQ(get<std::string>(plan, "qzc.producer"), "qzc test");
  EXPECT_EQ(get<std::string>(plan, "qzc.selection"), "--quantize=none");

  EXPECT_EQ(plan.tensors.size(), 12u);
  EXPECT_THAT(find(plan, "token_embd.weight").info.shape, ElementsAre(12, 8));
  EXPECT_THAT(find(plan, "blk.0.attn_k.weight").info.shape, ElementsAre(4, 8));
  EXPECT_EQ(find(plan, "blk.0.attn_k.weight").info.type, TensorType::BF16);
  EXPECT_THAT(find(plan, "blk.0.attn_norm.weight").info.shape, ElementsAre(8));
  EXPECT_EQ(find(plan, "blk.0.attn_norm.weight").info.type, TensorType::F32);
  EXPECT_THAT(mappingOf(plan), ElementsAre("bf16->BF16 x8", "bf16->F32 x4"));
  EXPECT_THAT(plan.warnings, IsEmpty());
  ASSERT_EQ(plan.files.size(), 1u);
  EXPECT_EQ(plan.files[0].path, "weights.safetensors");
  EXPECT_EQ(plan.tokenizer->path, "tokenizer.json");
}

TEST(Plan, InterleavesRowsOfHeads) {
  const Plan halves = planOf(kLlamaText);
  const auto pairs =
      ElementsAre(Pair(0, 1), Pair(2, 3), Pair(1, 2), Pair(3, 4), Pair(4, 5),
                  Pair(6, 7), Pair(5, 6), Pair(7, 8));
  EXPECT_THAT(find(halves, "blk.0.attn_q.weight").parts[0].source.rows, pairs);
  EXPECT_THAT(find(halves, "blk.0.attn_q.bias").parts[0].source.rows, pairs);
  EXPECT_THAT(find(halves, "blk.0.attn_k.weight").parts[0].source.rows,
              ElementsAre(Pair(0, 1), Pair(2, 3), Pair(1, 2), Pair(3, 4)));
  EXPECT_THAT(find(halves, "blk.0.attn_v.weight").parts[0].source.rows,
              IsEmpty());
}

TEST(Plan, LargerValues) {
  const Plan plan = planOf(
      kLlamaText, {{"interleaved =", "incremented = [\"blk.#.attn_norm\"], "
                                     "interleaved ="}});
  EXPECT_EQ(find(plan, "blk.0.attn_norm.weight").parts[0].addend, 1);
  EXPECT_EQ(find(plan, "blk.0.ffn_norm.weight").parts[0].addend, 0);
}

TEST(Plan, ComputedTensorsAndWarnings) {
  const Plan plan = planOf(kGpt2Text);
  const Tensor &divisors = find(plan, "rope_freqs.weight");
  EXPECT_THAT(divisors.info.shape, ElementsAre(2));
  EXPECT_THAT(divisors.values, ElementsAre(1.0f, 8.0f));
  EXPECT_THAT(plan.warnings, ElementsAre("mind this"));
}

TEST(Plan, OfGpt2PutsPartsTogether) {
  const Plan plan = planOf(kGpt2Text);
  const Tensor &qkv = find(plan, "blk.0.attn_qkv.weight");
  EXPECT_THAT(qkv.info.shape, ElementsAre(96, 32));
  ASSERT_EQ(qkv.parts.size(), 3u);
  EXPECT_TRUE(qkv.parts[2].source.transposed);
  EXPECT_THAT(qkv.parts[2].source.rows, ElementsAre(Pair(64, 96)));
  EXPECT_THAT(find(plan, "blk.0.attn_qkv.bias").info.shape, ElementsAre(96));
  EXPECT_THAT(find(plan, "blk.0.ffn_up.weight").info.shape,
              ElementsAre(64, 32));
}

TEST(Plan, PartsOfAWeightThatIsQuantizedWhole) {
  const TinyModule module(kGpt2Text);
  mlir::PassManager passes(module->getContext());
  qz::QzQuantizeOptions options;
  options.scheme = "nf4";
  options.components = "qkv";
  options.doubleQuant = true;
  passes.addPass(qz::createQzQuantize(options));
  ASSERT_TRUE(mlir::succeeded(passes.run(*module)));
  const Plan plan = gguf::plan(*module, {"qzc test", "--quantize=nf4"});
  const Tensor &qkv = find(plan, "blk.0.attn_qkv.weight");
  EXPECT_THAT(qkv.info.shape, ElementsAre(96, 32));
  EXPECT_EQ(qkv.info.type, TensorType::IQ4_NL);
  ASSERT_EQ(qkv.parts.size(), 3u);
  for (int64_t part = 0; part < 3; ++part) {
    const Part &rows = qkv.parts[static_cast<size_t>(part)];
    EXPECT_TRUE(rows.source.transposed);
    EXPECT_THAT(rows.source.rows, ElementsAre(Pair(32 * part, 32 * part + 32)));
    EXPECT_EQ(rows.elements, 32 * 32);
  }
  EXPECT_THAT(mappingOf(plan), testing::Contains("nf4/64 double~>IQ4_NL x1"));
}

TEST(Plan, PositionsAreF32) {
  const Plan plan = planOf(
      kGpt2Text, {{"[4096] : tensor<6x32xf32>", "[4096] : tensor<6x32xf16>"},
                  {"tensor<?x32xf32>, tensor<6x32xf32>",
                   "tensor<?x32xf32>, tensor<6x32xf16>"}});
  EXPECT_EQ(find(plan, "position_embd.weight").info.type, TensorType::F32);
  EXPECT_EQ(find(plan, "position_embd.weight").parts[0].as, TensorType::F16);
}

TEST(Plan, PartsOfDifferentTypesAreF32) {
  const std::string q = "rows [[0, 32]] source tensor<32x96xf32> : ";
  const std::string use = "qz.linear q %n, %wq bias %bq : (tensor<?x32xf32>, ";
  const Plan plan =
      planOf(kGpt2Text,
             {{q + "tensor<32x32xf32>", q + "!qz.packed<32x32, int8>"},
              {use + "tensor<32x32xf32>", use + "!qz.packed<32x32, int8>"}});
  const Tensor &qkv = find(plan, "blk.0.attn_qkv.weight");
  EXPECT_EQ(qkv.info.type, TensorType::F32);
  EXPECT_EQ(qkv.parts[0].as, TensorType::Q8_0);
  EXPECT_EQ(qkv.parts[1].as, TensorType::F32);
  EXPECT_THAT(mappingOf(plan), testing::Contains("int8 + f32~>F32 x1"));
  EXPECT_THAT(plan.warnings,
              testing::Contains(AllOf(HasSubstr("different model"),
                                      HasSubstr("int8 + f32 as F32"))));
}

TEST(Plan, SchemesWithoutATypeAreQuantizedFromTheSource) {
  const auto withDown = [](const std::string &scheme) {
    const std::string source = "source tensor<64x32xf32> : ";
    const std::string use = "qz.linear down %act, %wd : (tensor<?x64xf32>, ";
    const std::string type = "!qz.packed<32x64, " + scheme + ">";
    return mappingOf(
        planOf(kGpt2Text, {{source + "tensor<32x64xf32>", source + type},
                           {use + "tensor<32x64xf32>", use + type}}));
  };
  EXPECT_THAT(withDown("int8"), testing::Contains("int8~>Q8_0 x1"));
  EXPECT_THAT(withDown("nf4, block = 64"),
              testing::Contains("nf4/64~>IQ4_NL x1"));

  // 8 columns: no block of 32 fits.
  const std::string param = "@model[1280] : ";
  const std::string use = "qz.linear v %n, %wv : (tensor<?x8xf32>, ";
  const Plan plan =
      planOf(kLlamaText,
             {{param + "tensor<4x8xbf16>",
               "@model[1280] source tensor<4x8xbf16> : !qz.packed<4x8, nf4>"},
              {use + "tensor<4x8xbf16>", use + "!qz.packed<4x8, nf4>"}});
  EXPECT_THAT(mappingOf(plan), testing::Contains("nf4/64~>F16 x1"));
}

TEST(Plan, AQuantizedHeadOfATiedModelIsOutput) {
  const Plan plan = planOf(
      kLlamaText,
      {{"%gf = qz.param",
        "%e2 = qz.param \"model.embed_tokens.weight\" @model[0] source "
        "tensor<12x8xbf16> : !qz.packed<12x8, int8>\n    %gf = qz.param"},
       {"qz.linear head %nf, %e : (tensor<?x8xf32>, tensor<12x8xbf16>)",
        "qz.linear head %nf, %e2 : (tensor<?x8xf32>, !qz.packed<12x8, "
        "int8>)"}});
  EXPECT_EQ(find(plan, "token_embd.weight").info.type, TensorType::BF16);
  EXPECT_EQ(find(plan, "output.weight").parts[0].source.name,
            "model.embed_tokens.weight");
}

TEST(Plan, RefusesWhatHasNoPlaceOrFile) {
  EXPECT_THAT(refusal(kLlamaText,
                      {{"\"layers.#.self_attn.v_proj\"", "\"layers.#.x\""}}),
              AllOf(HasSubstr("--gguf"), HasSubstr("self_attn.v_proj.weight"),
                    HasSubstr("'llama'")));
  EXPECT_THAT(refusal(kLlamaText, {{"\" @model[0]", "\""}}),
              HasSubstr("has no file"));
}

TEST(Plan, RefusesAModelThatIsNoGguf) {
  EXPECT_THAT(refusal(kLlamaText, {{"gguf = #qz.gguf", "other = #qz.gguf"}}),
              AllOf(HasSubstr("--gguf"), HasSubstr("qz-import")));
}

TEST(Plan, RefusesAFusedModule) {
  EXPECT_THAT(
      refusal(kLlamaText,
              {{"qz.attention %qr, %kr, %v heads",
                "qz.attention %q, %k, %v rope #rope heads"},
               {"%qr = qz.rope %q, #rope heads 2 : tensor<?x8xf32>", ""},
               {"%kr = qz.rope %k, #rope heads 1 : tensor<?x4xf32>", ""}}),
      HasSubstr("fused already"));
}

} // namespace
} // namespace qzc::gguf
