//===- RequestsTest.cpp - Questions and answers of --requests -------------===//

#include "AppTest.h"
#include "qzc/Evaluate/Softmax.h"

#include <cmath>
#include <sstream>

namespace qzc::runtime {
namespace {

class RequestsTest : public AppTest {
protected:
  /// What is answered, a value a line.
  std::vector<nlohmann::json> ask(const std::string &lines,
                                  std::vector<std::string> options = {}) {
    options.insert(options.begin(),
                   {"--device=cpu", "--requests", write("asked", lines)});
    Outcome outcome = call(options);
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    std::vector<nlohmann::json> answers;
    std::istringstream text(outcome.out);
    for (std::string line; std::getline(text, line);)
      answers.push_back(nlohmann::json::parse(line));
    return answers;
  }
  void refused(const std::string &line, const std::string &what,
               std::vector<std::string> options = {}) {
    options.insert(options.begin(),
                   {"--device=cpu", "--requests", write("asked", line)});
    fails(options, 1, what);
  }
};

/// ln p of the token that the fake model finds likeliest, and of another one.
/// A row has one logit of 8, one of 4 and zeros.
double logOf(double logit) {
  return logit - std::log(std::exp(8) + std::exp(4) + 418);
}

TEST_F(RequestsTest, ScoresTokens) {
  // 5 → 16 → 49 → 148.
  auto answers = ask("{\"tokens\": [3, 5, 16, 49], \"scored\": 2}\n"
                     "{\"tokens\": [5, 16, 50], \"scored\": 2}\n"
                     "{\"tokens\": [5, 16, 90], \"scored\": 1}\n");
  ASSERT_EQ(answers.size(), 3u);
  EXPECT_NEAR(answers[0]["logprob"].get<double>(), 2 * logOf(8), 1e-9);
  EXPECT_EQ(answers[0]["greedy"], true);
  EXPECT_EQ(answers[0]["tokens"], 2);
  EXPECT_NEAR(answers[1]["logprob"].get<double>(), logOf(8) + logOf(4), 1e-9);
  EXPECT_EQ(answers[1]["greedy"], false);
  EXPECT_NEAR(answers[2]["logprob"].get<double>(), logOf(0), 1e-9);
  EXPECT_FALSE(answers[2].contains("dropped"));
}

TEST_F(RequestsTest, RunsASharedContextOnce) {
  ask("{\"tokens\": [3, 5, 16, 49], \"scored\": 2}\n"
      "{\"tokens\": [3, 5, 17, 52, 9], \"scored\": 3}\n"
      "{\"tokens\": [3, 5, 17, 52, 9], \"scored\": 1}\n"
      "{\"tokens\": [4, 5], \"scored\": 1}\n");
  // The last token of each is not run; what precedes the first scored one is
  // run again, since its logits are needed.
  EXPECT_EQ(Runs, (std::vector<int64_t>{1, 2, 3, 1, 1}));
}

TEST_F(RequestsTest, DropsWhatDoesNotFit) {
  auto answers = ask("{\"tokens\": [1, 2, 3, 5, 16, 49], \"scored\": 2}\n",
                     {"--context=3"});
  EXPECT_EQ(answers.at(0)["dropped"], 2);
  EXPECT_NEAR(answers[0]["logprob"].get<double>(), 2 * logOf(8), 1e-9);
  refused("{\"tokens\": [1, 2, 3, 4, 5], \"scored\": 4}", "context of 3",
          {"--context=3"});
}

TEST_F(RequestsTest, ScoresAContinuation) {
  auto ids = [&](const std::string &text) {
    return ask("{\"encode\": \"" + text + "\"}").at(0)["tokens"];
  };
  const nlohmann::json whole = ids("the dog barks");
  const nlohmann::json context = ids("the dog");
  auto score = [&](const nlohmann::json &tokens, size_t count) {
    const nlohmann::json request = {{"tokens", tokens}, {"scored", count}};
    return ask(request.dump()).at(0);
  };
  // White space at the end of the context belongs to the continuation.
  for (const char *line :
       {"{\"context\": \"the dog\", \"continuation\": \" barks\"}",
        "{\"context\": \"the dog \", \"continuation\": \"barks\"}"})
    EXPECT_EQ(ask(line).at(0), score(whole, whole.size() - context.size()));
  // Nothing in front: BOS, token 0.
  nlohmann::json started = {0};
  started.insert(started.end(), context.begin(), context.end());
  EXPECT_EQ(ask("{\"context\": \"\", \"continuation\": \"the dog\"}").at(0),
            score(started, context.size()));
  Model.Facts.model.bos.reset();
  started[0] = 7;
  EXPECT_EQ(ask("{\"context\": \"\", \"continuation\": \"the dog\"}").at(0),
            score(started, context.size()));
}

TEST_F(RequestsTest, ContinuesGreedily) {
  // After "!", token 1, come 4, 13, 40: "$", "-" and "H".
  auto answers = ask("{\"prompt\": \"!\", \"max_tokens\": 3}\n"
                     "{\"prompt\": \"!\", \"max_tokens\": 3, \"stop\": [\"-\"]}"
                     "\n{\"tokens\": [3, 5], \"scored\": 1}\n");
  ASSERT_EQ(answers.size(), 3u);
  EXPECT_EQ(answers[0]["text"], "$-H");
  EXPECT_EQ(answers[1]["text"], "$");
  refused("{\"prompt\": \"!\", \"max_tokens\": 3, \"stop\": [\"\"]}", "empty");
  refused("{\"prompt\": \"!\", \"max_tokens\": 64}", "room");
}

TEST_F(RequestsTest, ContinuesNeighboursTogether) {
  const std::string line = R"({"prompt": "!", "max_tokens": 3})";
  std::string lines;
  for (int i = 0; i != 40; ++i)
    lines +=
        (i % 3 == 0 ? R"({"prompt": "!!", "max_tokens": 1})" : line) + "\n";
  const auto answers = ask(lines);
  ASSERT_EQ(answers.size(), 40u);
  for (size_t i = 0; i != 40; ++i)
    EXPECT_EQ(answers[i]["text"], i % 3 == 0 ? "$" : "$-H") << i;
  // Of 32 that go together 21 have two steps more.
  std::vector<int64_t> want;
  for (int i = 0; i != 32; ++i)
    want.push_back(i % 3 == 0 ? 2 : 1);
  want.insert(want.end(), 2 * 21, 1);
  ASSERT_GE(Runs.size(), want.size());
  Runs.resize(want.size());
  EXPECT_EQ(Runs, want);
  // What stands before a bad one is answered.
  const Outcome outcome = call({"--device=cpu", "--requests",
                                write("asked", line + "\n" + line + "\n{}\n")});
  EXPECT_EQ(outcome.code, 1);
  EXPECT_THAT(outcome.err,
              testing::HasSubstr("request 3: it asks for nothing"));
  EXPECT_EQ(std::count(outcome.out.begin(), outcome.out.end(), '\n'), 2);
}

TEST_F(RequestsTest, ContinuesInHalvesWhereMemoryHasNoRoom) {
  std::string lines;
  for (int i = 1; i != 6; ++i)
    lines += R"({"prompt": "!", "max_tokens": )" + std::to_string(i) + "}\n";
  failFrom(Shortage::Memory, 2);
  const auto answers = ask(lines);
  ASSERT_EQ(answers.size(), 5u);
  for (size_t i = 0; i != 3; ++i)
    EXPECT_EQ(answers[i]["text"], std::string("$-H").substr(0, i + 1));
  EXPECT_THAT(Tried, testing::ElementsAre(5, 2, 3, 1, 2));
  // Fewer side by side would not help.
  failFrom(Shortage::Range, 2);
  refused(lines, "requests 1 to 5: it does not fit");
  EXPECT_THAT(Tried, testing::ElementsAre(5));
}

TEST_F(RequestsTest, NamesTheRequest) {
  refused("nonsense", "request 1: it is not JSON");
  refused("[]", "not a JSON object");
  refused("{}", "asks for nothing");
  refused("{\"context\": \"a\", \"continuation\": 3}", "'continuation'");
  refused("{\"tokens\": [1, 2]}", "'scored'");
  refused("{\"tokens\": [1, 420], \"scored\": 1}", "420");
  refused("{\"tokens\": [1, 4294967297], \"scored\": 1}", "out of range");
  refused("{\"tokens\": [1, 2], \"scored\": 2}", "more than those");
  refused("{\"context\": \"the\", \"continuation\": \"\"}", "no token");
}

} // namespace
} // namespace qzc::runtime
