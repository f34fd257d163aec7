//===- Template.cpp - Conversations as prompts ----------------------------===//

#include "qzc/Chat/Template.h"

#include "Printing.h"
#include "Sandbox.h"
#include "qzc/Support/Error.h"

#include <jinja/lexer.h>
#include <jinja/parser.h>
#include <jinja/runtime.h>
#include <json.h>

#include <algorithm>
#include <new>

namespace qzc::chat {

using Json = nlohmann::ordered_json;

namespace {

constexpr const char *kName = "the chat template";

/// What went wrong: the engine shows the source and the place in lines before.
std::string causeOf(const std::string &message) {
  const std::string mark = "\nError: ";
  size_t at = message.rfind(mark);
  if (at == message.npos)
    return message.substr(0, message.find('\n'));
  std::string cause = message.substr(at + mark.size());
  std::replace(cause.begin(), cause.end(), '\n', ' ');
  return cause;
}

/// ", line 3, column 7", if the message has a place.
std::string placeOf(const std::string &message) {
  size_t from = message.find(" at line ");
  size_t to = message.find(" in source:", from);
  if (from == message.npos || to == message.npos)
    return {};
  return "," + message.substr(from + 3, to - from - 3);
}

[[noreturn]] void fail(const std::string &message) {
  const std::string raised = "Jinja Exception: ";
  std::string cause = causeOf(message);
  if (cause == std::bad_alloc().what())
    throw std::bad_alloc();
  if (cause.compare(0, raised.size(), raised) == 0)
    throw Error(std::string(kName) + " says: " + cause.substr(raised.size()));
  throw Error(kName + placeOf(message) + ": " + cause);
}

/// The engine takes whatever a source begins with for a space where only spaces
/// come between it and a block. So it sees a line before, which does not stay.
jinja::lexer_result tokenize(const std::string &source) {
  jinja::lexer_result result = jinja::lexer().tokenize("\n" + source);
  std::vector<jinja::token> &tokens = result.tokens;
  if (!tokens.empty() && tokens[0].t == jinja::token::text &&
      tokens[0].value[0] == '\n') {
    tokens[0].value.erase(0, 1);
    if (tokens[0].value.empty())
      tokens.erase(tokens.begin());
  }
  for (jinja::token &token : tokens)
    token.pos -= token.pos > 0;
  result.source = source;
  return result;
}

std::string renderHere(const std::string &source, const Json &variables,
                       std::time_t now) {
  jinja::program program = jinja::parse_from_tokens(tokenize(source));
  printAsPython(program);
  jinja::context context(source);
  context.current_time = now;
  jinja::global_from_json(context, common_json::parse(variables.dump()),
                          /*mark_input=*/false);
  return jinja::runtime::gather_string_parts(
             jinja::runtime(context).execute(program))
      ->as_string()
      .str();
}

/// The messages of a file hold no more than this in each other.
constexpr int kDeepest = 32;

} // namespace

Conversation Conversation::read(std::string_view json,
                                const std::string &name) {
  Conversation out;
  try {
    out.Messages =
        Json::parse(json, [&](int depth, Json::parse_event_t, const Json &) {
          if (depth > kDeepest)
            throw Error(name + ": nests more than " + std::to_string(kDeepest) +
                        " levels deep");
          return true;
        });
  } catch (const Json::exception &error) {
    throw Error(name + ": not JSON: " + error.what());
  }
  if (!out.Messages.is_array() || out.Messages.empty())
    throw Error(name + ": is no list of messages");
  for (size_t i = 0; i < out.Messages.size(); ++i) {
    const Json &message = out.Messages[i];
    auto role = message.find("role");
    if (!message.is_object() || role == message.end() || !role->is_string())
      throw Error(name + ": message " + std::to_string(i) +
                  " is no object with a role");
    if (!message.contains("content"))
      throw Error(name + ": message " + std::to_string(i) + " has no content");
  }
  return out;
}

void Conversation::add(const std::string &role, const std::string &content) {
  Messages.push_back({{"role", role}, {"content", content}});
}

std::string render(const std::string &source, const Conversation &conversation,
                   const TemplateInputs &inputs,
                   const std::vector<std::string> &renderer) {
  Json variables = {{"messages", conversation.messages()},
                    {"tools", nullptr},
                    {"documents", nullptr},
                    {"add_generation_prompt", inputs.addGenerationPrompt}};
  for (const auto &[name, text] : inputs.specialTokens)
    variables[name] = text;
  const Json request = {
      {"template", source}, {"variables", variables}, {"now", inputs.now}};
  return runInSandbox(kName, renderer, request.dump());
}

int runRenderer() {
  return workInSandbox([](const std::string &input) {
    try {
      const Json request = Json::parse(input);
      return renderHere(request.at("template"), request.at("variables"),
                        request.at("now"));
    } catch (const std::bad_alloc &) {
      throw;
    } catch (const std::exception &error) {
      fail(error.what());
    }
  });
}

} // namespace qzc::chat
