//===- Regex.cpp - Matching with PCRE2 ------------------------------------===//

#define PCRE2_CODE_UNIT_WIDTH 8
#include "Regex.h"

#include "Steps.h"
#include "Utf8.h"
#include "qzc/Support/Error.h"

#include <algorithm>
#include <pcre2.h>

namespace qzc::tokenizer {

namespace {

std::string messageOf(int code) {
  unsigned char text[256] = {};
  pcre2_get_error_message(code, text, sizeof text);
  return reinterpret_cast<const char *>(text);
}

/// A pattern of a tokenizer reads a character a few times.
constexpr uint64_t kMostStepsByte = 1000;

/// Of a pattern whose items call back.
struct Work {
  size_t position = 0; ///< when an item was reached last
  uint64_t steps = 0;
  uint64_t most = UINT64_MAX;
};

/// Called between the items of a pattern. What an item read, or gave back, is
/// how far the position moved.
int countSteps(pcre2_callout_block *block, void *held) {
  auto &work = *static_cast<Work *>(held);
  size_t now = block->current_position;
  work.steps += 1 + std::max(now, work.position) - std::min(now, work.position);
  work.position = now;
  return work.steps > work.most ? PCRE2_ERROR_MATCHLIMIT : 0;
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
    pcre2_set_callout(Context, countSteps, &Done);
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
  Work Done;
};

/// One a thread: words are many and short.
MatchContext &matchContext() {
  static thread_local MatchContext context;
  return context;
}

} // namespace

Regex::Regex(const std::string &pattern, bool watched)
    : Pattern(pattern), Watched(watched) {
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
      PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C |
          (Watched || StepCounter::active() ? PCRE2_AUTO_CALLOUT : 0),
      &code, &offset, context.get());
  if (!compiled)
    throw Error("pattern '" + pattern + "': " + messageOf(code) + " (at byte " +
                std::to_string(offset) + ")");
  Code.reset(compiled, [](void *held) {
    pcre2_code_free(static_cast<pcre2_code *>(held));
  });
  // Where the system forbids executable memory, the interpreter serves.
  Compiled = pcre2_jit_compile(compiled, PCRE2_JIT_COMPLETE) == 0;
  const uint8_t *bits = nullptr;
  if (pcre2_pattern_info(compiled, PCRE2_INFO_FIRSTBITMAP, &bits) == 0 &&
      bits) {
    Starts.emplace();
    for (size_t byte = 0; byte < Starts->size(); ++byte)
      (*Starts)[byte] = bits[byte / 8] >> (byte % 8) & 1;
  }
}

Regex Regex::ofCharacter(const std::string &pattern) {
  Regex made(pattern);
  // PCRE2 does not say it of properties. Beyond ASCII a byte is no character.
  std::array<bool, 256> starts;
  starts.fill(true);
  for (uint8_t byte = 0; byte < 0x80; ++byte) {
    const char character = static_cast<char>(byte);
    starts[byte] = false;
    made.forEach({&character, 1}, [&](size_t, size_t) { starts[byte] = true; });
  }
  made.Starts = starts;
  return made;
}

bool Regex::findStart(Search &search) const {
  if (!Starts)
    return true;
  size_t from = search.at;
  std::string_view text = search.text;
  while (search.at < text.size() &&
         !(*Starts)[static_cast<uint8_t>(text[search.at])])
    ++search.at;
  StepCounter::add(search.at - from);
  return search.at < text.size();
}

bool Regex::find(Search &search) const {
  // Most words have no match of most patterns, and a call costs more than they
  // have bytes.
  if (!findStart(search))
    return false;
  MatchContext &context = matchContext();
  const auto *code = static_cast<const pcre2_code *>(Code.get());
  auto text = reinterpret_cast<PCRE2_SPTR>(search.text.data());
  context.Done = {search.at, search.steps,
                  Watched ? kMostStepsByte * (search.text.size() + 10)
                          : UINT64_MAX};
  int found =
      Compiled ? pcre2_jit_match(code, text, search.text.size(), search.at, 0,
                                 context.Data, context.Context)
               : pcre2_match(code, text, search.text.size(), search.at,
                             PCRE2_NO_UTF_CHECK, context.Data, context.Context);
  StepCounter::add(context.Done.steps - search.steps);
  search.steps = context.Done.steps;
  if (found == PCRE2_ERROR_NOMATCH)
    return false;
  if (found < 0)
    throw Error("splitting text with pattern '" + Pattern +
                "': " + messageOf(found));
  const PCRE2_SIZE *range = pcre2_get_ovector_pointer(context.Data);
  search.begin = range[0];
  search.end = range[1];
  return true;
}

bool Regex::next(Search &search) const {
  std::string_view text = search.text;
  while (search.at <= text.size()) {
    if (!find(search))
      return false;
    bool empty = search.begin == search.end;
    bool counts = !empty || search.begin != search.lastEnd;
    search.lastEnd = search.end;
    search.at = search.end;
    if (empty)
      search.at += search.end < text.size() ? utf8Length(text[search.end]) : 1;
    if (counts)
      return true;
  }
  return false;
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
      return Regex(pattern, !isKnownPattern(regex->string()));
    } catch (const Error &error) {
      regex->fail(error.what());
    }
  }
  // At each place a text may match but for its end.
  constexpr size_t kShort = 16;
  const std::string &text = field.at("String").string();
  return Regex(escapePattern(text), /*watched=*/text.size() > kShort);
}

} // namespace qzc::tokenizer
