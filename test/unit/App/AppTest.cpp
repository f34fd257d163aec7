//===- AppTest.cpp - Each mode on a fake model ----------------------------===//

#include "AppTest.h"
#include "qzc/Evaluate/LogitsFile.h"
#include "qzc/Evaluate/Softmax.h"

#include <cstring>
#include <fcntl.h>

namespace qzc::runtime {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

TEST_F(AppTest, ContinuesTokens) {
  Outcome outcome =
      call({"--device=cpu", "--tokens", "3,5", "-n", "4", "--ignore-eos"});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_EQ(outcome.out, "[16,49,148,25]\n");
  EXPECT_EQ(
      call({"--device=cpu", "--tokens", "5", "-n", "4", "--stepwise"}).out,
      "[16,49,148,25]\n");
}

TEST_F(AppTest, StopsAtEndOfText) {
  // 2 is followed by 7.
  EXPECT_EQ(call({"--device=cpu", "--tokens", "2", "-n", "9"}).out, "[7]\n");
  EXPECT_EQ(
      call({"--device=cpu", "--tokens", "2", "-n", "2", "--ignore-eos"}).out,
      "[7,22]\n");
}

TEST_F(AppTest, WritesLogits) {
  for (const char *way : {"--device=cpu", "--stepwise"}) {
    std::string path = Folder + "/out.npy";
    Outcome outcome = call({way, "--tokens", "3,5,7", "--logits", path});
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    EXPECT_EQ(outcome.out, "");
    std::ifstream file(path, std::ios::binary);
    std::string bytes(std::istreambuf_iterator<char>(file), {});
    EXPECT_NE(bytes.find("(3, 420"), bytes.npos);
    std::vector<float> values(3 * 420);
    ASSERT_GT(bytes.size(), values.size() * 4);
    std::memcpy(values.data(), bytes.data() + bytes.size() - values.size() * 4,
                values.size() * 4);
    EXPECT_EQ(values[10], 8);
    EXPECT_EQ(values[420 + 16], 8);
    EXPECT_EQ(values[840 + 22], 8);
  }
}

TEST_F(AppTest, GeneratesText) {
  Outcome outcome = call(
      {"--device=cpu", "--prompt", "Hello", "-n", "6", "--temperature", "0"});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_GT(outcome.out.size(), 1u);
  EXPECT_EQ(outcome.out.back(), '\n');
  EXPECT_THAT(outcome.err, HasSubstr("6 tokens after"));
  std::string file = write("prompt.txt", "Hello");
  EXPECT_EQ(call({"--device=cpu", "--prompt-file", file, "-n", "6",
                  "--temperature", "0"})
                .out,
            outcome.out);
}

TEST_F(AppTest, DrawsTheSameOnTheSameSeed) {
  auto drawn = [&](const char *seed) {
    return call({"--device=cpu", "--prompt", "a", "-n", "20", "--temperature",
                 "9", "--top-k", "0", "--top-p", "1", "--ignore-eos", "--seed",
                 seed})
        .out;
  };
  EXPECT_EQ(drawn("1"), drawn("1"));
  EXPECT_NE(drawn("1"), drawn("2"));
}

TEST_F(AppTest, AllTokensButTheLastGoOn) {
  const auto aheads = [&](std::vector<std::string> arguments) {
    Aheads.clear();
    arguments.insert(arguments.begin(), {"--device=cpu", "--ignore-eos"});
    EXPECT_EQ(call(arguments).code, 0);
    return Aheads;
  };
  // The prompt gives the first token.
  for (const char *temperature : {"0", "0.8"}) {
    const auto ofPrompt = [&](const char *count) {
      return aheads(
          {"--prompt", "Hello", "-n", count, "--temperature", temperature});
    };
    EXPECT_THAT(ofPrompt("1"), testing::ElementsAre());
    EXPECT_THAT(ofPrompt("2"), testing::ElementsAre(false));
    EXPECT_THAT(ofPrompt("4"), testing::ElementsAre(true, true, false));
  }
  EXPECT_THAT(aheads({"--tokens", "3", "-n", "4"}),
              testing::ElementsAre(true, true, false));
  EXPECT_THAT(
      aheads({"--prompt", "Hello", "-n", "4", "--repetition-penalty", "1.1"}),
      testing::ElementsAre());
}

TEST_F(AppTest, StopsBeforeAText) {
  const std::vector<std::string> arguments = {
      "--device=cpu", "--prompt", "Hello", "-n", "12", "--temperature", "0"};
  std::string whole = call(arguments).out;
  whole.pop_back();
  ASSERT_GT(whole.size(), 6u);
  auto with = arguments;
  with.insert(with.end(),
              {"--stop", "no such text", "--stop", whole.substr(4, 2)});
  EXPECT_EQ(call(with).out,
            whole.substr(0, whole.find(whole.substr(4, 2))) + "\n");
}

TEST_F(AppTest, PenalizesWhatThePromptHas) {
  // After "!", token 1, comes token 4, which is "$".
  auto next = [&](const char *prompt) {
    return call({"--device=cpu", "--prompt", prompt, "-n", "1",
                 "--temperature=0", "--repetition-penalty=3"})
        .out;
  };
  EXPECT_EQ(next("!"), "$\n");
  EXPECT_EQ(next("$!"), "%\n");
}

TEST_F(AppTest, StartsAnEmptyPromptFromBos) {
  EXPECT_EQ(call({"--device=cpu", "--prompt", "", "-n", "1"}).code, 0);
  Model.Facts.model.bos.reset();
  fails({"--device=cpu", "--prompt", "", "-n", "1"}, 1, "prompt is empty");
}

TEST_F(AppTest, Tokenizes) {
  std::string path = write("text.txt", "the dog");
  auto ids = nlohmann::json::parse(call({"--tokenize", path}).out);
  EXPECT_TRUE(ids.is_array());
  EXPECT_GT(ids.size(), 0u);
  fails({"--tokenize", write("bad.txt", "ab\xFF")}, 1, "not UTF-8 at byte 2");
  fails({"--tokenize", Folder + "/none"}, 1, Folder + "/none");
}

TEST_F(AppTest, ScoresByLogits) {
  std::string text =
      write("text.txt", "the quick brown fox jumps over the lazy dog, and it");
  std::string path = Folder + "/rows.npy";
  std::vector<std::string> arguments = {"--device=cpu", "--score", text,
                                        "--context",    "5",       "--json"};
  auto whole = nlohmann::json::parse(call(arguments).out);
  arguments.insert(arguments.end(), {"--logits", path});
  Outcome outcome = call(arguments);
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  auto json = nlohmann::json::parse(outcome.out);
  EXPECT_FALSE(json.contains("seconds"));
  EXPECT_EQ(json["tokens_scored"], whole["tokens_scored"]);
  std::ifstream file(path, std::ios::binary);
  std::string bytes(std::istreambuf_iterator<char>(file), {});
  const auto rows = json["tokens_scored"].get<int64_t>();
  const size_t record = 4 + 420 * 4;
  const size_t head = bytes.size() - static_cast<size_t>(rows) * record;
  EXPECT_EQ(evaluate::logitsHead({rows, 420}), bytes.substr(0, head));
  double sum = 0;
  for (int64_t i = 0; i < rows; ++i) {
    const char *at = bytes.data() + head + static_cast<size_t>(i) * record;
    int32_t target = 0;
    std::memcpy(&target, at, sizeof target);
    std::vector<float> row(420);
    std::memcpy(row.data(), at + 4, 420 * sizeof(float));
    sum +=
        evaluate::logSumExp(row.data(), 420) - row[static_cast<size_t>(target)];
  }
  EXPECT_NEAR(json["mean_nll"].get<double>(), sum / static_cast<double>(rows),
              1e-6);
}

TEST_F(AppTest, ScoresAsJson) {
  std::string path =
      write("text.txt", "the quick brown fox jumps over the lazy dog, and it");
  Outcome outcome = call({"--device=cpu", "--score", path, "--context", "8",
                          "--max-windows", "2", "--json"});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  auto json = nlohmann::json::parse(outcome.out);
  EXPECT_EQ(json["protocol"], "windows");
  EXPECT_EQ(json["context"], 8);
  EXPECT_EQ(json["windows"], 2);
  EXPECT_EQ(json["tokens_scored"], 14);
  EXPECT_EQ(json["bos"], "none");
  EXPECT_EQ(json["device"], "CPU (fake)");
  EXPECT_NEAR(json["perplexity"], std::exp(json["mean_nll"].get<double>()),
              1e-9);
  EXPECT_EQ(json["text_sha256"].get<std::string>().size(), 64u);
  EXPECT_EQ(json["weights_bytes"], 256);
  EXPECT_TRUE(json.contains("perplexity_error"));
  EXPECT_GT(json["tokens_per_second"], 0);

  outcome = call({"--device=cpu", "--score", path, "--context", "8",
                  "--protocol=stride", "--stride", "2"});
  EXPECT_THAT(outcome.out, HasSubstr("stride 2"));
  outcome = call({"--device=cpu", "--score", path, "--protocol=lines",
                  "--bos=window", "--json"});
  EXPECT_EQ(nlohmann::json::parse(outcome.out)["windows"], 1);
  fails({"--device=cpu", "--score", write("short.txt", "a")}, 1, "too short");
  fails({"--device=cpu", "--score", write("empty.txt", "")}, 1, "too short");
}

TEST_F(AppTest, ScoresInHalvesWhereMemoryHasNoRoom) {
  const std::string path =
      write("text.txt", "the quick brown fox jumps over the lazy dog, and it");
  const std::vector<std::string> arguments = {
      "--device=cpu", "--score", path, "--context", "4", "--json"};
  failFrom(Shortage::Memory, SIZE_MAX);
  const auto whole = nlohmann::json::parse(call(arguments).out);
  const size_t windows = Tried.at(0);
  ASSERT_GE(windows, 3u);
  failFrom(Shortage::Memory, windows - 1);
  const auto halved = nlohmann::json::parse(call(arguments).out);
  EXPECT_EQ(halved["perplexity"], whole["perplexity"]);
  EXPECT_THAT(
      Tried, testing::ElementsAre(windows, windows / 2, windows - windows / 2));
  failFrom(Shortage::Memory, 0);
  fails(arguments, 1, "it does not fit");
  EXPECT_EQ(Tried.back(), 1u);
  // Fewer side by side would not help.
  for (const Shortage shortage : {Shortage::Range, Shortage::Context}) {
    failFrom(shortage, windows - 1);
    fails(arguments, 1, "it does not fit");
    EXPECT_THAT(Tried, testing::ElementsAre(windows));
  }
}

TEST_F(AppTest, SaysWhatWouldBeScored) {
  std::string path =
      write("text.txt", "the quick brown fox jumps over the lazy dog, and it");
  auto ids = nlohmann::json::parse(call({"--tokenize", path}).out);
  Outcome outcome =
      call({"--score", path, "--plan", "--context", "6", "--protocol=stride",
            "--stride", "4", "--max-windows", "2", "--bos=first"});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.err, ""); // no device is chosen
  auto plan = nlohmann::json::parse(outcome.out);
  ids.insert(ids.begin(), 0);
  const auto &windows = plan["windows"];
  ASSERT_EQ(windows.size(), 2u);
  EXPECT_EQ(windows[0]["scored"], 5);
  EXPECT_EQ(windows[1]["scored"], 4);
  EXPECT_EQ(plan["tokens_scored"], 9);
  for (size_t i = 0; i < 6; ++i) {
    EXPECT_EQ(windows[0]["tokens"].at(i), ids.at(i));
    EXPECT_EQ(windows[1]["tokens"].at(i), ids.at(4 + i));
  }
  fails({"--score", path, "--plan", "--logits", Folder + "/x"}, 2, "--plan");
}

