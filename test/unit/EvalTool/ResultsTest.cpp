//===- ResultsTest.cpp - JSON of executables ------------------------------===//

#include "FakeResults.h"
#include "qzc/Support/Error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace qzc::evaltool {
namespace {

using testing::HasSubstr;

template <typename Work> std::string refusal(Work work) {
  try {
    work();
  } catch (const Error &error) {
    return error.what();
  }
  return "accepted";
}

Scoring asked() {
  Scoring scoring;
  scoring.textSha256 = kTextSha256;
  return scoring;
}

TEST(Results, FactsAreRead) {
  Facts facts = readFacts(fakeInfo("--quantize=nf4 --blocks=0:12", 64));
  EXPECT_EQ(facts.model, "tiny");
  EXPECT_EQ(facts.selection, "--quantize=nf4 --blocks=0:12");
  EXPECT_EQ(facts.scheme, "nf4/64 + bf16");
  EXPECT_EQ(facts.positions, 64);
  EXPECT_EQ(facts.bos, 1);
  EXPECT_EQ(facts.fileBytes, 123456789U);
  EXPECT_EQ(facts.importedBytes, 269060552U);
  EXPECT_EQ(facts.storedBytes, 116400000U);
  Json info = fakeInfo();
  info["model"].erase("bos");
  EXPECT_FALSE(readFacts(info).bos);
}

TEST(Results, SpeedIsRead) {
  Speed speed = readSpeed(fakeBench());
  ASSERT_TRUE(speed.prefill && speed.decode);
  EXPECT_EQ(speed.prefill->mean, 729.04);
  EXPECT_EQ(speed.prefill->deviation, 3.16);
  EXPECT_EQ(speed.decode->mean, 93.25);
  EXPECT_EQ(speed.loadSeconds, 0.1234);
  EXPECT_EQ(speed.peakRssMb, 512.34);
  EXPECT_EQ(speed.gpuMb, 0);
  EXPECT_EQ(speed.device, "CPU (fake, 2 threads)");
  // -p 0.
  Json bench = fakeBench();
  bench.erase("prefill_tok_s");
  bench.erase("prefill_tok_s_sd");
  EXPECT_FALSE(readSpeed(bench).prefill);
}

TEST(Results, PerplexityIsRead) {
  Perplexity perplexity = readPerplexity(fakeScore(), asked());
  EXPECT_EQ(perplexity.value, 17.12345);
  EXPECT_EQ(perplexity.error, 0.0567);
  EXPECT_EQ(perplexity.tokensScored, 65472);
  EXPECT_FALSE(perplexity.meanOfLines);
}

TEST(Results, WhatIsMissingIsNamed) {
  auto factsWithout = [](const char *key) {
    Json info = fakeInfo();
    info.erase(key);
    return refusal([&] { readFacts(info); });
  };
  EXPECT_EQ(factsWithout("file_bytes"),
            "it has no integer 'file_bytes'; was it made by another version of "
            "qzc?");
  for (const char *key : {"model", "selection", "stored_as", "memory"})
    EXPECT_THAT(factsWithout(key), HasSubstr(key));
  Json bench = fakeBench();
  bench["decode_tok_s_sd"] = "fast";
  EXPECT_THAT(refusal([&] { readSpeed(bench); }),
              HasSubstr("no number 'decode_tok_s_sd'"));
  Json info = fakeInfo();
  info["file_bytes"] = -1;
  EXPECT_THAT(refusal([&] { readFacts(info); }),
              HasSubstr("no size 'file_bytes'"));
  info = fakeInfo("", 0);
  EXPECT_THAT(refusal([&] { readFacts(info); }), HasSubstr("no positions"));
  EXPECT_THAT(refusal([&] { readFacts(Json::array()); }),
              HasSubstr("not a JSON object"));
  Json score = fakeScore();
  score["perplexity"] = nullptr; // as JSON writes a NaN
  EXPECT_THAT(refusal([&] { readPerplexity(score, asked()); }),
              HasSubstr("no number 'perplexity'"));
}

TEST(Results, OtherTextsAndProtocolsAreRefused) {
  auto scoredWith = [](const char *key, const Json &value) {
    Json score = fakeScore();
    score[key] = value;
    return refusal([&] { readPerplexity(score, asked()); });
  };
  EXPECT_THAT(scoredWith("text_sha256", "00"),
              HasSubstr("a text with SHA-256 00 where a23e"));
  EXPECT_THAT(scoredWith("protocol", "lines"),
              HasSubstr("by protocol lines where windows was asked for"));
  EXPECT_THAT(scoredWith("context", 512),
              HasSubstr("with a context of 512 where 1024"));
  EXPECT_THAT(scoredWith("bos", "first"), HasSubstr("with BOS first"));
  Scoring stride = asked();
  stride.protocol.protocol = evaluate::Protocol::Stride;
  stride.protocol.stride = 256;
  Json score = fakeScore();
  score["protocol"] = "stride";
  score["stride"] = 512;
  EXPECT_THAT(refusal([&] { readPerplexity(score, stride); }),
              HasSubstr("with a stride of 512 where 256"));
  // llama.cpp's protocol puts BOS where the tokenizer does.
  Scoring llamaCpp = asked();
  llamaCpp.protocol.protocol = evaluate::Protocol::LlamaCpp;
  score = fakeScore();
  score["protocol"] = "llama.cpp";
  score["bos"] = "window";
  EXPECT_EQ(readPerplexity(score, llamaCpp).value, 17.12345);
}

TEST(Results, LinesHaveASecondMean) {
  Scoring lines = asked();
  lines.protocol.protocol = evaluate::Protocol::Lines;
  Json score = fakeScore();
  score["protocol"] = "lines";
  EXPECT_THAT(refusal([&] { readPerplexity(score, lines); }),
              HasSubstr("mean_line_perplexity"));
  score["mean_line_perplexity"] = 21.5;
  EXPECT_EQ(readPerplexity(score, lines).meanOfLines, 21.5);
}

} // namespace
} // namespace qzc::evaltool
