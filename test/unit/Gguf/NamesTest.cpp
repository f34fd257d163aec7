//===- NamesTest.cpp - What weights are called in a GGUF ------------------===//

#include "Names.h"

#include "qzc/Support/Error.h"

#include "mlir/AsmParser/AsmParser.h"
#include "mlir/IR/MLIRContext.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace qzc::gguf {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr const char *kText = R"(#qz.gguf<architecture = "llama", tensors = {
    "embed_tokens" = "token_embd", "norm" = "output_norm",
    "lm_head" = "output", "final_layer_norm" = "output_norm",
    "layers.#.final_layer_norm" = "blk.#.ffn_norm",
    "layers.#.self_attn.q_proj" = "blk.#.attn_q",
    "layers.#.mlp.up_proj" = "blk.#.ffn_up"},
  metadata = {}, interleaved = {"blk.#.attn_q" = 4 : i64},
  incremented = ["blk.#.ffn_norm"]>)";

class Names : public testing::Test {
protected:
  Names() {
    Context.loadDialect<qz::QzDialect>();
    Said = mlir::cast<qz::GgufAttr>(mlir::parseAttribute(kText, &Context));
  }

  Place place(const std::string &source, const std::string &role,
              int64_t block = -1) {
    return placeOf(Said, source, role, block);
  }
  std::string name(const std::string &source, const std::string &role,
                   int64_t block = -1) {
    try {
      return place(source, role, block).name;
    } catch (const Error &error) {
      return error.what();
    }
  }

private:
  mlir::MLIRContext Context;
  qz::GgufAttr Said;
};

TEST_F(Names, WithAndWithoutPrefix) {
  EXPECT_EQ(name("model.embed_tokens.weight", "embed"), "token_embd.weight");
  EXPECT_EQ(name("model.norm.weight", "norm"), "output_norm.weight");
  EXPECT_EQ(name("lm_head.weight", "head"), "output.weight");
  EXPECT_EQ(name("model.layers.12.self_attn.q_proj.weight", "q", 12),
            "blk.12.attn_q.weight");
  EXPECT_EQ(name("layers.2.self_attn.q_proj.bias", "bias", 2),
            "blk.2.attn_q.bias");
}

TEST_F(Names, OfTiedTables) {
  // The head's own copy, and a table that is stored as the head's.
  EXPECT_EQ(name("model.embed_tokens.weight", "head"), "output.weight");
  EXPECT_EQ(name("lm_head.weight", "embed"), "token_embd.weight");
}

TEST_F(Names, TellBlocksFromWhatIsOutside) {
  EXPECT_EQ(name("decoder.final_layer_norm.bias", "bias"), "output_norm.bias");
  EXPECT_EQ(name("decoder.layers.0.final_layer_norm.weight", "norm", 0),
            "blk.0.ffn_norm.weight");
}

TEST_F(Names, HowWeightsBecomeTensors) {
  EXPECT_EQ(place("layers.1.self_attn.q_proj.bias", "bias", 1).interleavedHeads,
            4);
  EXPECT_EQ(place("layers.1.mlp.up_proj.weight", "up", 1).interleavedHeads, 0);
  EXPECT_TRUE(
      place("layers.1.final_layer_norm.weight", "norm", 1).isIncremented);
  EXPECT_FALSE(
      place("layers.1.final_layer_norm.bias", "bias", 1).isIncremented);
  EXPECT_FALSE(place("norm.weight", "norm").isIncremented);
}

TEST_F(Names, RefuseWhatHasNoPlace) {
  const auto refused = AllOf(HasSubstr("no place"), HasSubstr("'llama'"));
  EXPECT_THAT(name("model.layers.0.self_attn.q_norm.weight", "q", 0), refused);
  // In another block than its name says, part of a word, neither weight nor
  // bias.
  EXPECT_THAT(name("model.layers.1.mlp.up_proj.weight", "up", 0), refused);
  EXPECT_THAT(name("model.subnorm.weight", "norm"), refused);
  EXPECT_THAT(name("model.norm.scale", "norm"), refused);
  EXPECT_THAT(name("norm", "norm"), refused);
}

} // namespace
} // namespace qzc::gguf