TEST_F(AppTest, BenchReportsSpeedAndMemory) {
  Outcome outcome = call({"--device=cpu", "--bench", "-p", "16", "-n", "4",
                          "-r", "2", "--threads", "3", "--json"});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  auto json = nlohmann::json::parse(outcome.out);
  EXPECT_EQ(json["prefill_tokens"], 16);
  EXPECT_EQ(json["decode_tokens"], 4);
  EXPECT_GT(json["prefill_tok_s"], 0);
  EXPECT_GT(json["decode_tok_s"], 0);
  EXPECT_EQ(json["gpu_mb"], 1.0);
  EXPECT_EQ(json["weights_mb"], 2.0);
  EXPECT_EQ(json["threads"], 3);
  EXPECT_EQ(LoadThreads, 3);
  EXPECT_EQ(json["prefill_tok_s_runs"].size(), 2u);
  EXPECT_EQ(json["decode_tok_s_runs"].size(), 2u);
  EXPECT_GT(json["rss_peak_mb"], 0);
  EXPECT_GE(json["load_seconds"], 0);
  EXPECT_EQ(json["prefill_test"], "pp16");
  EXPECT_EQ(json["decode_test"], "tg4");
  EXPECT_NEAR(json["first_token_ms"].get<double>(),
              1000 * json["prefill_seconds"].get<double>(), 1e-9);
  EXPECT_NEAR(json["step_ms"].get<double>(),
              1000 * json["decode_seconds"].get<double>() / 4, 1e-9);
  EXPECT_NEAR(json["sample_seconds"].get<double>(),
              json["prefill_seconds"].get<double>() +
                  json["decode_seconds"].get<double>(),
              1e-12);
  const auto &times = json["token_ms"];
  EXPECT_LE(times["p50"], times["p90"]);
  EXPECT_LE(times["p99"], times["max"]);
  EXPECT_EQ(json["stream_gb_s"], 2.0);
  EXPECT_DOUBLE_EQ(json["prefill_joules_per_token"], FakeEngine::kJoules);
  EXPECT_DOUBLE_EQ(json["decode_joules_per_token"], FakeEngine::kJoules);
  EXPECT_EQ(call({"--device=cpu", "--bench"}).code, 0); // clipped to 64
  fails({"--device=cpu", "--bench", "-p", "65"}, 1, "65");
}

