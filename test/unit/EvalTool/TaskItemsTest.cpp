//===- TaskItemsTest.cpp - Questions with choices, from JSON lines --------===//

#include "TaskItems.h"
#include "../Support/TempFolder.h"
#include "qzc/Support/Error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace qzc::evaltool {
namespace {

using test::TempFolder;
using test::writeAll;
using testing::ElementsAre;
using testing::HasSubstr;

class TaskItemsTest : public testing::Test {
protected:
  TaskFile read(const std::string &text, int64_t limit = 0) {
    Path = Folder.file("items.jsonl");
    writeAll(Path, text);
    return readTaskItems(Path, limit);
  }
  std::string refusal(const std::string &text) {
    try {
      read(text);
    } catch (const Error &error) {
      EXPECT_THAT(error.what(), HasSubstr(Path));
      return error.what();
    }
    return "accepted";
  }

  TempFolder Folder;
  std::string Path;
};

TEST_F(TaskItemsTest, PutsTextsTogether) {
  const TaskFile file =
      read(R"({"question": "Q", "choices": ["one", "zwölf"], "answer": 1})"
           "\n\n"
           R"({"question": ["a", "b"], "choices": ["c", "c"], "answer": 0,)"
           R"( "prefix": "P ", "delimiter": "", "source": "ignored"})");
  ASSERT_EQ(file.items.size(), 2u);
  EXPECT_THAT(file.items[0].contexts, ElementsAre("Q", "Q"));
  EXPECT_THAT(file.items[0].continuations, ElementsAre(" one", " zwölf"));
  EXPECT_THAT(file.items[0].lengths, ElementsAre(3, 5));
  EXPECT_EQ(file.items[0].answer, 1u);
  EXPECT_THAT(file.items[1].contexts, ElementsAre("P a", "P b"));
  EXPECT_THAT(file.items[1].continuations, ElementsAre("c", "c"));
  EXPECT_EQ(requestsOf({file.items[1]}),
            "{\"context\":\"P a\",\"continuation\":\"c\"}\n"
            "{\"context\":\"P b\",\"continuation\":\"c\"}\n");
}

TEST_F(TaskItemsTest, ReadsNoMoreThanAskedFor) {
  const std::string item =
      "{\"question\": \"Q\", \"choices\": [\"a\", \"b\"], \"answer\": 0}\n";
  EXPECT_EQ(read(item + item + item, 2).items.size(), 2u);
  EXPECT_EQ(read(item + "nonsense", 1).items.size(), 1u);
}

TEST_F(TaskItemsTest, NamesTheLine) {
  const std::string good =
      "{\"question\": \"Q\", \"choices\": [\"a\", \"b\"], \"answer\": 0}\n";
  EXPECT_THAT(refusal(good + "\nnonsense"),
              HasSubstr("line 3: it is not JSON"));
  EXPECT_THAT(refusal("[1]"), HasSubstr("not a JSON object"));
  EXPECT_THAT(refusal(R"({"choices": ["a", "b"], "answer": 0})"),
              HasSubstr("no 'question'"));
  EXPECT_THAT(refusal(R"({"question": "Q", "choices": ["a"], "answer": 0})"),
              HasSubstr("two or more"));
  EXPECT_THAT(
      refusal(R"({"question": "Q", "choices": ["a", "b"], "answer": 2})"),
      HasSubstr("'answer'"));
  EXPECT_THAT(
      refusal(R"({"question": "Q", "choices": ["a", "b"], "answer": "a"})"),
      HasSubstr("'answer'"));
  EXPECT_THAT(
      refusal(R"({"question": ["Q"], "choices": ["a", "b"], "answer": 0})"),
      HasSubstr("1 texts for 2"));
  EXPECT_THAT(refusal(R"({"question": 3, "choices": ["a", "b"], "answer": 0})"),
              HasSubstr("question is no text"));
  EXPECT_THAT(
      refusal(
          R"({"question": "", "choices": ["a", ""], "answer": 0, "delimiter": ""})"),
      HasSubstr("choice 1 is empty"));
  EXPECT_THAT(refusal("\n \n"), HasSubstr("no items"));
}

} // namespace
} // namespace qzc::evaltool
