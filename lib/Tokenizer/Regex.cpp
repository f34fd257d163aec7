//===- Regex.cpp - Matching with PCRE2 ------------------------------------===//

#define PCRE2_CODE_UNIT_WIDTH 8
#include "Regex.h"

#include "Utf8.h"
#include "qzc/Support/Error.h"

#include <pcre2.h>

namespace qzc::tokenizer {

namespace {

std::string messageOf(int code) {
  unsigned char text[256] = {};
  pcre2_get_error_message(code, text, sizeof text);
  return reinterpret_cast<const char *>(text);
}

/// What matching needs besides the pattern.
struct MatchContext {
  // Alternatives inside repeated groups push a frame an iteration; ordinary
  // text stays far below this.
  static constexpr size_t kStackBytes = size_t(64) << 20;

  MatchContext()
      : Data(pcre2_match_data_create(1, nullptr)),
        Context(pcre2_match_context_create(nullptr)),
        Stack(pcre2_jit_stack_create(size_t(32) << 10, kStackBytes, nullptr)) {
    if (!Data || !Context)
      throw Error("out of memory while splitting text");
    if (Stack)
      pcre2_jit_stack_assign(Context, nullptr, Stack);
  }
  MatchContext(const MatchContext &) = delete;
  MatchContext &operator=(const MatchContext &) = delete;
  ~MatchContext() {
    pcre2_match_data_free(Data);
    pcre2_match_context_free(Context);
    pcre2_jit_stack_free(Stack);
  }

  pcre2_match_data *Data;
  pcre2_match_context *Context;
  pcre2_jit_stack *Stack;
};

/// One a thread: words are many and short.
MatchContext &matchContext() {
  static thread_local MatchContext context;
  return context;
}

} // namespace

Regex::Regex(const std::string &pattern) : Pattern(pattern) {
  std::unique_ptr<pcre2_compile_context, decltype(&pcre2_compile_context_free)>
      context(pcre2_compile_context_create(nullptr),
              pcre2_compile_context_free);
  if (!context)
    throw Error("out of memory while compiling a pattern");
  pcre2_set_newline(context.get(), PCRE2_NEWLINE_LF);
  int code = 0;
  PCRE2_SIZE offset = 0;
  // In Ruby's syntax ^ and $ always mean lines.
  pcre2_code *compiled = pcre2_compile(
      reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(),
      PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C, &code,
      &offset, context.get());
  if (!compiled)
    throw Error("pattern '" + pattern + "': " + messageOf(code) + " (at byte " +
                std::to_string(offset) + ")");
  Code.reset(compiled, [](void *held) {
    pcre2_code_free(static_cast<pcre2_code *>(held));
  });
  // Where the system forbids executable memory, the interpreter serves.
  pcre2_jit_compile(compiled, PCRE2_JIT_COMPLETE);
}

void Regex::forEach(
    std::string_view text,
    const std::function<void(size_t begin, size_t end)> &match) const {
  const auto *code = static_cast<const pcre2_code *>(Code.get());
  const MatchContext &context = matchContext();
  size_t at = 0;
  size_t lastEnd = text.size() + 1;
  while (at <= text.size()) {
    int found = pcre2_match(code, reinterpret_cast<PCRE2_SPTR>(text.data()),
                            text.size(), at, PCRE2_NO_UTF_CHECK, context.Data,
                            context.Context);
    if (found == PCRE2_ERROR_NOMATCH)
      return;
    if (found < 0)
      throw Error("splitting text with pattern '" + Pattern +
                  "': " + messageOf(found));
    const PCRE2_SIZE *range = pcre2_get_ovector_pointer(context.Data);
    size_t begin = range[0];
    size_t end = range[1];
    if (begin < end || begin != lastEnd)
      match(begin, end);
    lastEnd = end;
    at = end;
    if (begin == end)
      at += end < text.size() ? utf8Length(text[end]) : 1;
  }
}

std::string Regex::replace(std::string_view text, std::string_view with) const {
  std::string out;
  size_t done = 0;
  forEach(text, [&](size_t begin, size_t end) {
    out += text.substr(done, begin - done);
    out += with;
    done = end;
  });
  out += text.substr(done);
  return out;
}

Regex readPattern(const Field &field) {
  field.allowOnly({"Regex", "String"});
  if (auto regex = field.find("Regex")) {
    std::string pattern = translatePattern(regex->string(), *regex);
    try {
      return Regex(pattern);
    } catch (const Error &error) {
      regex->fail(error.what());
    }
  }
  return Regex(escapePattern(field.at("String").string()));
}

} // namespace qzc::tokenizer
