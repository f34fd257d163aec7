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

using Ids = std::vector<int32_t>;
using Json = nlohmann::json;

class Golden : public testing::TestWithParam<const char *> {
protected:
  Golden()
      : Under(
            Tokenizer::fromJson(readGolden(std::string(GetParam()) + ".json"))),
        Texts(readGoldenJson("texts.json")),
        Expected(readGoldenJson(std::string(GetParam()) + ".golden.json")) {}

  /// Ids and the text that they decode to: of all texts, and ids drawn from the
  /// vocabulary.
  template <typename Callback> void forEachDecoded(Callback &&callback) {
    for (size_t i = 0; i < Texts.size(); ++i) {
      const Json &decoded = Expected["decoded"][i];
      callback(Expected["ids"][i].get<Ids>(),
               (decoded.is_null() ? Texts[i] : decoded).get<std::string>());
    }
    for (const Json &drawn : Expected["drawn"])
      callback(drawn["ids"].get<Ids>(), drawn["decoded"].get<std::string>());
  }

  Tokenizer Under;
  Json Texts;
  Json Expected;
};

TEST_P(Golden, EncodesTheSame) {
  ASSERT_GT(Texts.size(), 50u);
  ASSERT_EQ(Texts.size(), Expected["ids"].size());
  for (size_t i = 0; i < Texts.size(); ++i) {
    auto text = Texts[i].get<std::string>();
    auto ids = Expected["ids"][i].get<Ids>();
    EXPECT_EQ(Under.encode(text, false), ids) << Texts[i];
    auto special = Expected["front"].get<Ids>();
    auto back = Expected["back"].get<Ids>();
    special.insert(special.end(), ids.begin(), ids.end());
    special.insert(special.end(), back.begin(), back.end());
    EXPECT_EQ(Under.encode(text, true), special) << Texts[i];
  }
}

TEST_P(Golden, DecodesTheSame) {
  forEachDecoded([&](const Ids &ids, const std::string &text) {
    EXPECT_EQ(Under.decode(ids), text);
  });
}

TEST_P(Golden, StreamsWholeCharactersOfTheSameText) {
  forEachDecoded([&](const Ids &ids, const std::string &expected) {
    StreamDecoder stream(Under);
    std::string text;
    for (int32_t id : ids) {
      std::string part = stream.push(id);
      EXPECT_FALSE(firstInvalidUtf8(part)) << expected;
      text += part;
    }
    text += stream.finish();
    EXPECT_EQ(text, expected);
  });
}

INSTANTIATE_TEST_SUITE_P(Tokenizers, Golden, testing::ValuesIn(kGoldenShapes),
                         [](const auto &info) { return info.param; });

INSTANTIATE_TEST_SUITE_P(Splits, Golden, testing::Values("splits"));

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

TEST(StreamDecoder, HoldsBackBytesUntilTheyAreDecided) {
  Tokenizer tokenizer = Tokenizer::fromJson(readGolden("llama2.json"));
  auto byte = [&](const char *name) { return tokenizer.find(name).value(); };
  StreamDecoder stream(tokenizer);
  // é, then a byte that makes the run of them no text.
  EXPECT_EQ(stream.push(byte("<0xC3>")), "");
  EXPECT_EQ(stream.push(byte("<0xA9>")), "");
  EXPECT_EQ(stream.push(byte("a")), "\xC3\xA9"
                                    "a");
  EXPECT_EQ(stream.push(byte("<0xC3>")), "");
  EXPECT_EQ(stream.push(byte("<0xA9>")), "");
  EXPECT_EQ(stream.push(byte("<0xFF>")), "");
  EXPECT_EQ(stream.finish(), "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");
}

TEST(StreamDecoder, DropsASpaceOnlyWhereTheTextStarts) {
  Tokenizer tokenizer = Tokenizer::fromJson(readGolden("llama2.json"));
  int32_t space = tokenizer.find("▁").value();
  int32_t letter = tokenizer.find("a").value();
  EXPECT_EQ(tokenizer.decode({space, letter}), "a");
  StreamDecoder inside(tokenizer, /*startsText=*/false);
  EXPECT_EQ(inside.push(space), " ");
  EXPECT_EQ(inside.push(letter), "a");
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
