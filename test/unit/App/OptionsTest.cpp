//===- OptionsTest.cpp - Calls that make sense and calls that do not ------===//

#include "Options.h"
#include "qzc/Support/Error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace qzc::runtime {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

Options parse(std::vector<const char *> arguments) {
  arguments.insert(arguments.begin(), "model.bin");
  return parseOptions(static_cast<int>(arguments.size()), arguments.data());
}

std::string refusal(const std::vector<const char *> &arguments) {
  try {
    parse(arguments);
  } catch (const Error &error) {
    EXPECT_EQ(error.code(), ExitCode::Usage);
    EXPECT_THAT(error.what(), Not(HasSubstr("\n")));
    return error.what();
  }
  return "accepted";
}

TEST(Options, AreRead) {
  Options options = parse({"--prompt",
                           "Once upon",
                           "-n",
                           "64",
                           "--temperature=0.5",
                           "--top-k=7",
                           "--top-p=0.5",
                           "--min-p=0.25",
                           "--repetition-penalty=1.5",
                           "--stop",
                           "a",
                           "--stop=b c",
                           "--seed=18446744073709551615",
                           "--ignore-eos",
                           "--device=cuda",
                           "--kv-cache=f16",
                           "--context",
                           "100",
                           "--force-ptx",
                           "--threads=2"});
  EXPECT_EQ(options.mode, Mode::Generate);
  EXPECT_EQ(options.prompt, "Once upon");
  EXPECT_EQ(options.count, 64);
  EXPECT_EQ(options.sampler.temperature, 0.5);
  EXPECT_EQ(options.sampler.topK, 7);
  EXPECT_EQ(options.sampler.topP, 0.5);
  EXPECT_EQ(options.sampler.minP, 0.25);
  EXPECT_EQ(options.sampler.repetitionPenalty, 1.5);
  EXPECT_EQ(options.stops, (std::vector<std::string>{"a", "b c"}));
  EXPECT_EQ(options.sampler.seed, UINT64_MAX);
  EXPECT_TRUE(options.ignoreEos);
  EXPECT_EQ(options.device, DeviceChoice::Cuda);
  EXPECT_EQ(options.cache, CacheType::F16);
  EXPECT_EQ(options.context, 100);
  EXPECT_TRUE(options.forcePtx);
  EXPECT_EQ(options.threads, 2);
}

TEST(Options, OfTheCpu) {
  const auto parsed = [](const char *isa) {
    return parse({"--bench", "--device=cpu", isa}).instructions;
  };
  EXPECT_FALSE(parse({"--bench"}).instructions);
  EXPECT_EQ(parsed("--isa=avx512-vnni"), InstructionSet::Avx512Vnni);
  EXPECT_EQ(parsed("--isa=avx512"), InstructionSet::Avx512);
  EXPECT_EQ(parsed("--isa=avx2"), InstructionSet::Avx2);
  EXPECT_EQ(parsed("--isa=sse4.2"), InstructionSet::Sse42);
  EXPECT_THAT(refusal({"--bench", "--device=cpu", "--isa=avx"}),
              HasSubstr("avx2"));
  EXPECT_EQ(refusal({"--bench", "--isa=avx2"}), "--isa needs --device=cpu");
  EXPECT_THAT(refusal({"--info", "--isa=avx2"}), HasSubstr("does not go"));
}

TEST(Options, OfScoring) {
  Options options = parse({"--score", "x.txt", "--json", "--protocol=stride",
                           "--stride", "5", "--max-windows=9", "--bos=first"});
  EXPECT_EQ(options.mode, Mode::Score);
  EXPECT_EQ(options.textFile, "x.txt");
  EXPECT_TRUE(options.json);
  EXPECT_EQ(options.protocol, evaluate::Protocol::Stride);
  EXPECT_EQ(options.stride, 5);
  EXPECT_EQ(options.maxWindows, 9);
  EXPECT_EQ(options.bos, evaluate::BosMode::First);
  EXPECT_FALSE(options.context);
}

TEST(Options, OfTokens) {
  Options options = parse({"--tokens", "3,5,7", "--logits", "out.npy"});
  EXPECT_EQ(options.mode, Mode::Tokens);
  EXPECT_THAT(options.tokens, ElementsAre(3, 5, 7));
  EXPECT_EQ(options.logitsFile, "out.npy");
  // A prompt may look like an option when it is joined by an equals sign.
  EXPECT_EQ(parse({"--prompt=--score"}).prompt, "--score");
}