// Runs are shorter than a step of the meter, which was 0 J then.
TEST_F(AppTest, BenchWaitsForASlowMeter) {
  Outcome outcome =
      call({"--device=cuda", "--bench", "-p", "16", "-n", "4", "--json"});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  auto json = nlohmann::json::parse(outcome.out);
  EXPECT_GT(json["prefill_joules_per_token"], 0);
  EXPECT_GT(json["decode_joules_per_token"], 0);
  // Those that go on are not among those that are timed.
  EXPECT_EQ(json["decode_tok_s_runs"].size(), 5u);
}

TEST_F(AppTest, BenchTimesWhatFollowsADepth) {
  const std::vector<std::string> arguments = {
      "--device=cpu", "--bench", "-p", "16", "-n", "4", "-r", "2", "-d", "40"};
  std::vector<std::string> asJson = arguments;
  asJson.push_back("--json");
  auto json = nlohmann::json::parse(call(asJson).out);
  EXPECT_EQ(json["depth"], 40);
  EXPECT_EQ(json["prefill_test"], "pp16 @ d40");
  // The depth once, three prompts, three times four tokens, four one by one.
  const std::vector<int64_t> want = {40, 16, 16, 16, 4, 4, 4, 1, 1, 1, 1};
  EXPECT_EQ(Runs, want);
  EXPECT_THAT(call(arguments).out, HasSubstr("tg4 @ d40"));
  // What is left open is clipped to what the depth leaves.
  EXPECT_EQ(call({"--device=cpu", "--bench", "-d", "60", "-r", "1"}).code, 0);
  fails({"--device=cpu", "--bench", "-d", "60", "-p", "5"}, 1, "65");
  fails({"--device=cpu", "--bench", "-d", "64"}, 1, "context of 64");
}

