//===- Continuation.cpp - A text and what may follow it -------------------===//

#include "Continuation.h"

#include "qzc/Support/Error.h"

#include <algorithm>

namespace qzc::runtime {

namespace {

/// What Python's str.rstrip() strips.
constexpr std::string_view kSpaces[] = {
    " ",      "\t",     "\n",     "\v",     "\f",     "\r",
    "\x1c",   "\x1d",   "\x1e",   "\x1f",   "\u0085", "\u00a0",
    "\u1680", "\u2000", "\u2001", "\u2002", "\u2003", "\u2004",
    "\u2005", "\u2006", "\u2007", "\u2008", "\u2009", "\u200a",
    "\u2028", "\u2029", "\u202f", "\u205f", "\u3000"};

/// Bytes of white space at the end.
size_t trailingSpace(std::string_view text) {
  size_t size = text.size();
  const auto endsInSpace = [&](std::string_view space) {
    return size >= space.size() &&
           text.substr(size - space.size(), space.size()) == space;
  };
  while (true) {
    const auto *found =
        std::find_if(std::begin(kSpaces), std::end(kSpaces), endsInSpace);
    if (found == std::end(kSpaces))
      return text.size() - size;
    size -= found->size();
  }
}

/// What stands for an empty context.
int32_t prefixToken(const format::ModelInfo &model) {
  if (model.bos)
    return static_cast<int32_t>(*model.bos);
  if (model.eos.empty())
    throw Error("the context is empty, and the model has neither a BOS nor an "
                "EOS token to start from");
  return static_cast<int32_t>(model.eos.front());
}

} // namespace

std::vector<int32_t> encodeText(const tokenizer::Tokenizer &tokenizer,
                                const format::ModelInfo &model,
                                const std::string &text) {
  const auto begins = [&](int64_t token) {
    const auto spelled = tokenizer.token(static_cast<int32_t>(token));
    return spelled && !spelled->empty() && text.rfind(*spelled, 0) == 0;
  };
  const bool hasBos = model.bos           ? begins(*model.bos)
                      : model.eos.empty() ? false
                                          : begins(model.eos.front());
  return tokenizer.encode(text, /*addSpecial=*/!hasBos);
}

Continuation encodePair(const tokenizer::Tokenizer &tokenizer,
                        const format::ModelInfo &model, std::string context,
                        std::string continuation) {
  Continuation result;
  size_t contextTokens = 0;
  if (context.empty()) {
    result.tokens = tokenizer.encode(continuation, /*addSpecial=*/false);
    const int32_t prefix = prefixToken(model);
    if (result.tokens.empty() || result.tokens.front() != prefix)
      result.tokens.insert(result.tokens.begin(), prefix);
    contextTokens = 1;
  } else {
    const size_t space = trailingSpace(context);
    continuation.insert(0, context.substr(context.size() - space));
    context.resize(context.size() - space);
    contextTokens = encodeText(tokenizer, model, context).size();
    result.tokens = encodeText(tokenizer, model, context + continuation);
  }
  if (contextTokens < 1 || result.tokens.size() <= contextTokens)
    throw Error("there is no token to score, or none before it");
  result.scored = static_cast<int64_t>(result.tokens.size() - contextTokens);
  return result;
}

} // namespace qzc::runtime
