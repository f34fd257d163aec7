//===- NamesTest.cpp - Hugging Face names to GGUF names -------------------===//

#include "Names.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace qzc::gguf {
namespace {

using testing::AllOf;
using testing::HasSubstr;

std::string nameIn(const Family &family, const std::string &source,
                   const std::string &role, int64_t block = -1) {
  try {
    return Names(family).find(source, role, block);
  } catch (const Error &error) {
    return error.what();
  }
}

TEST(Names, OfLlama) {
  const auto name = [](const char *source, const char *role,
                       int64_t block = -1) {
    return nameIn(kLlama, source, role, block);
  };
  EXPECT_EQ(name("model.embed_tokens.weight", "embed"), "token_embd.weight");
  EXPECT_EQ(name("model.norm.weight", "norm"), "output_norm.weight");
  EXPECT_EQ(name("lm_head.weight", "head"), "output.weight");
  EXPECT_EQ(name("model.layers.12.self_attn.q_proj.weight", "q", 12),
            "blk.12.attn_q.weight");
  EXPECT_EQ(name("model.layers.2.self_attn.q_proj.bias", "bias", 2),
            "blk.2.attn_q.bias");
  // The head's own copy of a tied table, and a tied table that is stored as
  // the head's.
  EXPECT_EQ(name("model.embed_tokens.weight", "head"), "output.weight");
  EXPECT_EQ(name("lm_head.weight", "embed"), "token_embd.weight");
}

TEST(Names, OfGpt2WithAndWithoutPrefix) {
  EXPECT_EQ(nameIn(kGpt2, "h.0.attn.c_attn.weight", "k", 0),
            "blk.0.attn_qkv.weight");
  EXPECT_EQ(nameIn(kGpt2, "transformer.h.3.mlp.c_proj.bias", "bias", 3),
            "blk.3.ffn_down.bias");
  EXPECT_EQ(nameIn(kGpt2, "transformer.wpe.weight", "position"),
            "position_embd.weight");
}

TEST(Names, OfOptTellBlocksFromWhatIsOutside) {
  EXPECT_EQ(nameIn(kOpt, "model.decoder.final_layer_norm.bias", "bias"),
            "output_norm.bias");
  EXPECT_EQ(nameIn(kOpt, "decoder.layers.0.final_layer_norm.weight", "norm", 0),
            "blk.0.ffn_norm.weight");
  EXPECT_EQ(nameIn(kOpt, "model.decoder.project_in.weight", "proj"),
            "token_embd_proj.weight");
}

TEST(Names, RefusesWhatHasNoPlace) {
  const auto refused = AllOf(HasSubstr("no place"), HasSubstr("'llama'"));
  EXPECT_THAT(nameIn(kLlama, "model.layers.0.self_attn.q_norm.weight", "q", 0),
              refused);
  // In another block than its name says, with another role, part of a word.
  EXPECT_THAT(nameIn(kLlama, "model.layers.1.mlp.up_proj.weight", "up", 0),
              refused);
  EXPECT_THAT(nameIn(kLlama, "model.layers.1.mlp.up_proj.weight", "gate", 1),
              refused);
  EXPECT_THAT(nameIn(kLlama, "model.subnorm.weight", "norm"), refused);
  EXPECT_THAT(nameIn(kLlama, "model.norm.scale", "norm"), refused);
  EXPECT_THAT(nameIn(kLlama, "norm", "norm"), refused);
}

TEST(Names, MissingOnesAreNamed) {
  Names names(kGpt2);
  for (const char *name : {"wte", "wpe", "ln_f"})
    names.find(std::string(name) + ".weight",
               name == std::string("wte")   ? "embed"
               : name == std::string("wpe") ? "position"
                                            : "norm",
               -1);
  EXPECT_NO_THROW(names.requireAll(0));
  try {
    names.requireAll(1);
    ADD_FAILURE() << "accepted";
  } catch (const Error &error) {
    EXPECT_THAT(error.what(), HasSubstr("'blk.0.attn_norm.weight'"));
  }
}

TEST(Families, UnknownOnesAreRefused) {
  EXPECT_EQ(familyOf("opt").architecture, "opt");
  try {
    familyOf("mamba");
    ADD_FAILURE() << "accepted";
  } catch (const Error &error) {
    EXPECT_THAT(error.what(),
                AllOf(HasSubstr("'mamba'"), HasSubstr("llama, gpt2, opt")));
  }
}

} // namespace
} // namespace qzc::gguf
