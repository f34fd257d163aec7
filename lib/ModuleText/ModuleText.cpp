//===- ModuleText.cpp - The text of a module, before it is parsed ---------===//
//
// One pass over the words of the text, as MLIR's lexer would see them. A
// closing bracket closes all that was opened since its partner: then a '<' that
// is no bracket (in `<=`) counts only as far as it stands in one, and what is
// counted is never less than what the parser, which stops at the first mistake,
// has open.
//
//===----------------------------------------------------------------------===//

#include "qzc/ModuleText/ModuleText.h"

#include "qzc/Support/Error.h"
#include "qzc/Support/File.h"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string>
#include <unistd.h>
#include <unordered_map>
#include <vector>

namespace qzc {

namespace {

constexpr size_t kMostDepth = 256;
constexpr int kMostOperators = 1000;
constexpr uint64_t kMostExpanded = uint64_t{1} << 24;
/// Far more than any model's: weights are not in it.
constexpr size_t kMostBytes = size_t{1} << 30;

bool isDigit(char c) { return c >= '0' && c <= '9'; }
bool isLetter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
bool isWordPart(char c) {
  return isLetter(c) || isDigit(c) || c == '$' || c == '.';
}

/// What an alias stands for.
struct Alias {
  size_t depth = 0;   ///< brackets and aliases inside each other
  uint64_t words = 0; ///< with those of the aliases in it
};

class Checker {
public:
  Checker(std::string_view text, const std::string &name)
      : Text(text), Name(name) {}

  void run() {
    for (skipBlank(); At != Text.size(); skipBlank())
      readWord();
  }

private:
  char peek(size_t ahead = 0) const {
    return At + ahead < Text.size() ? Text[At + ahead] : '\0';
  }

  void readWord();
  void readSigil();
  void beginWord();
  void skipBlank();
  void skipString();
  void skipNumber();
  std::string_view takeName();
  void open(char bracket);
  void close(char bracket);
  void countOperator();
  void useAlias(std::string_view name);
  void checkDepth(size_t inner);

  [[noreturn]] void fail(const std::string &what) const;

