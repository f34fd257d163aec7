//===- Template.h - Conversations as prompts --------------------*- C++ -*-===//
//
// A model's chat template (Jinja, as transformers renders it) turns a
// conversation into the text that the model continues.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_CHAT_TEMPLATE_H
#define QZC_CHAT_TEMPLATE_H

#include <ctime>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace qzc::chat {

/// Messages in order: objects with a role, a content, and what else a template
/// may look at.
class Conversation {
public:
  /// A JSON list of such objects. Throws qzc::Error naming `name`.
  static Conversation read(std::string_view json, const std::string &name);

  void add(const std::string &role, const std::string &content);
  const nlohmann::ordered_json &messages() const { return Messages; }

private:
  nlohmann::ordered_json Messages = nlohmann::ordered_json::array();
};

struct TemplateInputs {
  /// Variables that hold tokens: "eos_token" → "</s>".
  std::map<std::string, std::string> specialTokens;
  std::time_t now = 0; ///< what strftime_now formats, in local time
  /// The prompt of an answer; false: only what was said.
  bool addGenerationPrompt = true;
};

/// The text of `conversation`. The template is run by the program `renderer`
/// (its path and arguments), whose main() is runRenderer, with bounds on time,
/// memory, depth and output. Throws qzc::Error in one line: what the template
/// says by raise_exception, where it is wrong, which bound it broke.
std::string render(const std::string &source, const Conversation &conversation,
                   const TemplateInputs &inputs,
                   const std::vector<std::string> &renderer);

/// Renders one template: from what `render` writes to the process's standard
/// input. Returns the exit code. For main(), before anything else.
int runRenderer();

} // namespace qzc::chat

#endif // QZC_CHAT_TEMPLATE_H
