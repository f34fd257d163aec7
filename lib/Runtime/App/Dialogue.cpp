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
  return chat::render(model.chatTemplate, conversation, inputs,
                      session.templateRenderer());
}

Dialogue::Dialogue(const Session &session, chat::Conversation begun)
    : Call(session), Vocabulary(session.readTokenizer()),
      Answers(session, Vocabulary), Messages(std::move(begun)) {}

/// Loads the model, if that is still to be done; returns how many tokens may
/// follow the prompt.
int64_t Dialogue::room(size_t prompt) {
  const int64_t most = Call.model().context;
  const int64_t context = Call.contextOr(std::min(most, kUsualContext));
  const int64_t left = context - static_cast<int64_t>(prompt) + 1;
  if (left < 1)
    throw Error("the conversation has " + std::to_string(prompt) +
                " tokens, more than the context of " + std::to_string(context) +
                (context < most
                     ? "; --context may go up to " + std::to_string(most)
                     : ""));
  if (!LoadedEngine) {
    LoadedEngine = Call.createEngine(context);
    Text.emplace(*LoadedEngine);
  }
  return left;
}

void Dialogue::answer() {
  // The template has written the special tokens that there are to be.
  const std::vector<int32_t> prompt =
      Vocabulary.encode(renderPrompt(Call, Messages), /*addSpecial=*/false);
  if (prompt.empty())
    throw Error("the chat template makes an empty prompt");
  Call.checkIds(prompt, "the prompt");
  const int64_t wanted = Call.options().count.value_or(INT64_MAX);
  const int64_t count = std::min(wanted, room(prompt.size()));
  // Of what the model has seen before, only the new part has to be read.
  const bool goesOn =
      CachedTokens.size() < prompt.size() &&
      std::equal(CachedTokens.begin(), CachedTokens.end(), prompt.begin());
  if (!goesOn) {
    Text->rewind(0);
    CachedTokens.clear();
  }
  LastPromptTokens = prompt.size();
  LastAnswer = Answers.run(*Text, prompt, CachedTokens.size(), count);
  Call.output().write("\n");
  if (!LastAnswer.ended && count < wanted)
    std::fprintf(stderr, "the context of %lld positions is full\n",
                 static_cast<long long>(LoadedEngine->options().context));
  CachedTokens = prompt;
  CachedTokens.insert(CachedTokens.end(), LastAnswer.ids.begin(),
                      LastAnswer.ids.end() - 1);
  Messages.add("assistant", LastAnswer.text);
}

} // namespace qzc::runtime