TEST_F(AppTest, BenchTimesSeveralSequencesAtOnce) {
  const std::vector<std::string> arguments = {
      "--device=cpu", "--bench", "-p", "16", "-n", "4", "-r", "1", "-b", "3"};
  std::vector<std::string> asJson = arguments;
  asJson.push_back("--json");
  auto json = nlohmann::json::parse(call(asJson).out);
  EXPECT_EQ(json["batch"], 3);
  EXPECT_EQ(json["prefill_test"], "pp16 b3");
  EXPECT_EQ(json["prefill_tokens"], 48);
  EXPECT_EQ(json["decode_tokens"], 12);
  // Two prompts, two times four tokens, four one by one; each of the three.
  const std::vector<int64_t> want = {16, 16, 16, 16, 16, 16, 4, 4, 4, 4, 4, 4,
                                     1,  1,  1,  1,  1,  1,  1, 1, 1, 1, 1, 1};
  EXPECT_EQ(Runs, want);
  EXPECT_THAT(call(arguments).out, HasSubstr("tg4 b3"));
}

TEST_F(AppTest, SaysWhatIsInside) {
  EXPECT_THAT(call({"--info"}).out, HasSubstr("sm_90a, compute_80 (PTX)"));
  auto json = nlohmann::json::parse(call({"--info", "--json"}).out);
  EXPECT_EQ(json["model"]["name"], "fake");
  EXPECT_EQ(json["gpu_code"][0], "sm_90a");
  EXPECT_EQ(json["stored_as"][0]["storage"], "f32");
  EXPECT_EQ(json["stored_as"][0]["bytes"], 24);
  EXPECT_EQ(json["memory"]["imported"]["packed_bytes"], 24);
  EXPECT_EQ(json["memory"]["stored"]["hf_footprint_bytes"], 24);
  EXPECT_FALSE(FullCheck);
  EXPECT_THAT(call({"--verify"}).out, StartsWith("verified"));
  EXPECT_TRUE(FullCheck);
}