  std::string_view Text;
  const std::string &Name;
  size_t At = 0;
  std::string OpenBrackets; ///< the brackets that are
  int Operators = 0;
  std::unordered_map<std::string_view, Alias> Aliases;
  /// The alias that is being defined, null outside of definitions. What a map
  /// holds stays in its place.
  Alias *DefinedAlias = nullptr;
  bool Complete = false; ///< what is defined could end here
  uint64_t Expanded = 0; ///< words that aliases stand for
};

void Checker::fail(const std::string &what) const {
  const std::string_view before = Text.substr(0, At);
  const auto line = std::count(before.begin(), before.end(), '\n') + 1;
  const size_t column = At - (before.rfind('\n') + 1) + 1;
  throw Error(Name + ":" + std::to_string(line) + ":" + std::to_string(column) +
              ": " + what);
}

/// Past white space and comments.
void Checker::skipBlank() {
  for (; At != Text.size(); ++At) {
    if (Text[At] == '/' && peek(1) == '/')
      At = std::min(Text.find('\n', At), Text.size() - 1);
    else if (std::strchr(" \t\r\n", Text[At]) == nullptr)
      return;
  }
}

/// A string ends at its quote; one that does not is the parser's to refuse.
void Checker::skipString() {
  for (++At; At != Text.size() && Text[At] != '\n'; ++At) {
    if (Text[At] == '"') {
      ++At;
      return;
    }
    if (Text[At] == '\\' && At + 1 != Text.size())
      ++At;
  }
}

/// A sign belongs to a number only in the exponent behind a point.
void Checker::skipNumber() {
  if (peek() == '0' && peek(1) == 'x') {
    At += 2;
    while (isDigit(peek()) || isLetter(peek()))
      ++At;
    return;
  }
  while (isDigit(peek()))
    ++At;
  if (peek() != '.')
    return;
  do
    ++At;
  while (isDigit(peek()));
  if (peek() != 'e' && peek() != 'E')
    return;
  const size_t sign = peek(1) == '-' || peek(1) == '+' ? 1 : 0;
  if (isDigit(peek(1 + sign)))
    At += 1 + sign;
  while (isDigit(peek()))
    ++At;
}

/// The name behind a sigil, which may hold minus signs.
std::string_view Checker::takeName() {
  const size_t begin = At++;
  while (isWordPart(peek()) || peek() == '-')
    ++At;
  return Text.substr(begin, At - begin);
}

void Checker::checkDepth(size_t inner) {
  const size_t depth = OpenBrackets.size() + inner;
  if (depth > kMostDepth)
    fail("nested more than " + std::to_string(kMostDepth) + " deep");
  if (DefinedAlias)
    DefinedAlias->depth = std::max(DefinedAlias->depth, depth);
}

void Checker::open(char bracket) {
  OpenBrackets += bracket;
  Operators = 0;
  checkDepth(0);
}

void Checker::close(char bracket) {
  const char partner = bracket == ')'   ? '('
                       : bracket == ']' ? '['
                       : bracket == '}' ? '{'
                                        : '<';
  // A '>' that closes nothing is part of an operator.
  if (bracket == '>' &&
      (OpenBrackets.empty() || OpenBrackets.back() != partner))
    return;
  const size_t opened = OpenBrackets.rfind(partner);
  if (opened != std::string::npos)
    OpenBrackets.resize(opened);
  Operators = 0;
  Complete = OpenBrackets.empty();
}

void Checker::countOperator() {
  if (++Operators > kMostOperators)
    fail("an expression has more than " + std::to_string(kMostOperators) +
         " operators");
}

/// A word other than punctuation. Outside of brackets a definition's value has
/// one, and another behind each colon or arrow: the next is not its own.
void Checker::beginWord() {
  if (OpenBrackets.empty()) {
    if (Complete)
      DefinedAlias = nullptr;
    Complete = true;
  }
  if (DefinedAlias)
    ++DefinedAlias->words;
}

/// A name that is no alias, or none yet, stands for itself.
void Checker::useAlias(std::string_view name) {
  const auto found = Aliases.find(name);
  if (found == Aliases.end())
    return;
  const Alias &alias = found->second;
  checkDepth(alias.depth + 1);
  Expanded += alias.words;
  if (DefinedAlias)
    DefinedAlias->words += alias.words;
  if (Expanded > kMostExpanded)
    fail("aliases stand for more than " + std::to_string(kMostExpanded) +
         " words");
}

void Checker::readSigil() {
  if (peek(1) == '"') { // a symbol's name in quotes
    ++At;
    return;
  }
  const char sigil = peek();
  const std::string_view name = takeName();
  if (sigil != '#' && sigil != '!')
    return beginWord();
  skipBlank();
  if (OpenBrackets.empty() && peek() == '=') {
    DefinedAlias = &Aliases[name];
    *DefinedAlias = {};
    Complete = false;
    ++At;
    return;
  }
  beginWord();
  useAlias(name);
}

void Checker::readWord() {
  const char c = peek();
  if (c == '"') {
    beginWord();
    return skipString();
  }
  if (isDigit(c)) {
    beginWord();
    return skipNumber();
  }
  if (isLetter(c)) {
    beginWord();
    const size_t begin = At;
    while (isWordPart(peek()))
      ++At;
    const std::string_view word = Text.substr(begin, At - begin);
    if (word == "mod" || word == "floordiv" || word == "ceildiv")
      countOperator();
    return;
  }
  switch (c) {
  case '#':
  case '!':
  case '%':
  case '@':
  case '^':
    return readSigil();
  case '(':
  case '[':
  case '{':
  case '<':
    open(c);
    break;
  case ')':
  case ']':
  case '}':
  case '>':
    close(c);
    break;
  case '-':
    if (peek(1) != '>') {
      countOperator();
      break;
    }
    ++At;
    Complete = false;
    break;
  case '+':
  case '*':
    countOperator();
    break;
  case ',':
  case '=':
    Operators = 0;
    break;
  case ':':
    Complete = false;
    break;
  default:
    break;
  }
  ++At;
}

std::string readStandardInput() {
  std::string text;
  char part[65536];
  for (;;) {
    const ssize_t got = ::read(STDIN_FILENO, part, sizeof part);
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      throw Error(std::string("cannot read the standard input: ") +
                  std::strerror(errno));
    if (got == 0)
      return text;
    text.append(part, static_cast<size_t>(got));
    if (text.size() > kMostBytes)
      throw Error("the standard input is no module: it does not end");
  }
}

} // namespace

void checkModuleText(std::string_view text, const std::string &name) {
  if (text.substr(0, 4) == "ML\xefR")
    throw Error("'" + name + "' is MLIR bytecode: give the module as text");
  if (text.find('\0') != std::string_view::npos)
    throw Error("'" + name +
                "' is no text, and so no module: qz-import makes one of a "
                "folder or a GGUF");
  Checker(text, name).run();
}

std::string readModuleText(const std::string &path) {
  std::string text =
      path == "-" ? readStandardInput() : readFile(path, kMostBytes);
  checkModuleText(text, path);
  return text;
}

} // namespace qzc
