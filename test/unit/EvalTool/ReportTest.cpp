//===- ReportTest.cpp - The table and the JSON ----------------------------===//

#include "Report.h"
#include "FakeResults.h"

#include <cmath>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace qzc::evaltool {
namespace {

using testing::HasSubstr;
using testing::Not;

Measured measured(const std::string &file) {
  Measured image;
  image.file = file;
  image.info = fakeInfo();
  image.bench = fakeBench();
  image.facts = readFacts(image.info);
  image.speed = readSpeed(image.bench);
  return image;
}

Conditions conditions() {
  Conditions conditions;
  conditions.promptTokens = 512;
  conditions.count = 128;
  conditions.repetitions = 5;
  conditions.device = "cpu";
  conditions.threads = 2;
  return conditions;
}

Scoring scoring() {
  Scoring scoring;
  scoring.text = "data/text.txt";
  scoring.textBytes = 10;
  scoring.textSha256 = kTextSha256;
  return scoring;
}

TEST(Report, TableWithoutText) {
  EXPECT_EQ(
      formatTable({measured("out/a.bin")}, conditions()),
      "| executable | model | selection | scheme | file MB | weights MB before "
      "| weights MB | peak RSS MB | GPU MB | load s | prefill tok/s | decode "
      "tok/s |\n"
      "| --- | --- | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | "
      "---: | ---: |\n"
      "| a.bin | tiny | `--quantize=nf4` | nf4/64 + bf16 | 123.5 | 269.1 | "
      "116.4 | 512.3 | – | 0.12 | 729.0 ± 3.2 | 93.2 ± 0.5 |\n"
      "\n"
      "Speed: mean ± standard deviation of 5 runs, prefill of 512 tokens, "
      "decoding of 128; memory is that of these runs. Device: CPU (fake, 2 "
      "threads).\n");
}

TEST(Report, TableWithPerplexity) {
  Conditions with = conditions();
  with.scoring = scoring();
  Measured a = measured("a.bin");
  a.perplexity = Perplexity{17.12345, 0.0567, std::nullopt, 65472};
  Measured b = measured("b.bin");
  std::string table = formatTable({a, b}, with);
  EXPECT_THAT(table, HasSubstr("| decode tok/s | perplexity |\n"));
  EXPECT_THAT(table, HasSubstr("| 93.2 ± 0.5 | 17.123 ± 0.057 |\n"));
  EXPECT_THAT(table, HasSubstr("| 93.2 ± 0.5 | – |\n"));
  EXPECT_THAT(table, HasSubstr("\nPerplexity ± standard error: text.txt "
                               "(SHA-256 a23e5fdc"));
  EXPECT_THAT(table, HasSubstr("), protocol windows, context 1024, BOS none, "
                               "65472 tokens scored.\n"));
  b.perplexity = Perplexity{20, 1, std::nullopt, 60000, {0.98765, 0.00123}};
  const std::string several = formatTable({a, b}, with);
  EXPECT_THAT(several,
              HasSubstr("tokens scored: a.bin 65472, b.bin 60000; their "
                        "tokenizers differ"));
  EXPECT_THAT(several, HasSubstr("| perplexity | bits a byte |"));
  EXPECT_THAT(several, HasSubstr("| 0.9877 ± 0.0012 |"));
}

TEST(Report, StatesEveryProtocol) {
  Conditions with = conditions();
  with.scoring = scoring();
  evaluate::ProtocolOptions &protocol = with.scoring->protocol;
  protocol.protocol = evaluate::Protocol::Stride;
  protocol.stride = 256;
  protocol.maxWindows = 9;
  Measured image = measured("a.bin");
  EXPECT_THAT(formatTable({image}, with),
              HasSubstr("stride 256, at most 9 windows, BOS none, nothing "
                        "scored."));
  protocol.protocol = evaluate::Protocol::LlamaCpp;
  EXPECT_THAT(formatTable({image}, with),
              HasSubstr("BOS as the model's tokenizer adds it"));
  protocol.protocol = evaluate::Protocol::Lines;
  image.perplexity = Perplexity{17, 1, 21.5, 100};
  EXPECT_THAT(formatTable({image, measured("b.bin")}, with),
              testing::AllOf(HasSubstr("| perplexity | mean of lines |\n"),
                             HasSubstr("| 17.000 ± 1.000 | 21.500 |\n"),
                             HasSubstr("| – | – |\n")));
}

TEST(Report, ComparisonWithABase) {
  Conditions with = conditions();
  with.scoring = scoring();
  with.scoring->base = "out/none.bin";
  Measured base = measured("out/none.bin");
  base.perplexity = Perplexity{17, 1, std::nullopt, 2};
  Measured image = measured("a.bin");
  image.perplexity = base.perplexity;
  evaluate::ComparisonSum sum;
  sum.add({std::log(17.0), std::log(16.0), 0.5, -0.25, true});
  sum.add({std::log(17.0), std::log(16.0), 0.5, 0.25, false});
  image.comparison = sum.result();
  std::string table = formatTable({base, image}, with);
  EXPECT_THAT(table, HasSubstr("| perplexity | Δ perplexity | KL divergence | "
                               "same top % | RMS Δp % |\n"));
  EXPECT_THAT(table, HasSubstr("| 17.000 ± 1.000 | – | – | – | – |\n"));
  EXPECT_THAT(table, HasSubstr("| 17.000 ± 1.000 | 1.000 ± 0.000 | 0.50000 ± "
                               "0.00000 | 50.00 ± 50.00 | 25.00 ± 0.00 |\n"));
  EXPECT_THAT(table, HasSubstr("\nCompared with none.bin, token by token"));
  Json json = Json::parse(formatJson({base, image}, with));
  EXPECT_EQ(json["conditions"]["base"], "out/none.bin");
  EXPECT_FALSE(json["executables"][0].contains("comparison"));
  const Json &figures = json["executables"][1]["comparison"];
  EXPECT_EQ(figures["tokens"], 2);
  EXPECT_NEAR(figures["perplexity_ratio"].get<double>(), 17.0 / 16, 1e-12);
  EXPECT_EQ(figures["kl_divergence"], 0.5);
  EXPECT_EQ(figures["same_top"], 0.5);
  EXPECT_EQ(figures["kl_quantiles"].size(), 13U);
}

TEST(Report, GapsGpuMemoryAndNames) {
  Measured failed = measured("x/a|b.bin");
  failed.speed.reset();
  Measured gpu = measured("y/c.bin");
  gpu.speed->gpuMb = 5.5;
  std::string table = formatTable({failed, gpu}, conditions());
  EXPECT_THAT(table, HasSubstr("| a\\|b.bin |"));
  EXPECT_THAT(table, HasSubstr("| 116.4 | – | – | – | – | – |\n"));
  EXPECT_THAT(table, HasSubstr("| 512.3 | 5.500 | 0.12 |"));
  // Equal names are told apart by their folders.
  table = formatTable({measured("x/a.bin"), measured("y/a.bin")}, conditions());
  EXPECT_THAT(table, HasSubstr("| x/a.bin |"));
  EXPECT_THAT(table, HasSubstr("| y/a.bin |"));
}

TEST(Report, Json) {
  Conditions with = conditions();
  with.scoring = scoring();
  Measured image = measured("out/a.bin");
  image.score = fakeScore();
  Measured failed = measured("out/\xff.bin");
  failed.bench = nullptr;
  failed.error = "it broke";
  std::string text = formatJson({image, failed}, with);
  EXPECT_EQ(text, formatJson({image, failed}, with));
  Json json = Json::parse(text);
  const Json &stated = json["conditions"];
  EXPECT_EQ(stated["device"], "cpu");
  EXPECT_EQ(stated["devices_used"], Json::array({"CPU (fake, 2 threads)"}));
  EXPECT_EQ(stated["threads"], 2);
  EXPECT_EQ(stated["prefill_tokens"], 512);
  EXPECT_EQ(stated["decode_tokens"], 128);
  EXPECT_EQ(stated["repetitions"], 5);
  EXPECT_EQ(stated["text"], "data/text.txt");
  EXPECT_EQ(stated["text_bytes"], 10);
  EXPECT_EQ(stated["text_sha256"], kTextSha256);
  EXPECT_EQ(stated["protocol"], "windows");
  EXPECT_EQ(stated["context"], 1024);
  EXPECT_EQ(stated["bos"], "none");
  EXPECT_FALSE(stated.contains("stride"));
  ASSERT_EQ(json["executables"].size(), 2U);
  const Json &first = json["executables"][0];
  EXPECT_EQ(first["file"], "out/a.bin");
  Json info = fakeInfo();
  info.erase("tensors");
  EXPECT_EQ(first["info"], info);
  EXPECT_EQ(first["bench"], fakeBench());
  EXPECT_EQ(first["score"], fakeScore());
  EXPECT_FALSE(first.contains("error"));
  const Json &second = json["executables"][1];
  EXPECT_FALSE(second.contains("bench"));
  EXPECT_EQ(second["error"], "it broke");
}

} // namespace
} // namespace qzc::evaltool
