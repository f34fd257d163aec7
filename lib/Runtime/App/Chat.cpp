//===- Chat.cpp - --chat and --messages -----------------------------------===//

#include "Dialogue.h"
#include "qzc/Support/Error.h"
#include "qzc/Support/File.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <unistd.h>

namespace qzc::runtime {

namespace {

/// What --chat takes from stdin.
class Input {
public:
  explicit Input(int fd) : Fd(fd) {}

  bool isTerminal() const { return ::isatty(Fd) != 0; }
  /// Up to the next line's end, or to the end; nothing after the end.
  std::optional<std::string> line() { return take(/*whole=*/false); }
  std::string rest() { return take(/*whole=*/true).value_or(""); }

private:
  std::optional<std::string> take(bool whole);

  /// More is no message that anybody wrote.
  static constexpr size_t kMost = size_t(16) << 20;
  int Fd;
  std::string Unread; ///< and not yet taken
};

std::optional<std::string> Input::take(bool whole) {
  char part[65536];
  size_t end = 0;
  while (whole || (end = Unread.find('\n')) == Unread.npos) {
    if (Unread.size() > kMost)
      throw Error("--chat: a message of more than " +
                  std::to_string(kMost >> 20) + " MiB");
    const ssize_t bytes = ::read(Fd, part, sizeof part);
    if (bytes < 0 && errno == EINTR)
      continue;
    if (bytes < 0)
      throw Error(std::string("--chat: cannot read stdin: ") +
                  std::strerror(errno));
    if (bytes == 0) {
      if (Unread.empty())
        return std::nullopt;
      end = Unread.size();
      break;
    }
    Unread.append(part, static_cast<size_t>(bytes));
  }
  std::string text = Unread.substr(0, end);
  Unread.erase(0, end + 1);
  if (auto at = tokenizer::firstInvalidUtf8(text))
    throw Error("--chat: stdin is not UTF-8 at byte " + std::to_string(*at));
  return text;
}

chat::Conversation begin(const std::optional<std::string> &system) {
  chat::Conversation conversation;
  if (!system)
    return conversation;
  if (auto at = tokenizer::firstInvalidUtf8(*system))
    throw Error("--system: not UTF-8 at byte " + std::to_string(*at));
  conversation.add("system", *system);
  return conversation;
}

/// Says when a person is to write.
std::optional<std::string> ask(Input &input) {
  std::fputs("> ", stderr);
  return input.line();
}

void talk(Input &input, Dialogue &dialogue) {
  while (std::optional<std::string> text = ask(input)) {
    if (text->find_first_not_of(" \t\r") == text->npos)
      continue;
    dialogue.say("user", *text);
    dialogue.answer();
  }
  std::fputs("\n", stderr);
}

} // namespace

void chatWithUser(const Session &session) {
  Input input(session.input());
  Dialogue dialogue(session, begin(session.options().system));
  if (input.isTerminal())
    return talk(input, dialogue);
  std::string text = input.rest();
  if (!text.empty() && text.back() == '\n')
    text.pop_back();
  if (text.empty())
    throw Error("--chat: stdin has no message");
  dialogue.say("user", text);
  dialogue.answer();
  reportSpeed(dialogue.lastAnswer(), dialogue.lastPrompt());
}

void answerMessages(const Session &session) {
  const std::string &path = session.options().messagesFile;
  chat::Conversation conversation =
      chat::Conversation::read(readFile(path), path);
  if (session.options().render)
    return session.output().write(renderPrompt(session, conversation));
  Dialogue dialogue(session, std::move(conversation));
  dialogue.answer();
  reportSpeed(dialogue.lastAnswer(), dialogue.lastPrompt());
}

} // namespace qzc::runtime
