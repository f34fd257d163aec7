//===- Plan.cpp - Which windows a protocol scores -------------------------===//

#include "qzc/Evaluate/Perplexity.h"
#include "qzc/Support/Error.h"

#include <algorithm>
#include <iterator>

namespace qzc::evaluate {

namespace {

constexpr std::string_view kProtocols[] = {"windows", "stride", "llama.cpp",
                                           "lines"};
constexpr std::string_view kBosModes[] = {"none", "first", "window"};

std::optional<int> indexIn(const std::string_view *begin,
                           const std::string_view *end, std::string_view name) {
  const auto *found = std::find(begin, end, name);
  if (found == end)
    return std::nullopt;
  return static_cast<int>(found - begin);
}

[[noreturn]] void tooShort(int64_t have, int64_t need) {
  throw Error("the text is too short to score: it has " + std::to_string(have) +
              " tokens, one window needs " + std::to_string(need));
}

/// Full windows every `step` tokens. The first of them scores all it can,
/// later ones their last `step` tokens.
Plan overlapping(int64_t tokens, int64_t step, const ProtocolOptions &options) {
  bool bos = options.bos == BosMode::Window;
  int64_t length = options.context - (bos ? 1 : 0);
  if (tokens < length)
    tooShort(tokens, length);
  Plan plan;
  for (int64_t begin = 0; begin + length <= tokens; begin += step) {
    Window window;
    window.begin = begin;
    window.end = begin + length;
    window.bos = bos ? Window::Bos::InFront : Window::Bos::None;
    if (begin > 0)
      window.firstScored = std::max<int64_t>(1, options.context - step);
    plan.windows.push_back(window);
  }
  return plan;
}

Plan llamaCpp(int64_t tokens, const ProtocolOptions &options) {
  // As llama-perplexity: at least two windows; tokens after the middle one of
  // each are scored.
  int64_t context = options.context;
  if (tokens < 2 * context)
    tooShort(tokens, 2 * context);
  Plan plan;
  for (int64_t begin = 0; begin + context <= tokens; begin += context) {
    Window window;
    window.begin = begin;
    window.end = begin + context;
    window.firstScored = context / 2 + 1;
    if (options.bosId)
      window.bos = Window::Bos::Replaces;
    plan.windows.push_back(window);
  }
  return plan;
}

Plan lines(const Text &text, const ProtocolOptions &options) {
  Plan plan;
  auto total = static_cast<int64_t>(text.tokens.size());
  for (size_t line = 0; line < text.lineStarts.size(); ++line) {
    Window window;
    window.begin = text.lineStarts[line];
    window.end =
        line + 1 < text.lineStarts.size() ? text.lineStarts[line + 1] : total;
    if (options.bos == BosMode::Window)
      window.bos = Window::Bos::InFront;
    if (window.end - window.begin < 2) {
      ++plan.skippedLines;
      continue;
    }
    if (window.size() > options.context)
      throw Error("line " + std::to_string(line + 1) + " has " +
                  std::to_string(window.size()) +
                  " tokens, more than the context of " +
                  std::to_string(options.context));
    plan.windows.push_back(window);
  }
  if (plan.windows.empty())
    throw Error("the text is too short to score: no line has two tokens");
  return plan;
}

} // namespace

std::string_view name(Protocol protocol) {
  return kProtocols[static_cast<int>(protocol)];
}

std::optional<Protocol> parseProtocol(std::string_view name) {
  auto index = indexIn(std::begin(kProtocols), std::end(kProtocols), name);
  return index ? std::optional(static_cast<Protocol>(*index)) : std::nullopt;
}

std::string_view name(BosMode mode) {
  return kBosModes[static_cast<int>(mode)];
}

std::optional<BosMode> parseBosMode(std::string_view name) {
  auto index = indexIn(std::begin(kBosModes), std::end(kBosModes), name);
  return index ? std::optional(static_cast<BosMode>(*index)) : std::nullopt;
}

void check(const ProtocolOptions &options) {
  if (options.context < 2)
    throw usageError("--context must be at least 2 to score a text");
  if (options.maxWindows < 0)
    throw usageError("--max-windows must not be negative");
  int64_t longest = options.context - (options.bos == BosMode::Window ? 1 : 0);
  if (options.protocol == Protocol::Stride &&
      (options.stride < 1 || options.stride > longest))
    throw usageError("--stride must be from 1 to " + std::to_string(longest) +
                     ", the text tokens of a window");
  if (options.protocol == Protocol::LlamaCpp && options.bos != BosMode::None)
    throw usageError("--bos does not go with --protocol=llama.cpp, which adds "
                     "BOS as the model's tokenizer does");
  if (options.protocol == Protocol::Lines && options.bos == BosMode::First)
    throw usageError("--bos=first does not go with --protocol=lines; "
                     "--bos=window puts BOS in front of each line");
  if (options.bos != BosMode::None && !options.bosId)
    throw usageError("--bos=" + std::string(name(options.bos)) +
                     ": the model has no BOS token");
}

int64_t defaultContext(Protocol protocol, int64_t positions) {
  if (protocol == Protocol::Lines)
    return positions;
  return std::min<int64_t>(protocol == Protocol::LlamaCpp ? 512 : 1024,
                           positions);
}

int64_t defaultStride(int64_t context) {
  return std::max<int64_t>(context / 2, 1);
}

Text tokenize(
    std::string_view text, const ProtocolOptions &options,
    const std::function<std::vector<int32_t>(std::string_view)> &encode) {
  Text out;
  if (options.protocol == Protocol::Lines) {
    while (!text.empty()) {
      size_t end = std::min(text.find('\n'), text.size());
      out.lineStarts.push_back(static_cast<int64_t>(out.tokens.size()));
      std::vector<int32_t> ids = encode(text.substr(0, end));
      out.tokens.insert(out.tokens.end(), ids.begin(), ids.end());
      text.remove_prefix(std::min(end + 1, text.size()));
    }
    return out;
  }
  bool llamaCpp = options.protocol == Protocol::LlamaCpp;
  // llama-perplexity reads a text file without its last newline.
  if (llamaCpp && !text.empty() && text.back() == '\n')
    text.remove_suffix(1);
  out.tokens = encode(text);
  bool once = options.bos == BosMode::First || llamaCpp;
  if (once && options.bosId)
    out.tokens.insert(out.tokens.begin(), *options.bosId);
  return out;
}

int64_t Plan::largestWindow() const {
  int64_t largest = 0;
  for (const Window &window : windows)
    largest = std::max(largest, window.size());
  return largest;
}

int64_t Plan::scored() const {
  int64_t sum = 0;
  for (const Window &window : windows)
    sum += window.scored();
  return sum;
}

Plan plan(const Text &text, const ProtocolOptions &options) {
  check(options);
  auto tokens = static_cast<int64_t>(text.tokens.size());
  Plan plan;
  switch (options.protocol) {
  case Protocol::Windows:
    plan = overlapping(
        tokens, options.context - (options.bos == BosMode::Window ? 1 : 0),
        options);
    break;
  case Protocol::Stride:
    plan = overlapping(tokens, options.stride, options);
    break;
  case Protocol::LlamaCpp:
    plan = llamaCpp(tokens, options);
    break;
  case Protocol::Lines:
    plan = lines(text, options);
    break;
  }
  if (options.maxWindows > 0 &&
      options.maxWindows < static_cast<int64_t>(plan.windows.size()))
    plan.windows.resize(static_cast<size_t>(options.maxWindows));
  return plan;
}

} // namespace qzc::evaluate