TEST(Options, VerifyIsAModeAloneAndGoesWithEveryOther) {
  EXPECT_EQ(parse({"--verify"}).mode, Mode::Verify);
  EXPECT_TRUE(parse({"--verify"}).verify);
  EXPECT_EQ(parse({"--verify", "--info"}).mode, Mode::Info);
  EXPECT_TRUE(parse({"--verify", "--info"}).verify);
  EXPECT_EQ(parse({"--tokenize", "x", "--verify"}).mode, Mode::Tokenize);
  EXPECT_FALSE(parse({"--info"}).verify);
  EXPECT_THAT(refusal({"--verify", "--json"}),
              HasSubstr("--json does not go with --verify"));
}

TEST(Options, ThatMakeNoSenseAreRefused) {
  EXPECT_THAT(refusal({}), HasSubstr("nothing to do"));
  EXPECT_THAT(refusal({"--json"}), HasSubstr("nothing to do"));
  EXPECT_THAT(refusal({"--info", "--bench"}), HasSubstr("cannot go together"));
  EXPECT_THAT(refusal({"--prompt", "a", "--prompt-file", "b"}),
              HasSubstr("cannot go together"));
  EXPECT_THAT(refusal({"--info", "--top-k", "3"}),
              HasSubstr("--top-k does not go with --info"));
  EXPECT_THAT(refusal({"--score", "x", "-n", "3"}), HasSubstr("-n"));
  EXPECT_THAT(refusal({"--prompt", "x", "--json"}), HasSubstr("--json"));
  EXPECT_THAT(refusal({"--score", "x", "--stride", "3"}),
              HasSubstr("--protocol=stride"));
  EXPECT_THAT(refusal({"--score"}), HasSubstr("--score"));
  EXPECT_THAT(refusal({"--score", "x", "--protocol", "y"}),
              HasSubstr("--protocol"));
  EXPECT_THAT(refusal({"--score", "x", "--device", "tpu"}),
              HasSubstr("--device"));
  EXPECT_THAT(refusal({"--nonsense"}), HasSubstr("--nonsense"));
  EXPECT_THAT(refusal({"--info", "extra"}), HasSubstr("extra"));
  EXPECT_THAT(refusal({"--tokens", "1"}), HasSubstr("--logits"));
  EXPECT_THAT(refusal({"--tokens", "1,x", "-n", "1"}), HasSubstr("'x'"));
  EXPECT_THAT(refusal({"--tokens", "1,", "-n", "1"}), HasSubstr("''"));
  EXPECT_EQ(refusal({"--tokens", "", "-n", "1"}),
            "--tokens: its value is empty");
  EXPECT_EQ(refusal({"--score=", "--json"}), "--score: its value is empty");
  EXPECT_THAT(refusal({"--tokens", "99999999999999999999", "-n", "1"}),
              HasSubstr("--tokens"));
  EXPECT_THAT(refusal({"--tokens", "1", "--logits", ""}),
              HasSubstr("--logits"));
  EXPECT_THAT(refusal({"--prompt", "x", "-n", "0"}), HasSubstr("-n"));
  EXPECT_THAT(refusal({"--prompt", "x", "-n", "many"}), HasSubstr("-n"));
  EXPECT_THAT(refusal({"--prompt", "x", "--temperature", "-1"}),
              HasSubstr("--temperature"));
  EXPECT_THAT(refusal({"--prompt", "x", "--temperature", "nan"}),
              HasSubstr("--temperature"));
  EXPECT_THAT(refusal({"--prompt", "x", "--top-p", "0"}), HasSubstr("--top-p"));
  EXPECT_THAT(refusal({"--prompt", "x", "--top-k", "-1"}),
              HasSubstr("--top-k"));
  EXPECT_THAT(refusal({"--prompt", "x", "--context", "0"}),
              HasSubstr("--context"));
  EXPECT_THAT(refusal({"--bench", "-r", "0"}), HasSubstr("-r"));
  EXPECT_THAT(refusal({"--bench", "--threads", "0"}), HasSubstr("--threads"));
  EXPECT_THAT(refusal({"--bench", "--threads", "1025"}), HasSubstr("1024"));
  EXPECT_THAT(refusal({"--prompt", "x", "--device=cpu", "--force-ptx"}),
              HasSubstr("--force-ptx"));
}

TEST(Options, HelpWinsOverAll) {
  EXPECT_EQ(parse({"--help", "--info"}).mode, Mode::Help);
  EXPECT_EQ(parse({"-h"}).mode, Mode::Help);
  EXPECT_EQ(parse({"--version"}).mode, Mode::Version);
  EXPECT_THAT(parse({"--help"}).helpText, HasSubstr("Modes"));
}

} // namespace
} // namespace qzc::runtime
