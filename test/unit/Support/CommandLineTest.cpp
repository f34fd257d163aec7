//===- CommandLineTest.cpp - Numbers and errors of command lines ----------===//

#include "qzc/Support/CommandLine.h"

#include "qzc/Support/OneLine.h"
#include "qzc/Support/Output.h"

#include <cfloat>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace qzc;
using testing::ElementsAre;

template <typename Call> static std::string refusal(Call call) {
  try {
    call();
  } catch (const Error &error) {
    EXPECT_EQ(error.code(), ExitCode::Usage);
    return error.what();
  }
  return "accepted";
}

TEST(CommandLine, NumbersAreWholeAndInRange) {
  const auto parse = [](const char *text) {
    return parseNumber<int64_t>("-n", text, -3, 40);
  };
  EXPECT_EQ(parse("-3"), -3);
  EXPECT_EQ(parse("040"), 40);
  for (const char *text :
       {"-4", "41", "99999999999999999999", "-99999999999999999999", "", " 1",
        "1 ", "+1", "1.0", "1e1", "0x1", "one", "1\n"})
    EXPECT_EQ(refusal([&] { parse(text); }),
              std::string("-n: '") + text +
                  "' is no whole number from -3 to 40");
  EXPECT_EQ(parseNumber<uint64_t>("-s", "18446744073709551615", 0, UINT64_MAX),
            UINT64_MAX);
  EXPECT_EQ(refusal([] { parseNumber<uint64_t>("-s", "-1", 0, UINT64_MAX); }),
            "-s: '-1' is no whole number from 0 to 18446744073709551615");
  EXPECT_EQ(parseNumber("-t", "2.5e-1", 0.0, 1.0), 0.25);
  for (const char *text : {"nan", "inf", "1e999", "-0.1", "1.1", "x"})
    EXPECT_EQ(refusal([&] { parseNumber("-t", text, 0.0, 1.0); }),
              std::string("-t: '") + text + "' is no number from 0 to 1");
}

TEST(CommandLine, ListsOfNumbers) {
  const auto parse = [](const char *text) {
    return parseNumbers<int32_t>("--ids", text, 0, 9);
  };
  EXPECT_THAT(parse("3,5,7"), ElementsAre(3, 5, 7));
  EXPECT_THAT(parse("0"), ElementsAre(0));
  for (const char *text : {"", "1,", ",1", "1,,2", "1,10", "1;2"})
    EXPECT_THAT(refusal([&] { parse(text); }), testing::StartsWith("--ids: '"));
}

TEST(CommandLine, NothingBehindAnEqualsSignIsAnEmptyText) {
  CLI::App app("x");
  std::string prompt = "none";
  std::string model = "none";
  app.add_option("--prompt", prompt, "");
  app.add_option("model", model, "");
  bool isDry = false;
  app.add_flag("--dry-run", isDry, "");
  const char *const call[] = {"x", "--prompt=", "--dry-run", "a.mlir"};
  parseWords(app, 4, call);
  EXPECT_EQ(prompt, "");
  EXPECT_EQ(model, "a.mlir");
  EXPECT_TRUE(isDry);
  refuseEmptyTexts(app, {"--prompt"});
  EXPECT_EQ(refusal([&] { parseArguments(app, 4, call); }),
            "--prompt: its value is empty");
  const char *const noModel[] = {"x", ""};
  EXPECT_EQ(refusal([&] { parseArguments(app, 2, noModel); }),
            "model: its value is empty");
  const char *const names[] = {"x", "--prompt=a=", "--", "--odd="};
  EXPECT_TRUE(parseArguments(app, 4, names));
  EXPECT_EQ(prompt, "a=");
  EXPECT_EQ(model, "--odd=");
}

TEST(CommandLine, OptionsWithNumbers) {
  CLI::App app("x");
  app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  int threads = 3;
  std::optional<int64_t> count;
  addNumber(app, "--threads", threads, "Threads", 1, 8)->capture_default_str();
  addCount(app, "-n", count, "Count", 0);
  EXPECT_THAT(app.help(), testing::HasSubstr("N=3"));
  const char *const call[] = {"x", "--threads=2", "-n", "-1", "-n", "5"};
  EXPECT_TRUE(parseArguments(app, 6, call));
  EXPECT_EQ(threads, 2);
  EXPECT_EQ(count, 5);
  EXPECT_EQ(refusal([&] { parseArguments(app, 4, call); }),
            "-n: '-1' is no whole number from 0 to 2147483647");
  EXPECT_EQ(threads, 2);
}

TEST(CommandLine, ErrorsAreOneLineAndACode) {
  const auto run = [](const std::function<int()> &work) {
    testing::internal::CaptureStderr();
    const int code = exitCodeOf("tool", work);
    return std::pair(code, testing::internal::GetCapturedStderr());
  };
  using Result = std::pair<int, std::string>;
  EXPECT_EQ(run([] { return 5; }), Result(5, ""));
  EXPECT_EQ(run([]() -> int { throw Error("it failed"); }),
            Result(1, "tool: error: it failed\n"));
  EXPECT_EQ(run([]() -> int { throw usageError("no such option"); }),
            Result(2, "tool: error: no such option\n"));
  EXPECT_EQ(run([]() -> int { throw std::bad_alloc(); }),
            Result(1, "tool: error: out of memory\n"));
  EXPECT_EQ(run([]() -> int { throw BrokenPipe(); }), Result(1, ""));
}

TEST(CommandLine, AMessageIsOneLineWhateverIsInIt) {
  EXPECT_EQ(oneLine("'é': no"), "'é': no");
  EXPECT_EQ(oneLine("a\n b\tc\n\n"), "a  b c");
  EXPECT_EQ(oneLine(std::string_view("\0\x1b[2J\x7f", 6)),
            "\\x00\\x1b[2J\\x7f");
  // Of a long one both ends, in whole characters.
  std::string endless;
  for (int i = 0; i < 100000; ++i)
    endless += "é";
  const std::string line = oneLine("file: 'x" + endless + "': no");
  EXPECT_LT(line.size(), 2100u);
  EXPECT_THAT(line, testing::StartsWith("file: 'xéé"));
  EXPECT_THAT(line, testing::HasSubstr("éé ... éé"));
  EXPECT_THAT(line, testing::EndsWith("éé': no"));
}

TEST(CommandLine, ErrorsArePrintedOnOneLine) {
  testing::internal::CaptureStderr();
  const int code = exitCodeOf("tool", []() -> int {
    throw Error("the file says '\x1b[1A\nqzc: all is well'");
  });
  EXPECT_EQ(code, 1);
  EXPECT_EQ(testing::internal::GetCapturedStderr(),
            "tool: error: the file says '\\x1b[1A qzc: all is well'\n");
}
