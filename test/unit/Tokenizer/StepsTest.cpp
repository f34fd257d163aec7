//===- StepsTest.cpp - What encoding takes, counted -----------------------===//
//
// Whatever a text is, four times as much of it takes four times the steps.
//
//===----------------------------------------------------------------------===//

#include "Steps.h"
#include "TestFiles.h"
#include "qzc/Support/Error.h"
#include "qzc/Tokenizer/Tokenizer.h"

#include <gtest/gtest.h>

namespace qzc::tokenizer {
namespace {

std::string repeated(const std::string &unit, size_t bytes) {
  std::string text;
  while (text.size() < bytes)
    text += unit;
  return text;
}

uint64_t stepsOf(const Tokenizer &tokenizer, const std::string &text) {
  StepCounter counter;
  tokenizer.encode(text, false);
  return counter.take();
}

/// The counter has to live while patterns are compiled.
Tokenizer readCounting(const std::string &json) {
  StepCounter counter;
  return Tokenizer::fromJson(json);
}

/// Texts that no pattern splits, that one splits everywhere, or that send it
/// back and forth.
const std::string kUnits[] = {
    "a",
    "the",
    "aB",
    " ",
    "\n",
    " \n",
    "\t \n\r",
    "0",
    "!",
    "'",
    "a1 ",
    "\xC3\xA9",                 // é
    "\xE6\x9D\xB1\xE4\xBA\xAC", // 東京
    "\xF0\x9F\x98\x80",         // an emoji
    "\xE2\x96\x81",             // ▁
    "\xCC\x81\xCC\xA3",         // marks in the wrong order
    "<s>",
    " <s",
    "<mask> ",
    "word<word>",
    "<|end|>  ",
    "<unk>",
    "\xE2\x98\x83", // what no vocabulary has
};

class Steps : public testing::TestWithParam<const char *> {};

TEST_P(Steps, GrowNoFasterThanTheText) {
  Tokenizer tokenizer =
      readCounting(readGolden(std::string(GetParam()) + ".json"));
  constexpr size_t kBytes = 16384;
  for (const std::string &unit : kUnits) {
    uint64_t once = stepsOf(tokenizer, repeated(unit, kBytes));
    uint64_t fourfold = stepsOf(tokenizer, repeated(unit, 4 * kBytes));
    EXPECT_GT(once, kBytes) << unit;
    EXPECT_LE(fourfold, 4 * once + once / 4) << unit;
    EXPECT_LE(fourfold, 4 * kBytes * 100) << unit;
  }
}

// Not of "splits", whose patterns are made to be odd.
INSTANTIATE_TEST_SUITE_P(Tokenizers, Steps, testing::ValuesIn(kGoldenShapes),
                         [](const auto &info) { return info.param; });

TEST(Steps, OfTwoMegabytes) {
  constexpr size_t kBytes = 2 << 20;
  const std::pair<const char *, const char *> kTexts[] = {
      {"gpt2", "a"},
      {"llama3", " "},
      {"gemma", "\xF0\x9F\x98\x80"}, // an emoji
      {"llama2", "<s>"}};
  for (auto [shape, unit] : kTexts) {
    Tokenizer tokenizer =
        readCounting(readGolden(std::string(shape) + ".json"));
    uint64_t part = stepsOf(tokenizer, repeated(unit, kBytes / 64));
    EXPECT_LE(stepsOf(tokenizer, repeated(unit, kBytes)), part * 66) << shape;
  }
}

TEST(Steps, OfLongAddedTokens) {
  // Each place begins with all but the last letter of a long token.
  nlohmann::json file = readGoldenJson("gpt2.json");
  file["added_tokens"].push_back({{"id", 420},
                                  {"content", std::string(5000, 'a') + "b"},
                                  {"special", true}});
  Tokenizer tokenizer = readCounting(file.dump());
  uint64_t once = stepsOf(tokenizer, repeated("a", 20000));
  uint64_t fourfold = stepsOf(tokenizer, repeated("a", 80000));
  EXPECT_LE(fourfold, 4 * once + once / 4);
  EXPECT_LE(fourfold, 80000u * 100);
}

TEST(Steps, OfSpacesThatTokensTake) {
  nlohmann::json file = readGoldenJson("gpt2.json");
  file["added_tokens"].push_back({{"id", 420},
                                  {"content", " "},
                                  {"rstrip", true},
                                  {"lstrip", true},
                                  {"special", true}});
  Tokenizer tokenizer = readCounting(file.dump());
  uint64_t once = stepsOf(tokenizer, repeated(" ", 20000));
  EXPECT_LE(stepsOf(tokenizer, repeated(" ", 80000)), 4 * once + once / 4);
}

/// gpt2.json, cut by another pattern.
Tokenizer splitBy(const char *pattern) {
  nlohmann::json file = readGoldenJson("gpt2.json");
  file["pre_tokenizer"] = {{"type", "Split"},
                           {"behavior", "Isolated"},
                           {"invert", false},
                           {"pattern", {{"Regex", pattern}}}};
  return Tokenizer::fromJson(file.dump());
}

TEST(Steps, OfOtherPatternsAreWatched) {
  // From every place it reads on to the end, and finds nothing.
  const std::string text = repeated("a", 4000) + "b";
  EXPECT_THROW(splitBy("a+[^ab]|a+?b(?!b)b").encode(text, false), Error);
  // 2^60 ways to fail.
  EXPECT_THROW(splitBy("(a+)+c").encode(std::string(60, 'a') + "!c", false),
               Error);
  EXPECT_FALSE(splitBy("a+|b").encode(text, false).empty());
}

TEST(Steps, OfPatternsAreCounted) {
  StepCounter counter;
  Tokenizer tokenizer = splitBy("a+?b(?!b)b");
  uint64_t once = stepsOf(tokenizer, repeated("a", 100) + "b");
  EXPECT_GT(stepsOf(tokenizer, repeated("a", 400) + "b"), 8 * once);
}

} // namespace
} // namespace qzc::tokenizer
