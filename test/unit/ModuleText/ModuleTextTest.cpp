//===- ModuleTextTest.cpp - Modules that nest too deeply ------------------===//

#include "qzc/ModuleText/ModuleText.h"

#include "Support/TempFolder.h"
#include "qzc/Support/Error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace qzc;
using namespace qzc::test;
using testing::HasSubstr;

static std::string refusal(const std::string &text) {
  try {
    checkModuleText(text, "m.mlir");
  } catch (const Error &error) {
    return error.what();
  }
  return "";
}

/// `count` times `text`.
static std::string times(int count, const std::string &text) {
  std::string all;
  for (int i = 0; i != count; ++i)
    all += text;
  return all;
}

static const char *const kTooDeep = "nested more than 256 deep";

TEST(ModuleText, BracketsOfEveryKind) {
  struct Case {
    std::string open, close;
    int levels;
  };
  for (const Case &c : {Case{"(", ")", 1}, Case{"[", "]", 1}, Case{"{", "}", 1},
                        Case{"<", ">", 1}, Case{"#qz.x<", ">", 1},
                        Case{"tuple<", ">", 1}, Case{"loc(callsite(", "))", 2},
                        Case{"\"m\"() ({\n", "}) : () -> ()", 2}}) {
    const int most = 256 / c.levels;
    EXPECT_EQ(refusal(times(most, c.open) + times(most, c.close)), "")
        << c.open;
    EXPECT_THAT(refusal(times(most + 1, c.open)), HasSubstr(kTooDeep))
        << c.open;
    // One beside the other nests no deeper.
    EXPECT_EQ(refusal(times(10000, c.open + c.close)), "") << c.open;
  }
}

TEST(ModuleText, ThePlaceIsNamed) {
  EXPECT_EQ(refusal("module {\n  x = " + times(256, "[")),
            std::string("m.mlir:2:262: ") + kTooDeep);
}

TEST(ModuleText, NotInStringsAndComments) {
  const std::string deep = times(1000, "[");
  EXPECT_EQ(refusal("a = \"" + deep + "\""), "");
  EXPECT_EQ(refusal("a = \"\\\"" + deep + "\""), "");
  EXPECT_EQ(refusal("@\"" + deep + "\""), "");
  EXPECT_EQ(refusal("a // " + deep + "\nb"), "");
  EXPECT_EQ(refusal("a // \"\nb"), "");
  EXPECT_THAT(refusal("a \"//\" " + deep), HasSubstr(kTooDeep));
  EXPECT_THAT(refusal("a // \"\n" + deep), HasSubstr(kTooDeep));
  EXPECT_THAT(refusal("a \"\\\\\" " + deep), HasSubstr(kTooDeep));
  // A string does not reach into the next line.
  EXPECT_THAT(refusal("a \"\n" + deep), HasSubstr(kTooDeep));
}

TEST(ModuleText, ArrowsAndComparisonsAreNoBrackets) {
  EXPECT_EQ(refusal(times(1000, "(a) -> (b)\n")), "");
  EXPECT_EQ(refusal(times(1000, "affine_set<(d0) : (d0 >= 0, d0 <= 5)>\n")),
            "");
  // An arrow does not close what is open.
  EXPECT_THAT(refusal(times(257, "<->")), HasSubstr(kTooDeep));
}

TEST(ModuleText, AliasesInsideEachOther) {
  const auto chain = [](int length, const std::string &sigil,
                        const std::string &inner) {
    std::string text = sigil + "a0 = " + inner + "1\n";
    for (int i = 1; i != length; ++i)
      text += sigil + "a" + std::to_string(i) + " // comment\n = [" + sigil +
              "a" + std::to_string(i - 1) + "]\n";
    return text;
  };
  for (const char *sigil : {"#", "!"}) {
    EXPECT_EQ(refusal(chain(100, sigil, "")), "") << sigil;
    EXPECT_THAT(refusal(chain(200, sigil, "")), HasSubstr(kTooDeep)) << sigil;
    // Behind a colon the value goes on.
    EXPECT_THAT(refusal(chain(200, sigil, "dense<0>\n : ")),
                HasSubstr(kTooDeep))
        << sigil;
  }
  // Many uses of one are no depth.
  EXPECT_EQ(
      refusal("#a = [1]\n" + times(1000, "\"x\"() {b = #a} : () -> ()\n")), "");
}

TEST(ModuleText, AliasesThatGrow) {
  std::string text = "#a0 = [1, 2]\n";
  for (int i = 1; i != 40; ++i) {
    const std::string last = "#a" + std::to_string(i - 1);
    text += "#a" + std::to_string(i) + " = [" + last + ", " + last + "]\n";
  }
  EXPECT_THAT(refusal(text), HasSubstr("aliases stand for more than 16777216"));
}

TEST(ModuleText, ADefinitionEndsWithItsValue) {
  // What follows the last one is not in it, however much and often it is used.
  EXPECT_EQ(refusal("#a = #qz.rope<dim = 64>\nmodule {\n" +
                    times(100000, "%0 = x.y %1 {r = #a}\n") + "}"),
            "");
  EXPECT_EQ(refusal("#a = 1 : i32\n" + times(10000, "x.y {r = #a}\n")), "");
}

TEST(ModuleText, LongExpressions) {
  const char *const many = "more than 1000 operators";
  for (const char *part : {" + d0", " * d0", " - d0", " mod 2", " floordiv 2",
                           " ceildiv 2", " -"}) {
    const std::string begin = "affine_map<(d0) -> (d0";
    EXPECT_EQ(refusal(begin + times(1000, part) + ")>"), "") << part;
    EXPECT_THAT(refusal(begin + times(1001, part) + ")>"), HasSubstr(many))
        << part;
  }
  EXPECT_EQ(refusal("array<i64: " + times(5000, "-1, ") + "-1>"), "");
  EXPECT_EQ(refusal(times(5000, "%c-1 = arith.constant -1.0e-5 : f32\n")), "");
  EXPECT_THAT(refusal("(0x1" + times(1001, "-0xE") + ")"), HasSubstr(many));
}

TEST(ModuleText, BytecodeIsNoText) {
  EXPECT_THAT(refusal("ML\xefR\x06"), HasSubstr("MLIR bytecode"));
}

TEST(ModuleText, OtherFilesAreNoText) {
  EXPECT_THAT(refusal(std::string("GGUF\3\0\0\0((((", 12)),
              HasSubstr("qz-import makes one"));
  EXPECT_THAT(refusal(std::string("\0\xff\"", 3)), HasSubstr("is no text"));
}

TEST(ModuleText, IsReadFromRegularFiles) {
  TempFolder folder;
  writeAll(folder.file("m.mlir"), "module {}");
  EXPECT_EQ(readModuleText(folder.file("m.mlir")), "module {}");
  EXPECT_THROW(readModuleText("/dev/null"), Error);
}
