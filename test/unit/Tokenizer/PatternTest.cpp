//===- PatternTest.cpp - Oniguruma's patterns in PCRE2 --------------------===//

#include "Regex.h"
#include "qzc/Support/Error.h"

#include <gtest/gtest.h>

namespace qzc::tokenizer {
namespace {

std::vector<std::string> matches(const std::string &pattern,
                                 const std::string &text) {
  nlohmann::json where;
  std::vector<std::string> out;
  Regex(translatePattern(pattern, Field(where, "pattern")))
      .forEach(text, [&](size_t begin, size_t end) {
        out.push_back(text.substr(begin, end - begin));
      });
  return out;
}

using Strings = std::vector<std::string>;

TEST(Pattern, WhiteSpaceIsUnicodes) {
  // U+0085 is white space, U+180E no longer is.
  EXPECT_EQ(matches("\\s+", "a\xC2\x85 b\xE1\xA0\x8E\xE3\x80\x80"),
            (Strings{"\xC2\x85 ", "\xE3\x80\x80"}));
  EXPECT_EQ(matches("[^\\s]+", "a b"), (Strings{"a", "b"}));
  EXPECT_EQ(matches("[\\S]+", "a\xC2\xA0"
                              "b"),
            (Strings{"a", "b"}));
  EXPECT_EQ(matches("[\\s\\S]+", "a\n\xC2\xA0z"), (Strings{"a\n\xC2\xA0z"}));
}

TEST(Pattern, WordsHoldMarksAndConnectors) {
  EXPECT_EQ(matches("\\w+", "e\xCC\x81_1 x"), (Strings{"e\xCC\x81_1", "x"}));
  EXPECT_EQ(matches("\\W", "a-b"), (Strings{"-"}));
}

TEST(Pattern, ScriptsHaveNoExtensions) {
  // U+3001 (、) belongs to no single script.
  EXPECT_EQ(matches("\\p{Han}+", "東、京"), (Strings{"東", "京"}));
  EXPECT_EQ(matches("\\p{^Lu}", "Aa"), (Strings{"a"}));
}

TEST(Pattern, KnowsUnicode16) {
  const std::string digit = "\xF0\x90\xB5\x80"; // U+10D40
  const std::string letter = "\xE1\xB2\x8A";    // U+1C8A, a small one
  const std::string mark = "\xE0\xA2\x97";      // U+0897
  EXPECT_EQ(matches("\\p{Nd}", "a" + digit), Strings{digit});
  EXPECT_EQ(matches("\\d", "a" + digit), Strings{digit});
  EXPECT_EQ(matches("\\p{L}+", "a" + letter + "1"), Strings{"a" + letter});
  EXPECT_EQ(matches("[^\\p{Ll}]", "a" + letter), Strings{});
  EXPECT_EQ(matches("\\P{Ll}", "a" + letter), Strings{});
  EXPECT_EQ(matches("\\w+", "a" + mark), Strings{"a" + mark});
}

TEST(Pattern, ClassesInClassesAreTheirMembers) {
  EXPECT_EQ(matches("[^(\\s|[.,!])]+", "a.b (c|d)!"),
            (Strings{"a", "b", "c", "d"}));
}

TEST(Pattern, RepeatsAndEscapes) {
  EXPECT_EQ(matches("a{,2}b", "aab"), (Strings{"aab"}));
  EXPECT_EQ(matches("a{b", "a{b"), (Strings{"a{b"}));
  EXPECT_EQ(matches("\\u00e9|\\x41", "Aé"), (Strings{"A", "é"}));
  EXPECT_EQ(matches("(?m:a.b)", "a\nb"), (Strings{"a\nb"}));
  EXPECT_EQ(matches("a.b", "a\nb"), Strings{});
  EXPECT_EQ(matches("^b$", "a\nb\nc"), (Strings{"b"}));
  EXPECT_EQ(matches("(?i:'S)", "'s 'ſ"), (Strings{"'s", "'ſ"}));
}

TEST(Pattern, EmptyMatchesMoveOn) {
  EXPECT_EQ(matches("x*", "axxé"), (Strings{"", "xx", ""}));
}

TEST(Pattern, RefusesWhatMeansSomethingElse) {
  for (const char *pattern :
       {"[a[^bc]]", "[[:alpha:]]", "[\\P{L}]", "[a&&b]",   "\\h",
        "a{2}+",    "a{2}?",       "(?~a)",    "a(?i)b|c", "\\b",
        "[\\W]",    "(*UTF)a",     "\\",       "[a",       "\\p{Nonsense}",
        "\\xff",    "\\pL",        "\\K",      "\\R",      "[]a]"})
    EXPECT_THROW(matches(pattern, ""), Error) << pattern;
}

TEST(Pattern, StringsMatchThemselves) {
  std::string text = R"(a.b*c[d]\e(f)|g{1}^$#-)";
  Regex regex(escapePattern(text));
  int count = 0;
  regex.forEach("x" + text + text, [&](size_t begin, size_t end) {
    EXPECT_EQ(end - begin, text.size());
    ++count;
  });
  EXPECT_EQ(count, 2);
}

} // namespace
} // namespace qzc::tokenizer
