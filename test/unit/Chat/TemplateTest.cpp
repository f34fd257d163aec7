//===- TemplateTest.cpp - What templates may do ---------------------------===//

#include "qzc/Chat/Template.h"
#include "qzc/Support/Error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace qzc::chat {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string rendered(const std::string &source,
                     const TemplateInputs &inputs = TemplateInputs()) {
  Conversation conversation;
  conversation.add("user", "Hi <there> & \"é\"");
  return render(source, conversation, inputs, {QZC_RENDERER});
}

/// The one line in which `source` is refused.
std::string refusal(const std::string &source) {
  try {
    return "rendered: " + rendered(source);
  } catch (const Error &error) {
    EXPECT_THAT(error.what(), Not(HasSubstr("\n")));
    return error.what();
  }
}

TEST(Template, SeesWhatTransformersShows) {
  TemplateInputs inputs;
  inputs.specialTokens = {{"bos_token", "<s>"}, {"image_token", "<i>"}};
  EXPECT_EQ(rendered("{{ bos_token }}{{ eos_token }}{{ image_token }}", inputs),
            "<s><i>");
  EXPECT_EQ(rendered("{{ tools is none }} {{ documents is none }} "
                     "{{ tools is defined }} {{ functions is defined }}"),
            "True True True False");
  EXPECT_EQ(rendered("{{ add_generation_prompt }}"), "True");
  inputs.addGenerationPrompt = false;
  EXPECT_EQ(rendered("{{ add_generation_prompt }}", inputs), "False");
}

TEST(Template, TrimsBlocksAndLeavesTextAsItIs) {
  EXPECT_EQ(rendered("a\n  {% if true %}\nb\n  {% endif %}\nc\n"), "a\nb\nc");
  EXPECT_EQ(rendered("{{ messages[0].content }}"), "Hi <there> & \"é\"");
  EXPECT_EQ(rendered("{{ messages | tojson }}"),
            "[{\"role\": \"user\", \"content\": \"Hi <there> & \\\"é\\\"\"}]");
}

TEST(Template, PrintsValuesAsPythonDoes) {
  EXPECT_EQ(rendered("{{ none }}{{ [1, 'a', none] }}{{ {'a': [true]} }}"
                     "{{ undefined }}{{ 'a b'.split(' ') }}"),
            "None[1, 'a', None]{'a': [True]}['a', 'b']");
  EXPECT_EQ(rendered("{% if 1 %}{{ none }}{% endif %}"
                     "{% for x in [none] %}{{ x }}{% endfor %}"
                     "{% macro m() %}{{ none }}{% endmacro %}{{ m() }}"
                     "{% set x %}{{ none }}{% endset %}{{ x }}"),
            "NoneNoneNoneNone");
}

TEST(Template, FormatsTheGivenDay) {
  TemplateInputs inputs;
  std::tm day{};
  day.tm_year = 124;
  day.tm_mon = 6;
  day.tm_mday = 26;
  day.tm_hour = 12;
  inputs.now = std::mktime(&day);
  EXPECT_EQ(rendered("{{ strftime_now('%d %b %Y') }}", inputs), "26 Jul 2024");
}

TEST(Template, RefusesInOneLine) {
  EXPECT_EQ(refusal("{{ raise_exception('Roles must\nalternate!') }}"),
            "the chat template says: Roles must alternate!");
  EXPECT_THAT(refusal("a\n{{ 1 | nonsense }}"),
              HasSubstr("the chat template, line 2, column"));
  EXPECT_THAT(refusal("{% for x in %}"), HasSubstr("the chat template: "));
  EXPECT_THAT(refusal("{{ 'a"), HasSubstr("the chat template: "));
  EXPECT_THAT(refusal("{% endif %}"), HasSubstr("the chat template"));
}

TEST(Template, IsBoundedInSteps) {
  EXPECT_THAT(refusal("{% for a in range(3000) %}{% for b in range(3000) %}"
                      "{% for c in range(3000) %}{% endfor %}{% endfor %}"
                      "{% endfor %}"),
              HasSubstr("takes more than 500000000 steps"));
  // Loops that end soon are no matter; what filters do counts as well.
  EXPECT_EQ(rendered("{% for a in range(100) %}{% for b in range(100) %}"
                     "{% endfor %}{% endfor %}x"),
            "x");
  EXPECT_THAT(
      refusal("{{ range(300000) | sort | join(',') | length }}"
              "{% for a in range(4000) %}{{ range(3000) | sort | length }}"
              "{% endfor %}"),
      HasSubstr("steps"));
}

TEST(Template, IsBoundedInDepth) {
  EXPECT_THAT(refusal("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}"),
              HasSubstr("nests or calls itself too deeply"));
  const std::string deep(300000, '(');
  EXPECT_THAT(refusal("{{ " + deep), HasSubstr("nests or calls itself"));
}

TEST(Template, IsBoundedInMemory) {
  EXPECT_THAT(refusal("{{ range(1000000000) | length }}"),
              HasSubstr("needs more than 512 MiB of memory"));
  EXPECT_THAT(refusal("{% set ns = namespace(s='aaaaaaaaaaaaaaaa') %}"
                      "{% for i in range(60) %}"
                      "{% set ns.s = ns.s | replace('a', ns.s) %}"
                      "{% endfor %}{{ ns.s | length }}"),
              HasSubstr("needs more than"));
}

TEST(Template, IsBoundedInOutput) {
  EXPECT_THAT(refusal("{% set a = '" + std::string(1000, 'x') +
                      "' %}{% for i in range(20000) %}{{ a }}{% endfor %}"),
              HasSubstr("makes more than 16 MiB"));
}

TEST(Template, NeedsItsRenderer) {
  const auto failure =
      [](const std::vector<std::string> &renderer) -> std::string {
    try {
      return "rendered: " +
             render("a", Conversation(), TemplateInputs(), renderer);
    } catch (const Error &error) {
      return error.what();
    }
  };
  EXPECT_THAT(failure({"/nowhere"}), HasSubstr("cannot run '/nowhere'"));
  EXPECT_EQ(failure({"/bin/false"}), "the chat template came to no end");
}

TEST(Conversation, IsReadWithCare) {
  auto refused = [](const std::string &json) -> std::string {
    try {
      Conversation::read(json, "m.json");
    } catch (const Error &error) {
      return error.what();
    }
    return "accepted";
  };
  EXPECT_THAT(refused(""), HasSubstr("m.json: not JSON"));
  EXPECT_THAT(refused("{}"), HasSubstr("is no list of messages"));
  EXPECT_THAT(refused("[]"), HasSubstr("is no list of messages"));
  EXPECT_THAT(refused("[3]"), HasSubstr("message 0 is no object with a role"));
  EXPECT_THAT(refused(R"([{"content": "a"}])"), HasSubstr("with a role"));
  EXPECT_THAT(refused(R"([{"role": 3, "content": "a"}])"),
              HasSubstr("with a role"));
  EXPECT_THAT(refused(R"([{"role": "user"}])"),
              HasSubstr("message 0 has no content"));
  EXPECT_THAT(refused(std::string(100000, '[')), HasSubstr("levels deep"));
  Conversation read = Conversation::read(
      R"([{"role": "user", "content": "a", "name": "n"}])", "m.json");
  EXPECT_EQ(
      render("{{ messages[0].name }}", read, TemplateInputs(), {QZC_RENDERER}),
      "n");
}

} // namespace
} // namespace qzc::chat