TEST_F(AppTest, VerifiesInEveryMode) {
  for (const std::vector<std::string> &mode :
       {std::vector<std::string>{"--info"},
        {"--extract", Folder + "/out.safetensors"},
        {"--device=cpu", "--tokens", "5", "-n", "1"},
        {"--device=cpu", "--bench"}}) {
    std::vector<std::string> verifying = mode;
    verifying.push_back("--verify");
    Outcome outcome = call(mode);
    ASSERT_EQ(outcome.code, 0) << outcome.err;
    EXPECT_FALSE(FullCheck);
    outcome = call(verifying);
    ASSERT_EQ(outcome.code, 0) << outcome.err;
    EXPECT_TRUE(FullCheck);
    EXPECT_THAT(outcome.out, Not(StartsWith("verified")));
  }
}

TEST_F(AppTest, Extracts) {
  std::string path = Folder + "/out.safetensors";
  EXPECT_EQ(call({"--extract", path}).code, 0);
  EXPECT_TRUE(std::filesystem::exists(path));
  fails({"--extract", Folder + "/no/such/out"}, 1, "/no/such/out");
}

TEST_F(AppTest, ChoosesTheDevice) {
  Outcome outcome = call({"--tokens", "5", "-n", "1"});
  EXPECT_THAT(outcome.err, HasSubstr("--device=auto took CPU (fake)"));
  fails({"--tokens", "5", "-n", "1", "--force-ptx"}, 1, "--force-ptx");
  GpuPresent = true;
  EXPECT_THAT(call({"--tokens", "5", "-n", "1"}).err, HasSubstr("GPU (fake)"));
  // A GPU that cannot be used is no reason to go on without it.
  GpuError = "the driver is too old";
  fails({"--tokens", "5", "-n", "1"}, 1, "too old");
  GpuPresent = false;
  fails({"--tokens", "5", "-n", "1", "--device=cuda"}, 1, "too old");
}

