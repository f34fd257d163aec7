//===- TokenizerTest.cpp - A tokenizer.json as GGUF metadata --------------===//

#include "qzc/Support/Error.h"
#include "qzc/Target/Gguf/Gguf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace qzc::gguf {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Json = nlohmann::json;

Json byteLevel(bool splits) {
  return {{"type", "ByteLevel"},
          {"add_prefix_space", false},
          {"trim_offsets", true},
          {"use_regex", splits}};
}

/// A byte-level tokenizer of a few tokens, cut as GPT-2 does it.
Json tokenizer() {
  return {{"version", "1.0"},
          {"added_tokens",
           {{{"id", 0}, {"content", "<s>"}, {"special", true}},
            {{"id", 5}, {"content", "<tool>"}, {"special", false}}}},
          {"normalizer", nullptr},
          {"pre_tokenizer", byteLevel(true)},
          {"post_processor", nullptr},
          {"decoder", byteLevel(true)},
          {"model",
           {{"type", "BPE"},
            {"vocab",
             {{"<s>", 0}, {"a", 1}, {"b", 2}, {"Ġ", 3}, {"ab", 4}, {"Ġab", 6}}},
            {"merges", {"a b", Json::array({"Ġ", "ab"})}}}}};
}

Plan planFor(int64_t vocab = 8, const std::string &kind = "gpt2") {
  Plan plan;
  plan.metadata.emplace_back("tokenizer.ggml.model", kind);
  plan.model.vocab = vocab;
  plan.model.bos = 0;
  plan.model.eos = {0};
  return plan;
}

template <typename T> T get(const Plan &plan, const std::string &key) {
  for (const auto &[name, value] : plan.metadata)
    if (name == key)
      return std::get<T>(value);
  ADD_FAILURE() << "no " << key;
  return T();
}

std::string refusalOf(const std::string &json, Plan plan = planFor()) {
  try {
    addTokenizer(json, plan);
  } catch (const Error &error) {
    return error.what();
  }
  return "accepted";
}

std::string refusal(const Json &json, Plan plan = planFor()) {
  return refusalOf(json.dump(), std::move(plan));
}

TEST(Tokenizer, SurvivesAnyDepth) {
  Json file = tokenizer();
  file["pre_tokenizer"]["add_prefix_space"] = true;
  file["pre_tokenizer"]["trim_offsets"] = "DEEP";
  std::string json = file.dump();
  constexpr size_t kDepth = 1'000'000;
  const std::string deep = std::string(kDepth, '[') + std::string(kDepth, ']');
  json.replace(json.find("\"DEEP\""), 6, deep);
  EXPECT_EQ(refusalOf(json), "accepted");
}

TEST(Tokenizer, TokensTypesAndMerges) {
  Plan plan = planFor();
  plan.model.chatTemplate = "{{ x }}";
  addTokenizer(tokenizer().dump(), plan);
  EXPECT_EQ(get<std::string>(plan, "tokenizer.ggml.model"), "gpt2");
  EXPECT_THAT(
      get<std::vector<std::string>>(plan, "tokenizer.ggml.tokens"),
      ElementsAre("<s>", "a", "b", "Ġ", "ab", "<tool>", "Ġab", "[PAD7]"));
  EXPECT_THAT(get<std::vector<int32_t>>(plan, "tokenizer.ggml.token_type"),
              ElementsAre(3, 1, 1, 1, 1, 4, 1, 5));
  EXPECT_THAT(get<std::vector<std::string>>(plan, "tokenizer.ggml.merges"),
              ElementsAre("a b", "Ġ ab"));
  EXPECT_EQ(get<uint32_t>(plan, "tokenizer.ggml.bos_token_id"), 0u);
  EXPECT_EQ(get<uint32_t>(plan, "tokenizer.ggml.eos_token_id"), 0u);
  EXPECT_EQ(get<std::string>(plan, "tokenizer.chat_template"), "{{ x }}");
  EXPECT_THAT(plan.warnings, IsEmpty());
}

TEST(Tokenizer, Refusals) {
  Json json = tokenizer();
  json["model"]["vocab"]["a b"] = 7;
  json["model"]["vocab"]["a bb"] = 8;
  json["model"]["merges"].push_back(Json::array({"a b", "b"}));
  EXPECT_THAT(refusal(json, planFor(9)), HasSubstr("spaces"));
  EXPECT_THAT(refusal(tokenizer(), planFor(6)), HasSubstr("6 embeddings"));
  json = tokenizer();
  json["model"]["vocab"]["[PAD8]"] = 7;
  EXPECT_THAT(refusal(json, planFor(9)), HasSubstr("'[PAD8]'"));
  Plan unsaid = planFor();
  unsaid.metadata.clear();
  EXPECT_THAT(refusal(tokenizer(), unsaid), HasSubstr("qz-import"));
  unsaid.metadata.emplace_back("tokenizer.ggml.model", 1u);
  EXPECT_THAT(refusal(tokenizer(), unsaid), HasSubstr("qz-import"));
}

