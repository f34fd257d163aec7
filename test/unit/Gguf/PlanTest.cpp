//===- PlanTest.cpp - Metadata and tensors of a GGUF ----------------------===//

#include "TinyModule.h"
#include "qzc/Dialect/Qz/Transforms/Passes.h"
#include "qzc/Target/Gguf/Gguf.h"

#include "mlir/Pass/PassManager.h"

#include <algorithm>
#include <cmath>
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
  EXPECT_EQ(get<uint32_t>(plan, "llama.vocab_size"), 12u);
  EXPECT_EQ(get<uint32_t>(plan, "llama.context_length"), 16u);
  EXPECT_EQ(get<uint32_t>(plan, "llama.embedding_length"), 8u);
  EXPECT_EQ(get<uint32_t>(plan, "llama.block_count"), 1u);
  EXPECT_EQ(get<uint32_t>(plan, "llama.feed_forward_length"), 16u);
  EXPECT_EQ(get<uint32_t>(plan, "llama.attention.head_count"), 2u);
  EXPECT_EQ(get<uint32_t>(plan, "llama.attention.head_count_kv"), 1u);
  EXPECT_EQ(get<uint32_t>(plan, "llama.attention.key_length"), 4u);
  EXPECT_EQ(get<uint32_t>(plan, "llama.rope.dimension_count"), 4u);
  EXPECT_EQ(get<float>(plan, "llama.rope.freq_base"), 1e4f);
  EXPECT_EQ(get<float>(plan, "llama.attention.layer_norm_rms_epsilon"), 1e-5f);
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

TEST(Plan, InterleavesWhatTurnsByHalves) {
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
  const Plan neighbours =
      planOf(kLlamaText, {{"style = half", "style = interleaved"}});
  EXPECT_THAT(find(neighbours, "blk.0.attn_q.weight").parts[0].source.rows,
              IsEmpty());
}

TEST(Plan, ScaledFrequencies) {
  const Plan linear =
      planOf(kLlamaText, {{"style = half", "style = half, scaling = linear, "
                                           "factor = 2.5"}});
  EXPECT_EQ(get<std::string>(linear, "llama.rope.scaling.type"), "linear");
  EXPECT_EQ(get<float>(linear, "llama.rope.scaling.factor"), 2.5f);

  const Plan llama3 =
      planOf(kLlamaText,
             {{"style = half", "style = half, scaling = llama3, factor = 8.0, "
                               "low_freq_factor = 1.0, high_freq_factor = 4.0, "
                               "original_context = 1024"}});
  const Tensor &divisors = find(llama3, "rope_freqs.weight");
  EXPECT_THAT(divisors.info.shape, ElementsAre(2));
  // Wavelengths 2 pi and 200 pi: below a quarter of the context, and within it.
  const double smooth = (1024 / (200 * 3.141592653589793) - 1) / 3;
  ASSERT_EQ(divisors.values.size(), 2u);
  EXPECT_EQ(divisors.values[0], 1.0f);
  EXPECT_NEAR(divisors.values[1], 1 / ((1 - smooth) / 8 + smooth), 1e-6);
  EXPECT_EQ(get<float>(llama3, "qzc.rope.high_freq_factor"), 4.0f);
  EXPECT_EQ(get<uint32_t>(llama3, "qzc.rope.original_context"), 1024u);
}

TEST(Plan, OfGpt2PutsPartsTogether) {
  const Plan plan = planOf(kGpt2Text);
  EXPECT_EQ(get<uint32_t>(plan, "gpt2.context_length"), 6u);
  EXPECT_EQ(get<uint32_t>(plan, "gpt2.feed_forward_length"), 64u);
  EXPECT_EQ(get<uint32_t>(plan, "gpt2.attention.head_count"), 2u);
  EXPECT_EQ(get<float>(plan, "gpt2.attention.layer_norm_epsilon"), 1e-5f);
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
              ElementsAre(AllOf(HasSubstr("different model"),
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

TEST(Plan, RefusesWhatTheArchitectureDoesNotCompute) {
  const auto refused = [](const char *what) {
    return AllOf(HasSubstr("--gguf"), HasSubstr(what));
  };
  const auto llama = [](const Changes &changes) {
    return refusal(kLlamaText, changes);
  };
  EXPECT_THAT(llama({{"activate silu", "activate relu"}}), refused("SiLU"));
  EXPECT_THAT(llama({{"scale 0.5", "scale 0.4"}}), refused("scaled"));
  EXPECT_THAT(llama({{"scale 0.5", "scale 0.5 window 4"}}), refused("windows"));
  EXPECT_THAT(llama({{"scale 0.5", "scale 0.5 soft_cap 4.0"}}),
              refused("soft caps"));
  EXPECT_THAT(llama({{"dim = 4", "dim = 2"}}), refused("part of each head"));
  EXPECT_THAT(llama({{"%n = qz.rms_norm %x, %g eps 1.0e-5",
                      "%n = qz.rms_norm %x, %g eps 1.0e-6"}}),
              refused("epsilons that differ"));
  EXPECT_THAT(
      llama({{"qz.rms_norm %x, %g eps", "qz.rms_norm %x, %g unit_offset eps"}}),
      refused("offset"));
  EXPECT_THAT(llama({{"%h = qz.add %x, %o",
                      "%o2 = qz.scale %o by 2.0 : tensor<?x8xf32>\n"
                      "      %h = qz.add %x, %o2"}}),
              refused("qz.scale"));
  EXPECT_THAT(llama({{"family = \"llama\"", "family = \"mamba\""}}),
              AllOf(refused("'mamba'"), refused("llama, gpt2")));
  EXPECT_THAT(llama({{"self_attn.v_proj", "self_attn.w_proj"}}),
              refused("w_proj"));
  EXPECT_THAT(llama({{"\" @model[0]", "\""}}), refused("has no file"));

  const auto gpt2 = [](const Changes &changes) {
    return refusal(kGpt2Text, changes);
  };
  EXPECT_THAT(gpt2({{"gelu_tanh", "gelu"}}), refused("GELU"));
  EXPECT_THAT(gpt2({{"context = 6", "context = 5"}}),
              refused("beyond the context"));
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
