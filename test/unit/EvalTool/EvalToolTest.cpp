//===- EvalToolTest.cpp - Evaluations of fake executables -----------------===//

#include "qzc/EvalTool/EvalTool.h"
#include "../Support/TempFolder.h"
#include "FakeResults.h"
#include "qzc/Support/Error.h"

#include <filesystem>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sstream>

namespace qzc::evaltool {
namespace {

using test::readAll;
using test::TempFolder;
using test::writeAll;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;

class EvalToolTest : public testing::Test {
protected:
  EvalToolTest() {
    Options.text = Folder.file("text.txt");
    writeAll(Options.text, "some text\n");
  }

  /// A script that answers each mode with a file of JSON, after commands of
  /// its own for --bench, and notes its arguments in NAME.log.
  std::string add(const std::string &name, const Json &info = fakeInfo(),
                  const Json &score = fakeScore(),
                  const std::string &bench = "") {
    std::string path = Folder.file(name);
    writeAll(path + ".info", info.dump());
    writeAll(path + ".bench", fakeBench().dump());
    writeAll(path + ".score", score.dump());
    writeAll(path, "#!/bin/sh\necho \"$@\" >>'" + path +
                       ".log'\ncase $1 in\n--info) cat '" + path +
                       ".info';;\n--bench) " + bench + "\ncat '" + path +
                       ".bench';;\n--score=*) cat '" + path +
                       ".score';;\nesac\n");
    std::filesystem::permissions(path, std::filesystem::perms::owner_all);
    Options.images.push_back(path);
    return path;
  }

  bool run() {
    std::ostringstream results;
    std::ostringstream errors;
    bool all = evaluateImages(Options, results, errors);
    Results = results.str();
    Errors = errors.str();
    return all;
  }

  /// The options do not fit; the message and that nothing was measured.
  std::string refusal() {
    try {
      run();
    } catch (const Error &error) {
      for (const std::string &image : Options.images)
        EXPECT_EQ(readAll(image + ".log"), "--info --json\n");
      return error.what();
    }
    return "accepted";
  }

  TempFolder Folder;
  EvalOptions Options;
  std::string Results;
  std::string Errors;
};

TEST_F(EvalToolTest, MeasuresAllUnderTheSameConditions) {
  std::string a = add("a.bin");
  std::string b = add("b.bin", fakeInfo("--quantize=int8"));
  Options.device = "cpu";
  Options.threads = 3;
  Options.output = Folder.file("report/deep");
  EXPECT_TRUE(run()) << Errors;
  EXPECT_EQ(Errors, "");
  EXPECT_THAT(Results, HasSubstr("| a.bin | tiny | `--quantize=nf4` |"));
  EXPECT_THAT(Results, HasSubstr("| b.bin | tiny | `--quantize=int8` |"));
  EXPECT_THAT(Results, HasSubstr("| 17.123 ± 0.057 |"));
  std::string expected =
      "--info --json\n"
      "--bench -p 512 -n 128 -r 5 --device=cpu --threads=3 --json\n"
      "--score=" +
      Options.text +
      " --protocol=windows --context=1024 --bos=none --device=cpu "
      "--threads=3 --json\n";
  EXPECT_EQ(readAll(a + ".log"), expected);
  EXPECT_EQ(readAll(b + ".log"), expected);
  EXPECT_EQ(readAll(Options.output + "/table.md"), Results);
  Json json = Json::parse(readAll(Options.output + "/results.json"));
  EXPECT_EQ(json["executables"][1]["score"], fakeScore());
  EXPECT_EQ(json["conditions"]["text_sha256"], kTextSha256);
  // Nothing else is left in the folder.
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(Options.output),
                          std::filesystem::directory_iterator()),
            2);
}

TEST_F(EvalToolTest, TimesWithoutAText) {
  std::string a = add("a.bin");
  Options.text.clear();
  EXPECT_TRUE(run());
  EXPECT_THAT(Results, Not(HasSubstr("erplexity")));
  EXPECT_THAT(readAll(a + ".log"), Not(HasSubstr("--score")));
}

TEST_F(EvalToolTest, TimesSequencesTogether) {
  std::string a = add("a.bin");
  Options.batch = 8;
  Options.output = Folder.file("report");
  EXPECT_TRUE(run());
  EXPECT_THAT(readAll(a + ".log"), HasSubstr("--bench -p 512 -n 128 -r 5 -b8"));
  EXPECT_THAT(Results, HasSubstr("8 sequences at once"));
  Json json = Json::parse(readAll(Options.output + "/results.json"));
  EXPECT_EQ(json["conditions"]["batch"], 8);
}

TEST_F(EvalToolTest, OpenConditionsFitTheSmallestModel) {
  Json score = fakeScore();
  score["context"] = 64;
  score["protocol"] = "stride";
  score["stride"] = 32;
  std::string a = add("a.bin", fakeInfo("", 2048), score);
  add("b.bin", fakeInfo("", 64), score);
  Options.protocol = evaluate::Protocol::Stride;
  EXPECT_TRUE(run()) << Errors;
  EXPECT_THAT(readAll(a + ".log"), HasSubstr("--bench -p 64 -n 64 "));
  EXPECT_THAT(readAll(a + ".log"),
              HasSubstr(" --context=64 --bos=none --stride=32 "));
}