/// A tokenizer of SentencePiece's kind: "abc" by either pair, then "ab".
Json pieces() {
  return {{"version", "1.0"},
          {"added_tokens",
           {{{"id", 0}, {"content", "<unk>"}, {"special", true}},
            {{"id", 1}, {"content", "<s>"}, {"special", true}},
            {{"id", 9}, {"content", "▁▁"}, {"special", false}},
            {{"id", 10}, {"content", "<tool>"}, {"special", false}}}},
          {"normalizer", nullptr},
          {"pre_tokenizer", nullptr},
          {"post_processor", nullptr},
          {"decoder", {{"type", "Fuse"}}},
          {"model",
           {{"type", "BPE"},
            {"unk_token", "<unk>"},
            {"byte_fallback", true},
            {"vocab",
             {{"<unk>", 0},
              {"<s>", 1},
              {"<0x0A>", 2},
              {"a", 3},
              {"b", 4},
              {"ä", 5},
              {"ab", 6},
              {"bä", 7},
              {"abä", 8},
              {"▁▁", 9},
              {"▁", 11}}},
            {"merges", {"▁ ▁", "b ä", "a b", "a bä", "ab ä"}}}}};
}

TEST(Tokenizer, ScoresForMerges) {
  Plan plan = planFor(13, "llama");
  addTokenizer(pieces().dump(), plan);
  EXPECT_THAT(get<std::vector<int32_t>>(plan, "tokenizer.ggml.token_type"),
              ElementsAre(2, 3, 6, 1, 1, 1, 1, 1, 1, 1, 4, 1, 5));
  EXPECT_EQ(get<uint32_t>(plan, "tokenizer.ggml.unknown_token_id"), 0u);
  const auto scores = get<std::vector<float>>(plan, "tokenizer.ggml.scores");
  ASSERT_EQ(scores.size(), 13u);
  EXPECT_GT(scores[9], scores[7]);
  EXPECT_GT(scores[7], scores[6]);
  EXPECT_GT(scores[6], scores[8]);
  EXPECT_THAT(plan.warnings, IsEmpty());
  for (const auto &[key, value] : plan.metadata)
    EXPECT_NE(key, "tokenizer.ggml.merges"); // by token, then by their ids
}

TEST(Tokenizer, MergesThatScoresDoNotTell) {
  const auto written = [](const std::vector<std::string> &merges) {
    Json json = pieces();
    json["model"]["merges"] = merges;
    Plan plan = planFor(13, "llama");
    addTokenizer(json.dump(), plan);
    EXPECT_EQ(get<std::vector<std::string>>(plan, "tokenizer.ggml.merges"),
              merges);
    return plan.warnings;
  };
  // In another order of one token's; that changes nothing.
  EXPECT_THAT(written({"▁ ▁", "b ä", "a b", "ab ä", "a bä"}), IsEmpty());
  const auto warned = ElementsAre(HasSubstr("joins any two tokens"));
  EXPECT_THAT(written({"▁ ▁", "b ä", "a b", "a bä"}), warned);
  EXPECT_THAT(written({"▁ ▁", "b ä", "a bä", "a b", "ab ä"}), warned);
}

TEST(Tokenizer, Unigram) {
  Json json = pieces();
  Json vocab = Json::array();
  for (const auto &[text, score] :
       {std::pair("<unk>", 0.0), {"a", -1.5}, {"b", -2.0}})
    vocab.push_back(Json::array({text, score}));
  json["model"] = {{"type", "Unigram"}, {"unk_id", 0}, {"vocab", vocab}};
  json["added_tokens"] = Json::array({json["added_tokens"][0]});
  // A trie of one unit, and a text.
  json["normalizer"] = {{"type", "Precompiled"},
                        {"precompiled_charsmap", "BAAAAAAAAABhAA=="}};
  Plan plan = planFor(4, "t5");
  addTokenizer(json.dump(), plan);
  EXPECT_THAT(get<std::vector<float>>(plan, "tokenizer.ggml.scores"),
              ElementsAre(0, -1.5, -2, 0));
  EXPECT_THAT(
      get<std::vector<uint8_t>>(plan, "tokenizer.ggml.precompiled_charsmap"),
      ElementsAre(4, 0, 0, 0, 0, 0, 0, 0, 'a', 0));
  EXPECT_THAT(get<std::vector<int32_t>>(plan, "tokenizer.ggml.token_type"),
              ElementsAre(2, 1, 1, 5));
}

TEST(Tokenizer, EndsOfAText) {
  Plan plan = planFor();
  plan.model.eos = {4, 0, 1, 2};
  addTokenizer(tokenizer().dump(), plan);
  EXPECT_EQ(get<uint32_t>(plan, "tokenizer.ggml.eos_token_id"), 4u);
  EXPECT_EQ(get<uint32_t>(plan, "tokenizer.ggml.eot_token_id"), 0u);
  EXPECT_EQ(get<uint32_t>(plan, "tokenizer.ggml.eom_token_id"), 1u);
  EXPECT_THAT(plan.warnings, ElementsAre(HasSubstr("4 tokens")));

  Plan endless = planFor();
  endless.model.eos.clear();
  addTokenizer(tokenizer().dump(), endless);
  EXPECT_THAT(endless.warnings, ElementsAre(HasSubstr("token 11")));
}

} // namespace
} // namespace qzc::gguf
