//===- GoldenTest.cpp - Against transformers' renderings ------------------===//
//
// From test/golden/chat/make_chat.py.
//
//===----------------------------------------------------------------------===//

#include "qzc/Chat/Template.h"
#include "qzc/Support/Error.h"
#include "qzc/Support/Hash.h"

#include <fstream>
#include <gtest/gtest.h>
#include <iterator>
#include <optional>

namespace qzc::chat {
namespace {

using Json = nlohmann::ordered_json;

std::string readWhole(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file) << path;
  return {std::istreambuf_iterator<char>(file), {}};
}

Json readGolden(const std::string &name) {
  return Json::parse(readWhole(QZC_TEST_DATA "/golden/chat/" + name));
}

std::string hashOf(const std::string &text) {
  return toHex(sha256(text.data(), text.size()));
}

struct Rendering {
  std::optional<std::string> text;
  std::string error;
};

/// As the script has it: noon of 2024-07-26.
Rendering rendering(const std::string &source, const Json &messages,
                    bool prompt) {
  TemplateInputs inputs;
  inputs.specialTokens = {{"bos_token", "<s>"}, {"eos_token", "</s>"}};
  std::tm day{};
  day.tm_year = 124;
  day.tm_mon = 6;
  day.tm_mday = 26;
  day.tm_hour = 12;
  day.tm_isdst = -1;
  inputs.now = std::mktime(&day);
  inputs.addGenerationPrompt = prompt;
  try {
    return {render(source, Conversation::read(messages.dump(), "messages"),
                   inputs, {QZC_RENDERER}),
            ""};
  } catch (const Error &error) {
    return {std::nullopt, error.what()};
  }
}

/// Compares with a text, its hash, or what the template raised; returns whether
/// there was one of them (Python itself may have complained).
bool expectSame(const Json &expected, const Rendering &got,
                const std::string &name) {
  const std::string shown = got.text.value_or(got.error);
  if (expected.contains("text"))
    EXPECT_EQ(shown, expected["text"].get<std::string>()) << name;
  else if (expected.contains("sha256"))
    EXPECT_EQ(hashOf(shown).substr(0, 16),
              expected["sha256"].get<std::string>())
        << name << ": " << shown;
  else if (expected.contains("error"))
    EXPECT_EQ(shown,
              "the chat template says: " + expected["error"].get<std::string>())
        << name;
  else
    return false;
  return true;
}

TEST(Golden, Families) {
  const Json conversations = readGolden("conversations.json");
  int compared = 0;
  for (const Json &family : readGolden("families.json"))
    for (bool prompt : {true, false}) {
      const Json &results =
          family[prompt ? "results" : "results_without_prompt"];
      ASSERT_EQ(results.size(), family["conversations"].size());
      for (size_t i = 0; i < results.size(); ++i)
        compared += expectSame(
            results[i],
            rendering(family["template"].get<std::string>(),
                      conversations[family["conversations"][i].get<size_t>()],
                      prompt),
            family["name"].get<std::string>());
    }
  EXPECT_GT(compared, 200);
}

TEST(Golden, TemplatesThatLlamaCppIsTestedWith) {
  const Json conversations = readGolden("conversations.json");
  int compared = 0;
  for (const Json &entry : readGolden("stock.json")) {
    const auto name = entry["name"].get<std::string>();
    const std::string source = readWhole(QZC_JINJA "/models/templates/" + name);
    ASSERT_EQ(hashOf(source), entry["sha256"].get<std::string>()) << name;
    const Json &results = entry["results"];
    ASSERT_EQ(results.size(), conversations.size());
    for (size_t i = 0; i < results.size(); ++i)
      compared += expectSame(results[i],
                             rendering(source, conversations[i], true), name);
  }
  EXPECT_GT(compared, 400);
}

} // namespace
} // namespace qzc::chat
