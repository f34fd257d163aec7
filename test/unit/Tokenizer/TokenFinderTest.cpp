//===- TokenFinderTest.cpp - The longest token at every place -------------===//

#include "TokenFinder.h"

#include <gtest/gtest.h>
#include <random>

namespace qzc::tokenizer {
namespace {

TEST(TokenFinder, FindsTheLongestAtEveryPlace) {
  std::mt19937 random(3);
  auto word = [&](size_t most) {
    std::string out(1 + random() % most, 'a');
    for (char &letter : out)
      letter = static_cast<char>('a' + random() % 2);
    return out;
  };
  for (int round = 0; round < 300; ++round) {
    TokenFinder finder;
    std::vector<std::string> tokens;
    for (size_t i = 0; i < 1 + random() % 8; ++i) {
      tokens.push_back(word(7));
      finder.add(tokens.back(), static_cast<int32_t>(i));
    }
    finder.finish();
    std::string text = word(60);
    std::vector<std::pair<size_t, std::string>> expected;
    std::vector<std::pair<size_t, std::string>> found;
    for (size_t at = text.size(); at-- > 0;) {
      std::string longest;
      for (const std::string &token : tokens)
        if (token.size() > longest.size() &&
            text.compare(at, token.size(), token) == 0)
          longest = token;
      if (!longest.empty())
        expected.emplace_back(at, longest);
    }
    for (const TokenFinder::Hit &hit : finder.find(text))
      found.emplace_back(hit.begin, tokens[static_cast<size_t>(hit.token)]);
    EXPECT_EQ(found, expected);
  }
}

TEST(TokenFinder, TheFirstOfEqualTokensCounts) {
  TokenFinder finder;
  finder.add("x", 4);
  finder.add("x", 5);
  finder.finish();
  ASSERT_EQ(finder.find("yx").size(), 1u);
  EXPECT_EQ(finder.find("yx")[0].token, 4);
  EXPECT_TRUE(TokenFinder().find("x").empty());
}

} // namespace
} // namespace qzc::tokenizer
