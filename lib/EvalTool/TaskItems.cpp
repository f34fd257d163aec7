//===- TaskItems.cpp - Questions with choices, from JSON lines ------------===//

#include "TaskItems.h"

#include "Execute.h"
#include "qzc/Evaluate/Choice.h"
#include "qzc/Support/Error.h"
#include "qzc/Support/Hash.h"
#include "qzc/Support/MappedFile.h"

namespace qzc::evaltool {

namespace {

std::string textOf(const Json &value, const char *what) {
  if (!value.is_string())
    throw Error(std::string("its ") + what + " is no text");
  return value.get<std::string>();
}

std::string optionalText(const Json &item, const char *name,
                         const char *otherwise) {
  return item.contains(name) ? textOf(item[name], name) : otherwise;
}

TaskItem readItem(const Json &json) {
  if (!json.is_object())
    throw Error("it is not a JSON object");
  for (const char *name : {"question", "choices", "answer"})
    if (!json.contains(name))
      throw Error(std::string("it has no '") + name + "'");
  const Json &question = json["question"];
  const Json &choices = json["choices"];
  const Json &answer = json["answer"];
  if (!choices.is_array() || choices.size() < 2)
    throw Error("its 'choices' are not a list of two or more");
  if (question.is_array() && question.size() != choices.size())
    throw Error("its 'question' is a list of " +
                std::to_string(question.size()) + " texts for " +
                std::to_string(choices.size()) + " choices");
  if (!answer.is_number_unsigned() || answer.get<size_t>() >= choices.size())
    throw Error("its 'answer' is not the index of a choice, counted from 0");
  const std::string prefix = optionalText(json, "prefix", "");
  const std::string delimiter = optionalText(json, "delimiter", " ");
  TaskItem item;
  item.answer = answer.get<size_t>();
  for (size_t i = 0; i < choices.size(); ++i) {
    const std::string choice = textOf(choices[i], "choice");
    const Json &asked = question.is_array() ? question[i] : question;
    item.contexts.push_back(prefix + textOf(asked, "question"));
    item.continuations.push_back(delimiter + choice);
    item.lengths.push_back(evaluate::countCharacters(choice));
    if (item.continuations.back().empty())
      throw Error("its choice " + std::to_string(i) + " is empty");
  }
  return item;
}

} // namespace

TaskFile readTaskItems(const std::string &path, int64_t limit) {
  MappedFile file(path);
  std::string_view text(reinterpret_cast<const char *>(file.data()),
                        static_cast<size_t>(file.size()));
  TaskFile result;
  result.sha256 = toHex(sha256(file.data(), file.size()));
  int64_t number = 0;
  while (!text.empty() &&
         (limit == 0 || static_cast<int64_t>(result.items.size()) < limit)) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    ++number;
    if (line.find_first_not_of(" \t\r") == std::string_view::npos)
      continue;
    try {
      const Json json = Json::parse(line, nullptr, /*allow_exceptions=*/false);
      if (json.is_discarded())
        throw Error("it is not JSON");
      result.items.push_back(readItem(json));
    } catch (const Error &error) {
      throw Error(path + ", line " + std::to_string(number) + ": " +
                  error.what());
    }
  }
  if (result.items.empty())
    throw Error(path + ": it holds no items");
  return result;
}

std::string requestsOf(const std::vector<TaskItem> &items) {
  std::string text;
  for (const TaskItem &item : items)
    for (size_t i = 0; i < item.contexts.size(); ++i)
      text += Json({{"context", item.contexts[i]},
                    {"continuation", item.continuations[i]}})
                  .dump() +
              "\n";
  return text;
}

} // namespace qzc::evaltool
