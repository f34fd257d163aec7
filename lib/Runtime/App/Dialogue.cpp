//===- Dialogue.cpp - A conversation with the model -----------------------===//

#include "Dialogue.h"

#include "qzc/Support/Error.h"

#include <algorithm>
#include <cstdio>

namespace qzc::runtime {

/// Positions of a conversation whose length nobody knows yet.
static constexpr int64_t kUsualContext = 4096;

std::string renderPrompt(const Session &session,
                         const chat::Conversation &conversation) {
  const format::ModelInfo &model = session.model();
  if (model.chatTemplate.empty())
    throw Error("this model has no chat template; --prompt continues a text");
  chat::TemplateInputs inputs;
  inputs.specialTokens = model.specialTokens;
  inputs.now = session.options().date.value_or(std::time(nullptr));
  return chat::render(model.chatTemplate, conversation, inputs);
}

Dialogue::Dialogue(const Session &session, chat::Conversation begun)
    : From(session), Words(session.readTokenizer()), Writer(session, Words),
      Said(std::move(begun)) {}

/// Loads the model, if that is still to be done; returns how many tokens may
/// follow the prompt.
int64_t Dialogue::room(size_t prompt) {
  const int64_t most = From.model().context;
  const int64_t context = From.contextOr(std::min(most, kUsualContext));
  const int64_t left = context - static_cast<int64_t>(prompt) + 1;
  if (left < 1)
    throw Error("the conversation has " + std::to_string(prompt) +
                " tokens, more than the context of " + std::to_string(context) +
                (context < most
                     ? "; --context may go up to " + std::to_string(most)
                     : ""));
  if (!Model)
    Model = From.createEngine(context);
  return left;
}

void Dialogue::answer() {
  // The template has written the special tokens that there are to be.
  const std::vector<int32_t> prompt =
      Words.encode(renderPrompt(From, Said), /*addSpecial=*/false);
  if (prompt.empty())
    throw Error("the chat template makes an empty prompt");
  From.checkIds(prompt, "the prompt");
  const int64_t wanted = From.options().count.value_or(INT64_MAX);
  const int64_t count = std::min(wanted, room(prompt.size()));
  // Of what the model has seen before, only the new part has to be read.
  const bool goesOn = Held.size() < prompt.size() &&
                      std::equal(Held.begin(), Held.end(), prompt.begin());
  if (!goesOn) {
    Model->reset();
    Held.clear();
  }
  Prompt = prompt.size();
  Last = Writer.run(*Model, prompt, Held.size(), count);
  From.output().write("\n");
  if (!Last.ended && count < wanted)
    std::fprintf(stderr, "the context of %lld positions is full\n",
                 static_cast<long long>(Model->options().context));
  Held = prompt;
  Held.insert(Held.end(), Last.ids.begin(), Last.ids.end() - 1);
  Said.add("assistant", Last.text);
}

} // namespace qzc::runtime
