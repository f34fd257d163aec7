//===- TokenizerTest.cpp - A tokenizer.json as GGUF metadata --------------===//

#include "qzc/Support/Error.h"
#include "qzc/Target/Gguf/Gguf.h"

#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace qzc::gguf {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Json = nlohmann::json;

const char *const kLlama3Pattern =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

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

Plan planFor(int64_t vocab = 8) {
  Plan plan;
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

std::string preOf(const Json &json) {
  Plan plan = planFor();
  addTokenizer(json.dump(), plan);
  return get<std::string>(plan, "tokenizer.ggml.pre");
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
  EXPECT_THAT(refusalOf(json), HasSubstr("none that a GGUF can name"));
}

TEST(Tokenizer, TokensTypesAndMerges) {
  Plan plan = planFor();
  plan.model.addBos = true;
  plan.model.chatTemplate = "{{ x }}";
  addTokenizer(tokenizer().dump(), plan);
  EXPECT_EQ(get<std::string>(plan, "tokenizer.ggml.model"), "gpt2");
  EXPECT_EQ(get<std::string>(plan, "tokenizer.ggml.pre"), "gpt-2");
  EXPECT_THAT(
      get<std::vector<std::string>>(plan, "tokenizer.ggml.tokens"),
      ElementsAre("<s>", "a", "b", "Ġ", "ab", "<tool>", "Ġab", "[PAD7]"));
  EXPECT_THAT(get<std::vector<int32_t>>(plan, "tokenizer.ggml.token_type"),
              ElementsAre(3, 1, 1, 1, 1, 4, 1, 5));
  EXPECT_THAT(get<std::vector<std::string>>(plan, "tokenizer.ggml.merges"),
              ElementsAre("a b", "Ġ ab"));
  EXPECT_EQ(get<uint32_t>(plan, "tokenizer.ggml.bos_token_id"), 0u);
  EXPECT_EQ(get<uint32_t>(plan, "tokenizer.ggml.eos_token_id"), 0u);
  EXPECT_TRUE(get<bool>(plan, "tokenizer.ggml.add_bos_token"));
  EXPECT_FALSE(get<bool>(plan, "tokenizer.ggml.add_eos_token"));
  EXPECT_EQ(get<std::string>(plan, "tokenizer.chat_template"), "{{ x }}");
  EXPECT_THAT(plan.warnings, IsEmpty());
}

TEST(Tokenizer, WaysToCutAreRecognised) {
  Json json = tokenizer();
  json["pre_tokenizer"] = {
      {"type", "Sequence"},
      {"pretokenizers",
       {{{"type", "Digits"}, {"individual_digits", true}}, byteLevel(true)}}};
  EXPECT_EQ(preOf(json), "smollm");
  json["pre_tokenizer"] = {{"type", "Sequence"},
                           {"pretokenizers",
                            {{{"type", "Split"},
                              {"pattern", {{"Regex", kLlama3Pattern}}},
                              {"behavior", "Isolated"},
                              {"invert", false}},
                             byteLevel(false)}}};
  EXPECT_THAT(refusal(json), HasSubstr("pre_tokenizer"));
  json["model"]["ignore_merges"] = true;
  EXPECT_EQ(preOf(json), "llama-bpe");
}

/// A file of test/golden/tokenizers.
Json golden(const std::string &name) {
  return Json::parse(std::ifstream(QZC_TEST_DATA "/golden/tokenizers/" + name));
}

TEST(Tokenizer, FilesOfTheTokenizersPackageAreRecognised) {
  const auto named = [](const std::string &file) {
    Plan plan = planFor(100'000);
    plan.model.eos = {1};
    addTokenizer(golden(file).dump(), plan);
    return get<std::string>(plan, "tokenizer.ggml.pre");
  };
  EXPECT_EQ(named("gpt2/tokenizer.json"), "gpt-2");
  EXPECT_EQ(named("smollm.json"), "smollm");
  EXPECT_EQ(named("llama3.json"), "llama-bpe");
  EXPECT_THAT(refusal(golden("splits.json"), planFor(100'000)),
              HasSubstr("tokenizer.json"));
}

TEST(Tokenizer, OthersAreRefused) {
  const auto withPre = [](const Json &pre) {
    Json json = tokenizer();
    json["pre_tokenizer"] = pre;
    return refusal(json);
  };
  const auto unknown = HasSubstr("gpt-2, smollm, llama-bpe");
  Json prefixed = byteLevel(true);
  prefixed["add_prefix_space"] = true;
  EXPECT_THAT(withPre(prefixed), unknown);
  EXPECT_THAT(withPre(nullptr), unknown);
  EXPECT_THAT(withPre({{"type", "Split"},
                       {"pattern", {{"String", " "}}},
                       {"behavior", "Removed"}}),
              unknown);

  Json json = tokenizer();
  json["normalizer"] = {{"type", "NFC"}};
  EXPECT_THAT(refusal(json), HasSubstr("normalizer"));
  json = tokenizer();
  json["model"]["byte_fallback"] = true;
  EXPECT_THAT(refusal(json), HasSubstr("bytes"));
  json = tokenizer();
  json["model"]["end_of_word_suffix"] = "b";
  EXPECT_THAT(refusal(json), HasSubstr("end_of_word_suffix"));
  json = tokenizer();
  json["model"]["vocab"]["a b"] = 7;
  json["model"]["vocab"]["a bb"] = 8;
  json["model"]["merges"].push_back(Json::array({"a b", "b"}));
  EXPECT_THAT(refusal(json, planFor(9)), HasSubstr("spaces"));
  EXPECT_THAT(refusal(tokenizer(), planFor(6)), HasSubstr("6 embeddings"));
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

/// A template that puts `tokens` around a text.
Json around(const std::vector<std::string> &front,
            const std::vector<std::string> &back) {
  Json single = Json::array();
  Json special = Json::object();
  const auto add = [&](const std::string &token) {
    single.push_back({{"SpecialToken", {{"id", token}, {"type_id", 0}}}});
    special[token] = {
        {"id", token}, {"ids", {token == "<s>" ? 0 : 5}}, {"tokens", {token}}};
  };
  for (const std::string &token : front)
    add(token);
  single.push_back({{"Sequence", {{"id", "A"}, {"type_id", 0}}}});
  for (const std::string &token : back)
    add(token);
  return {{"type", "TemplateProcessing"},
          {"single", single},
          {"pair", Json::array()},
          {"special_tokens", special}};
}

TEST(Tokenizer, TokensAroundAText) {
  Json json = tokenizer();
  json["post_processor"] = around({"<s>"}, {"<tool>"});
  Plan plan = planFor();
  plan.model.eos = {5};
  addTokenizer(json.dump(), plan);
  EXPECT_TRUE(get<bool>(plan, "tokenizer.ggml.add_eos_token"));
  EXPECT_THAT(refusal(json), HasSubstr("neither BOS nor EOS"));
  json["post_processor"] = around({"<s>"}, {});
  EXPECT_EQ(refusal(json), "accepted");
}

TEST(Tokenizer, LostFlagsAreWarnedOf) {
  Json json = tokenizer();
  json["added_tokens"][1]["lstrip"] = true;
  Plan plan = planFor();
  addTokenizer(json.dump(), plan);
  EXPECT_THAT(plan.warnings,
              ElementsAre(testing::AllOf(HasSubstr("'lstrip'"),
                                         HasSubstr("'<tool>'"))));
}

} // namespace
} // namespace qzc::gguf
