//===- HostileTest.cpp - Bad files, bad text, long words ------------------===//

#include "TestFiles.h"
#include "qzc/Support/Error.h"
#include "qzc/Tokenizer/Tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace qzc::tokenizer {
namespace {

using testing::HasSubstr;

std::string refusal(const std::string &json) {
  try {
    Tokenizer::fromJson(json);
  } catch (const Error &error) {
    return error.what();
  }
  return "accepted";
}

/// What is said of gpt2.json with the value at `pointer` replaced.
std::string refusal(const std::string &pointer, const nlohmann::json &value) {
  nlohmann::json file = readGoldenJson("gpt2.json");
  file[nlohmann::json::json_pointer(pointer)] = value;
  return refusal(file.dump());
}

TEST(BadFile, NamesTheField) {
  EXPECT_THAT(refusal(""), HasSubstr("tokenizer.json: not JSON"));
  EXPECT_THAT(refusal("[]"), HasSubstr("must be an object"));
  EXPECT_THAT(refusal("{}"), HasSubstr("model: is missing"));
  EXPECT_THAT(refusal("/model/type", "WordPiece"),
              HasSubstr("model.type: \"WordPiece\" is not supported (known: "
                        "BPE, Unigram)"));
  EXPECT_THAT(refusal("/model/dropout", 0.1), HasSubstr("model.dropout"));
  EXPECT_THAT(refusal("/model/novelty", 1), HasSubstr("model.novelty"));
  EXPECT_THAT(refusal("/novelty", 1), HasSubstr("novelty"));
  EXPECT_THAT(refusal("/pre_tokenizer", {{"type", "Whitespace"}}),
              HasSubstr("pre_tokenizer.type"));
  EXPECT_THAT(refusal("/pre_tokenizer/use_regex", "yes"),
              HasSubstr("pre_tokenizer.use_regex: must be true or false"));
  EXPECT_THAT(refusal("/pre_tokenizer", {{"type", "Split"},
                                         {"behavior", "Sideways"},
                                         {"pattern", {{"String", "x"}}}}),
              HasSubstr("pre_tokenizer.behavior"));
  EXPECT_THAT(refusal("/pre_tokenizer", {{"type", "Split"},
                                         {"behavior", "Isolated"},
                                         {"pattern", {{"Regex", "(x"}}}}),
              HasSubstr("pre_tokenizer.pattern.Regex"));
  EXPECT_THAT(refusal("/normalizer", {{"type", "BertNormalizer"}}),
              HasSubstr("normalizer.type"));
  EXPECT_THAT(refusal("/decoder", {{"type", "WordPiece"}}),
              HasSubstr("decoder.type"));
  EXPECT_THAT(refusal("/post_processor", {{"type", "Other"}}),
              HasSubstr("post_processor.type"));
  EXPECT_THAT(refusal("/added_tokens/0/id", -1),
              HasSubstr("added_tokens[0].id"));
  EXPECT_THAT(refusal("/added_tokens/0/id", 7), HasSubstr("<|end|>"));
  EXPECT_THAT(refusal("/added_tokens/0/color", 7),
              HasSubstr("added_tokens[0].color"));
}

TEST(BadFile, ChecksTheVocabulary) {
  EXPECT_THAT(refusal("/model/vocab", nlohmann::json::object()),
              HasSubstr("model.vocab"));
  EXPECT_THAT(refusal("/model/vocab/a", 4000000000u), HasSubstr("'a'"));
  EXPECT_THAT(refusal("/model/vocab/a", -3), HasSubstr("'a'"));
  EXPECT_THAT(refusal("/model/vocab/a", 1.5), HasSubstr("'a'"));
  EXPECT_THAT(refusal("/model/vocab/nowhere", 5),
              HasSubstr("the id 5 belongs to"));
}

TEST(BadFile, ChecksTheMerges) {
  EXPECT_THAT(refusal("/model/merges/0", "one two three"),
              HasSubstr("model.merges: entry 0"));
  EXPECT_THAT(refusal("/model/merges/1", "single"), HasSubstr("entry 1"));
  EXPECT_THAT(refusal("/model/merges/1", {"a"}), HasSubstr("entry 1"));
  EXPECT_THAT(refusal("/model/merges/0", "Q qqq"), HasSubstr("'qqq'"));
  EXPECT_THAT(refusal("/model/merges", 1), HasSubstr("model.merges"));
}

TEST(BadFile, ChecksPieces) {
  auto said = [](const std::string &pointer, const nlohmann::json &value) {
    nlohmann::json file = readGoldenJson("unigram.json");
    file[nlohmann::json::json_pointer(pointer)] = value;
    return refusal(file.dump());
  };
  EXPECT_THAT(said("/model/vocab", nlohmann::json::array()),
              HasSubstr("model.vocab: must have"));
  EXPECT_THAT(said("/model/vocab/3", {"a"}), HasSubstr("model.vocab[3]"));
  EXPECT_THAT(said("/model/vocab/3/1", "b"), HasSubstr("must be a number"));
  EXPECT_THAT(said("/model/unk_id", 1 << 20), HasSubstr("model.unk_id"));
  EXPECT_THAT(said("/pre_tokenizer/replacement", "ab"),
              HasSubstr("pre_tokenizer.replacement: must be one character"));
  EXPECT_THAT(said("/pre_tokenizer/prepend_scheme", "last"),
              HasSubstr("pre_tokenizer.prepend_scheme"));
}

TEST(BadFile, ChecksTheCharsMap) {
  nlohmann::json file = readGoldenJson("unigram.json");
  const nlohmann::json::json_pointer place(
      "/normalizer/normalizers/0/precompiled_charsmap");
  const auto whole = file[place].get<std::string>();
  auto said = [&](const std::string &text) {
    file[place] = text;
    return refusal(file.dump());
  };
  EXPECT_THAT(said("?"), HasSubstr("precompiled_charsmap: is not base 64"));
  EXPECT_THAT(said(""), HasSubstr("is too short"));
  EXPECT_THAT(said("/////w=="), HasSubstr("impossible size"));
  // Whatever single letter is wrong: a refusal, or a table that stays inside
  // itself and makes UTF-8.
  const std::string text = readGoldenJson("texts.json")[10];
  for (size_t at = 0; at < whole.size(); at += 7) {
    std::string damaged = whole;
    damaged[at] = damaged[at] == 'A' ? '/' : 'A';
    if (said(damaged) == "accepted")
      Tokenizer::fromJson(file.dump()).encode(text + "\t①３", false);
  }
}

TEST(BadText, NeedsAnUnknownToken) {
  nlohmann::json file = readGoldenJson("llama2.json");
  file["model"]["unk_token"] = "<none>";
  file["model"]["byte_fallback"] = false;
  Tokenizer tokenizer = Tokenizer::fromJson(file.dump());
  EXPECT_FALSE(tokenizer.encode("house", false).empty());
  try {
    tokenizer.encode("\xE2\x98\x83", false);
    ADD_FAILURE() << "accepted";
  } catch (const Error &error) {
    EXPECT_THAT(error.what(), HasSubstr("unk_token '<none>'"));
  }
}

TEST(BadFile, BoundsNesting) {
  nlohmann::json inner = {{"type", "ByteLevel"}};
  for (int i = 0; i < 2000; ++i)
    inner = {{"type", "Sequence"},
             {"pretokenizers", nlohmann::json::array({inner})}};
  EXPECT_THAT(refusal("/pre_tokenizer", inner), HasSubstr("nested too deeply"));
}

TEST(BadFile, SurvivesAnyDepth) {
  constexpr size_t kDepth = 1'000'000;
  const std::string deep = std::string(kDepth, '[') + std::string(kDepth, ']');
  EXPECT_THAT(refusal(R"({"model": {"dropout": )" + deep + "}}"),
              HasSubstr("model.dropout: a list is not supported"));
  EXPECT_THAT(refusal(deep), HasSubstr("must be an object"));
  EXPECT_THAT(refusal(deep.substr(0, kDepth)), HasSubstr("not JSON"));
}

TEST(BadFile, QuotesWholeCharacters) {
  std::string type = "x";
  for (int i = 0; i < 60; ++i)
    type += "é";
  // A quote, an x and 37 of them take 76 bytes; half of the next is no text.
  EXPECT_THAT(refusal("/model/type", type),
              HasSubstr("model.type: \"" + type.substr(0, 75) +
                        "... is not supported"));
  EXPECT_THAT(refusal("/model/dropout", nlohmann::json::object()),
              HasSubstr("model.dropout: an object is not supported"));
}

TEST(BadFile, SurvivesEveryCut) {
  std::string json = readGolden("llama3.json");
  for (size_t bytes = 0; bytes + 2 < json.size(); bytes += 61)
    EXPECT_THAT(refusal(json.substr(0, bytes)), HasSubstr("not JSON"));
}

TEST(BadText, IsRefusedWithItsOffset) {
  Tokenizer tokenizer = Tokenizer::fromJson(readGolden("gpt2.json"));
  for (std::string bad : {"ab\xFFz", "ab\xC0\x80", "ab\xED\xA0\x80",
                          "ab\xE2\x82", "ab\xF4\x90\x80\x80", "ab\x80"}) {
    EXPECT_EQ(firstInvalidUtf8(bad), 2u);
    try {
      tokenizer.encode(bad, false);
      ADD_FAILURE() << "accepted";
    } catch (const Error &error) {
      EXPECT_THAT(error.what(), HasSubstr("byte 2"));
    }
  }
  EXPECT_FALSE(firstInvalidUtf8("h\xC3\xA9\xE2\x82\xAC\xF4\x8F\xBF\xBF"));
}

} // namespace
} // namespace qzc::tokenizer
