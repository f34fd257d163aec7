//===- GoldenTest.cpp - Against Hugging Face's tokenizers -----------------===//
//
// Tokenizers and results come from test/golden/tokenizers/make_tokenizers.py.
//
//===----------------------------------------------------------------------===//

#include "TestFiles.h"
#include "qzc/Tokenizer/Tokenizer.h"

#include <gtest/gtest.h>

namespace qzc::tokenizer {
namespace {

class Golden : public testing::TestWithParam<const char *> {
protected:
  Golden()
      : Under(
            Tokenizer::fromJson(readGolden(std::string(GetParam()) + ".json"))),
        Cases(readGoldenJson(std::string(GetParam()) + ".golden.json")) {}

  Tokenizer Under;
  nlohmann::json Cases;
};

TEST_P(Golden, EncodesTheSame) {
  ASSERT_GT(Cases.size(), 50u);
  for (const auto &golden : Cases) {
    auto text = golden["text"].get<std::string>();
    EXPECT_EQ(Under.encode(text, false),
              golden["ids"].get<std::vector<int32_t>>())
        << golden["text"];
    EXPECT_EQ(Under.encode(text, true),
              golden["special"].get<std::vector<int32_t>>())
        << golden["text"];
  }
}

TEST_P(Golden, DecodesTheSame) {
  for (const auto &golden : Cases)
    EXPECT_EQ(Under.decode(golden["ids"].get<std::vector<int32_t>>()),
              golden["decoded"].get<std::string>());
}

TEST_P(Golden, StreamsWholeCharactersOfTheSameText) {
  for (const auto &golden : Cases) {
    StreamDecoder stream(Under);
    std::string text;
    for (int32_t id : golden["ids"].get<std::vector<int32_t>>()) {
      std::string part = stream.push(id);
      EXPECT_FALSE(firstInvalidUtf8(part)) << golden["text"];
      text += part;
    }
    text += stream.finish();
    EXPECT_EQ(text, golden["decoded"].get<std::string>()) << golden["text"];
  }
}

INSTANTIATE_TEST_SUITE_P(Tokenizers, Golden,
                         testing::Values("gpt2", "smollm", "llama3", "added",
                                         "splits", "pieces"),
                         [](const auto &info) { return info.param; });

TEST(StreamDecoder, HoldsBackHalfACharacter) {
  Tokenizer tokenizer = Tokenizer::fromJson(readGolden("gpt2.json"));
  // One token a byte: U+1F44D is four of them.
  std::vector<int32_t> ids;
  for (std::string_view byte : {"ð", "Ł", "ĳ", "į"}) // F0 9F 91 8D
    if (auto id = tokenizer.find(byte))
      ids.push_back(*id);
  ASSERT_EQ(ids.size(), 4u);
  StreamDecoder stream(tokenizer);
  EXPECT_EQ(stream.push(ids[0]), "");
  EXPECT_EQ(stream.push(ids[1]), "");
  EXPECT_EQ(stream.push(ids[2]), "");
  EXPECT_EQ(stream.push(ids[3]), "\xF0\x9F\x91\x8D");
  EXPECT_EQ(stream.push(ids[0]), "");
  EXPECT_EQ(stream.push(ids[0]), "\xEF\xBF\xBD");
  EXPECT_EQ(stream.finish(), "\xEF\xBF\xBD");
  EXPECT_EQ(stream.finish(), "");
}

TEST(Tokenizer, KnowsItsTokens) {
  Tokenizer tokenizer = Tokenizer::fromJson(readGolden("llama3.json"));
  auto bos = tokenizer.find("<s>");
  ASSERT_TRUE(bos);
  EXPECT_TRUE(tokenizer.isSpecial(*bos));
  EXPECT_EQ(tokenizer.token(*bos), "<s>");
  EXPECT_FALSE(tokenizer.token(static_cast<int32_t>(tokenizer.size())));
  EXPECT_FALSE(tokenizer.token(-1));
  EXPECT_FALSE(tokenizer.find("no such token"));
}

} // namespace
} // namespace qzc::tokenizer
