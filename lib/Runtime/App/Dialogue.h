//===- Dialogue.h - A conversation with the model ---------------*- C++ -*-===//

#ifndef QZC_LIB_RUNTIME_APP_DIALOGUE_H
#define QZC_LIB_RUNTIME_APP_DIALOGUE_H

#include "Generator.h"
#include "qzc/Chat/Template.h"

namespace qzc::runtime {

/// The prompt that the model's own template makes of a conversation.
std::string renderPrompt(const Session &session,
                         const chat::Conversation &conversation);

/// A conversation that the model takes part in. Loads the model when the first
/// answer is asked for.
class Dialogue {
public:
  Dialogue(const Session &session, chat::Conversation begun);

  void say(const std::string &role, const std::string &text) {
    Messages.add(role, text);
  }
  /// Writes the model's answer as it comes, and a line's end; it becomes part
  /// of the conversation.
  void answer();
  /// What the last answer took.
  const Generator::Result &lastAnswer() const { return LastAnswer; }
  size_t lastPrompt() const { return LastPromptTokens; }

private:
  int64_t room(size_t prompt);

  const Session &Call;
  tokenizer::Tokenizer Vocabulary;
  Generator Answers;
  chat::Conversation Messages;
  std::unique_ptr<Engine> LoadedEngine;
  std::optional<Sequence> Text;      ///< of the engine
  std::vector<int32_t> CachedTokens; ///< what it has seen
  Generator::Result LastAnswer;
  size_t LastPromptTokens = 0;
};

} // namespace qzc::runtime

#endif // QZC_LIB_RUNTIME_APP_DIALOGUE_H