TEST_F(AppTest, RunsOnTheCpuWithoutGpuCode) {
  Model.Code.clear();
  GpuPresent = true;
  EXPECT_THAT(call({"--tokens", "5", "-n", "1"}).err,
              HasSubstr("took CPU (fake): this executable holds no GPU code"));
  // The engine refuses what was asked for by name.
  GpuError = "this image holds no GPU code";
  fails({"--tokens", "5", "-n", "1", "--device=cuda"}, 1, "no GPU code");
  fails({"--tokens", "5", "-n", "1", "--force-ptx"}, 1, "no GPU code");
}

TEST_F(AppTest, TellsNothingOfAlteredWeights) {
  Model.Altered = true;
  for (const std::vector<std::string> &arguments :
       std::vector<std::vector<std::string>>{
           {"--tokens", "3", "-n", "1"}, {"--bench"}, {"--info"}}) {
    const Outcome outcome = call(arguments);
    EXPECT_EQ(outcome.code, 1) << arguments[0];
    EXPECT_EQ(outcome.out, "") << arguments[0];
    EXPECT_THAT(outcome.err, HasSubstr("'model.bin' was altered"));
  }
}

TEST_F(AppTest, ChecksTokensAndContext) {
  fails({"--device=cpu", "--tokens", "5,420", "-n", "1"}, 1, "420");
  fails({"--device=cpu", "--tokens", "-1", "-n", "1"}, 2, "-1");
  fails({"--device=cpu", "--tokens", "5", "-n", "65"}, 1, "65");
  EXPECT_EQ(call({"--device=cpu", "--tokens", "5", "-n", "64"}).code, 0);
  fails({"--device=cpu", "--tokens", "5", "-n", "1", "--context", "65"}, 1,
        "a context of 65 is too long: the model has 64");
  fails({"--device=cpu", "--tokens", "5,6,7", "-n", "1", "--context", "2"}, 1,
        "context of 2");
  std::string words(200, '.');
  fails({"--device=cpu", "--prompt", words}, 1, "more than the context");
  fails({"--device=cpu", "--prompt", "a", "-n", "65"}, 1, "-n 64 would");
  fails({"--device=cpu", "--prompt", "\xFF"}, 1, "not UTF-8 at byte 0");
  fails({"--device=cpu", "--tokens", "1", "--logits", Folder + "/no/out.npy"},
        1, "/no/out.npy");
}

TEST_F(AppTest, NeedsATokenizerForText) {
  Model.Json.clear();
  fails({"--device=cpu", "--prompt", "a"}, 1, "tokenizer");
  EXPECT_EQ(call({"--device=cpu", "--tokens", "1", "-n", "1"}).code, 0);
}

TEST_F(AppTest, HelpAndVersionNeedNoImage) {
  Environment.openImage = [](bool, int) -> std::unique_ptr<Image> {
    throw Error("no payload");
  };
  Outcome outcome = call({"--help"});
  EXPECT_EQ(outcome.code, 0);
  for (const char *option :
       {"--prompt", "--chat", "--messages", "--score", "--bench", "--tokens",
        "--extract", "--tokenize", "--info", "--verify", "--device",
        "--kv-cache", "--force-ptx", "--bos", "--top-p", "--stepwise"})
    EXPECT_THAT(outcome.out, HasSubstr(option));
  EXPECT_THAT(call({"--version"}).out, StartsWith("qzc runtime "));
  fails({"--info"}, 1, "no payload");
}

TEST_F(AppTest, NoticesAFullDisk) {
  std::vector<const char *> argv = {"model.bin", "--info"};
  Environment.output = ::open("/dev/full", O_WRONLY);
  testing::internal::CaptureStderr();
  EXPECT_EQ(runApp(2, argv.data(), Environment), 1);
  EXPECT_THAT(testing::internal::GetCapturedStderr(),
              HasSubstr("No space left"));
  ::close(Environment.output);
}

} // namespace
} // namespace qzc::runtime