TEST_F(EvalToolTest, AFailureLeavesAGapAndTheOthersGoOn) {
  std::string a = add("a.bin", fakeInfo(), fakeScore(),
                      "echo note >&2; echo \"$0: error: out of memory\" >&2; "
                      "exit 1");
  add("b.bin");
  Options.output = Folder.file("report");
  EXPECT_FALSE(run());
  EXPECT_EQ(Errors, "qz-eval: error: '" + a +
                        "' --bench: failed with exit code 1: out of memory\n");
  EXPECT_THAT(Results, HasSubstr("| 116.4 | – | – | – | – | – | – |\n"));
  EXPECT_THAT(Results, HasSubstr("| 93.2 ± 0.5 | 17.123 ± 0.057 |"));
  Json json = Json::parse(readAll(Options.output + "/results.json"));
  EXPECT_THAT(json["executables"][0]["error"].get<std::string>(),
              EndsWith("out of memory"));
  EXPECT_FALSE(json["executables"][1].contains("error"));
  EXPECT_THAT(readAll(a + ".log"), Not(HasSubstr("--score")));
}

TEST_F(EvalToolTest, SaysWhatASignalOrSilenceWas) {
  add("a.bin", fakeInfo(), fakeScore(), "kill -9 $$");
  add("b.bin", fakeInfo(), fakeScore(), "exit 7");
  add("c.bin", fakeInfo(), fakeScore(), "echo no JSON; exit 0");
  EXPECT_FALSE(run());
  EXPECT_THAT(Errors, HasSubstr("a.bin' --bench: was ended by signal 9 "
                                "(Killed); it said nothing\n"));
  EXPECT_THAT(Errors, HasSubstr("b.bin' --bench: failed with exit code 7: it "
                                "said nothing\n"));
  EXPECT_THAT(Errors, HasSubstr("c.bin' --bench: did not print JSON; was it "
                                "made by qzc?\n"));
}

TEST_F(EvalToolTest, MixedTextsAndProtocolsAreRefused) {
  Json score = fakeScore();
  score["text_sha256"] = std::string(64, '0');
  add("a.bin", fakeInfo(), score);
  add("b.bin");
  EXPECT_FALSE(run());
  EXPECT_THAT(Errors, HasSubstr("a.bin' --score: it scored a text with SHA-256 "
                                "0000"));
  EXPECT_THAT(Results, HasSubstr("| 93.2 ± 0.5 | – |"));
  EXPECT_THAT(Results, HasSubstr("| 93.2 ± 0.5 | 17.123 ± 0.057 |"));
}

TEST_F(EvalToolTest, NothingIsMeasuredWhereOneIsNoModel) {
  std::string a = add("a.bin");
  Options.images.push_back(Folder.file("missing.bin"));
  Options.images.push_back(Options.text); // not executable
  Options.images.push_back("/bin/true");
  Options.output = Folder.file("report");
  EXPECT_FALSE(run());
  EXPECT_EQ(Results, "");
  EXPECT_THAT(Errors, HasSubstr("missing.bin' --info: cannot be run: No such "
                                "file or directory\n"));
  EXPECT_THAT(Errors, HasSubstr("text.txt' --info: cannot be run: Permission "
                                "denied\n"));
  EXPECT_THAT(Errors, HasSubstr("'/bin/true' --info: did not print JSON"));
  EXPECT_EQ(readAll(a + ".log"), "--info --json\n");
  EXPECT_FALSE(std::filesystem::exists(Options.output));
}

TEST_F(EvalToolTest, ConditionsThatDoNotFitAreRefused) {
  std::string a = add("a.bin", fakeInfo("", 64));
  Options.context = 65;
  EXPECT_EQ(refusal(),
            "--context 65 is too much: '" + a + "' has 64 positions");
}

TEST_F(EvalToolTest, TooManyTokensToTimeAreRefused) {
  add("a.bin", fakeInfo("", 64));
  Options.promptTokens = 65;
  EXPECT_THAT(refusal(), HasSubstr("-p 65 is too much"));
}

TEST_F(EvalToolTest, NothingToTimeIsRefused) {
  add("a.bin");
  Options.promptTokens = 0;
  Options.count = 0;
  EXPECT_THAT(refusal(), HasSubstr("nothing to time"));
}

TEST_F(EvalToolTest, ContradictionsAreRefused) {
  Json info = fakeInfo();
  info["model"].erase("bos");
  std::string a = add("a.bin", info);
  Options.bos = evaluate::BosMode::First;
  EXPECT_EQ(refusal(), "'" + a + "': --bos=first: the model has no BOS token");
}

TEST_F(EvalToolTest, AMissingTextIsNoticedFirst) {
  add("a.bin");
  Options.text = Folder.file("none.txt");
  EXPECT_THAT(refusal(), HasSubstr("none.txt"));
}

TEST_F(EvalToolTest, AnUnwritableFolderIsNoticedFirst) {
  add("a.bin");
  Options.output = Options.text + "/report";
  EXPECT_THAT(refusal(), HasSubstr("cannot make the folder '"));
}

} // namespace
} // namespace qzc::evaltool
