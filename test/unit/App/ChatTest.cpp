//===- ChatTest.cpp - --chat and --messages on a fake model ---------------===//

#include "AppTest.h"

#include <fcntl.h>

namespace qzc::runtime {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

/// A model whose template names roles in angle brackets.
class ChatTest : public AppTest {
protected:
  struct Watched : FakeEngine {
    Watched(ChatTest &test, const Image &image, const EngineOptions &options)
        : FakeEngine(image, options, "CPU (fake)"), Test(test) {}
    void run(const std::vector<Piece> &batch) override {
      for (const Piece &piece : batch) {
        Test.Read.push_back(piece.count);
        Test.Resets += piece.position == 0 && length(piece.sequence) > 0;
      }
      FakeEngine::run(batch);
    }
    ChatTest &Test;
  };

  ChatTest() {
    format::ModelInfo &model = Model.Facts.model;
    model.context = 256;
    model.specialTokens = {{"bos_token", "!"}};
    model.chatTemplate = "{{ bos_token }}{% for m in messages %}<{{ m.role }}>"
                         "{{ m.content }}{% endfor %}<assistant>";
    Environment.createCpu = [this](const Image &image, const EngineOptions &o) {
      Context = o.context;
      return std::make_unique<Watched>(*this, image, o);
    };
  }

  /// Calls with `text` on stdin, not from a terminal.
  Outcome callWith(const std::string &text,
                   const std::vector<std::string> &arguments) {
    Environment.input = ::open(write("stdin", text).c_str(), O_RDONLY);
    Outcome outcome = call(arguments);
    ::close(Environment.input);
    return outcome;
  }

  /// A container or chroot may have none.
  static bool hasTerminals() {
    const int terminal = ::posix_openpt(O_RDWR | O_NOCTTY);
    ::close(terminal);
    return terminal >= 0;
  }

  /// Calls on a terminal where somebody types `text` and ends.
  Outcome callTyping(const std::string &text,
                     const std::vector<std::string> &arguments) {
    const int keyboard = ::posix_openpt(O_RDWR | O_NOCTTY);
    EXPECT_EQ(::grantpt(keyboard), 0);
    EXPECT_EQ(::unlockpt(keyboard), 0);
    Environment.input = ::open(::ptsname(keyboard), O_RDONLY | O_NOCTTY);
    const std::string typed = text + "\x04"; // Ctrl-D
    EXPECT_EQ(::write(keyboard, typed.data(), typed.size()),
              static_cast<ssize_t>(typed.size()));
    Outcome outcome = call(arguments);
    ::close(Environment.input);
    ::close(keyboard);
    return outcome;
  }

  std::vector<int64_t> Read; ///< tokens of each prefill
  int Resets = 0;
  int64_t Context = 0;
};

const std::vector<std::string> kChat = {"--chat", "--device=cpu",
                                        "--temperature=0", "-n", "6"};

TEST_F(ChatTest, RendersMessages) {
  const std::string file =
      write("m.json", R"([{"role": "system", "content": "Be é."},
                    {"role": "user", "content": "Hi\n"}])");
  Outcome outcome = call({"--messages", file, "--render"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.out, "!<system>Be é.<user>Hi\n<assistant>");
  EXPECT_EQ(outcome.err, "");
}

TEST_F(ChatTest, AnswersAsItContinuesThePrompt) {
  const std::string expected = call({"--device=cpu", "--temperature=0", "-n",
                                     "6", "--prompt", "!<user>Hi<assistant>"})
                                   .out;
  ASSERT_GT(expected.size(), 1u);
  EXPECT_EQ(callWith("Hi", kChat).out, expected);
  EXPECT_EQ(callWith("Hi\n", kChat).out, expected);
  std::string file = write("m.json", R"([{"role": "user", "content": "Hi"}])");
  Outcome outcome =
      call({"--messages", file, "--device=cpu", "--temperature=0", "-n", "6"});
  EXPECT_EQ(outcome.out, expected);
  EXPECT_THAT(outcome.err, HasSubstr("6 tokens after"));
}

TEST_F(ChatTest, AnswersWholly) {
  // Until the end of a text, or to the end of the context.
  EXPECT_EQ(callWith("Hi", {"--chat", "--device=cpu", "--temperature=0",
                            "--ignore-eos", "--context=40"})
                .code,
            0);
  EXPECT_EQ(Context, 40);
  Model.Facts.model.context = 1 << 20;
  EXPECT_EQ(callWith("Hi", kChat).code, 0);
  EXPECT_EQ(Context, 4096);
}

TEST_F(ChatTest, TakesTheSystemsText) {
  std::vector<std::string> arguments = kChat;
  arguments.insert(arguments.end(), {"--system", "S"});
  EXPECT_EQ(callWith("Hi", arguments).out,
            call({"--device=cpu", "--temperature=0", "-n", "6", "--prompt",
                  "!<system>S<user>Hi<assistant>"})
                .out);
}

TEST_F(ChatTest, TalksOnATerminal) {
  if (!hasTerminals())
    GTEST_SKIP() << "no pseudoterminals here";
  Model.Facts.model.context = 400;
  Outcome outcome = callTyping("Hi\n\nAgain é\n", kChat);
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '>'), 4);
  const std::string first = callWith("Hi", kChat).out;
  EXPECT_EQ(outcome.out.substr(0, first.size()), first);
  const std::string answer = first.substr(0, first.size() - 1);
  const std::string second =
      call({"--device=cpu", "--temperature=0", "-n", "6", "--prompt",
            "!<user>Hi<assistant>" + answer + "<user>Again é<assistant>"})
          .out;
  EXPECT_EQ(outcome.out, first + second);
}

TEST_F(ChatTest, ReadsOnlyWhatIsNew) {
  if (!hasTerminals())
    GTEST_SKIP() << "no pseudoterminals here";
  // "!" is followed by "$", one token.
  Model.Facts.model.chatTemplate =
      "{% for m in messages %}{{ m.content }}{% endfor %}";
  std::vector<std::string> arguments = {"--chat", "--device=cpu",
                                        "--temperature=0", "-n", "1"};
  EXPECT_EQ(callTyping("!\n$$\n", arguments).code, 0);
  EXPECT_THAT(Read, ElementsAre(1, 3));
  EXPECT_EQ(Resets, 0);
  // A template that shows the last message alone begins anew.
  Model.Facts.model.chatTemplate = "{{ messages[-1].content }}";
  Read.clear();
  Resets = 0;
  EXPECT_EQ(callTyping("!\n$$\n", arguments).code, 0);
  EXPECT_THAT(Read, ElementsAre(1, 2));
  EXPECT_EQ(Resets, 1);
}

TEST_F(ChatTest, FixesTheDay) {
  Model.Facts.model.chatTemplate = "{{ strftime_now('%d %B %Y') }}";
  std::string file = write("m.json", R"([{"role": "user", "content": ""}])");
  EXPECT_EQ(call({"--messages", file, "--render", "--date", "2024-02-29"}).out,
            "29 February 2024");
  for (const char *day : {"2023-02-29", "today", "2024-02-29x", "2024-13-01"})
    fails({"--messages", file, "--render", "--date", day}, 2,
          "'" + std::string(day) + "' is no day");
}

TEST_F(ChatTest, RefusesInOneLine) {
  std::string file = write("m.json", R"([{"role": "user", "content": "Hi"}])");
  fails({"--messages", Folder + "/none", "--render"}, 1, Folder + "/none");
  fails({"--messages", write("bad.json", "[{]"), "--render"}, 1, "not JSON");
  fails({"--messages", file, "--system", "a"}, 2, "--system does not go with");
  fails({"--chat", "--render"}, 2, "--render does not go with --chat");
  fails({"--chat", "--prompt", "a"}, 2, "cannot go together");
  fails({"--messages", file, "--device=cpu", "--context=3"}, 1,
        "more than the context of 3; --context may go up to 256");
  Model.Facts.model.chatTemplate = "{{ raise_exception('No!') }}";
  fails({"--messages", file}, 1, "the chat template says: No!");
  Model.Facts.model.chatTemplate = "{# nothing #}";
  fails({"--messages", file}, 1, "an empty prompt");
  Model.Facts.model.chatTemplate = "";
  fails({"--messages", file}, 1, "no chat template; --prompt");
}

TEST_F(ChatTest, ChecksWhatComesOnStdin) {
  EXPECT_THAT(callWith("", kChat).err, HasSubstr("stdin has no message"));
  EXPECT_THAT(callWith("\n", kChat).err, HasSubstr("stdin has no message"));
  EXPECT_THAT(callWith("a\xFF", kChat).err,
              HasSubstr("stdin is not UTF-8 at byte 1"));
  EXPECT_THAT(callWith(std::string(17 << 20, 'a'), kChat).err,
              HasSubstr("more than 16 MiB"));
  Environment.input = -1;
  EXPECT_THAT(call(kChat).err, HasSubstr("cannot read stdin"));
}

} // namespace
} // namespace qzc::runtime
