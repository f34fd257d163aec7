//===- Generate.cpp - --prompt: continuing a text -------------------------===//

#include "Session.h"
#include "qzc/Support/Error.h"

#include <algorithm>
#include <cstdio>

namespace qzc::runtime {

namespace {

constexpr int64_t kDefaultCount = 128;

std::vector<int32_t> encodePrompt(const Session &session,
                                  const tokenizer::Tokenizer &tokenizer) {
  const Options &options = session.options();
  std::string text = options.promptFile.empty() ? options.prompt
                                                : readText(options.promptFile);
  if (auto at = tokenizer::firstInvalidUtf8(text))
    throw Error("--prompt: not UTF-8 at byte " + std::to_string(*at));
  std::vector<int32_t> ids = tokenizer.encode(text, /*addSpecial=*/true);
  const format::ModelInfo &model = session.model();
  // BOS is the tokenizer's business, but an empty prompt needs something to
  // start from.
  if (model.bos && ids.empty())
    ids.push_back(static_cast<int32_t>(*model.bos));
  if (ids.empty())
    throw Error("the prompt is empty, and the model has no BOS token to start "
                "from");
  session.checkIds(ids, "the prompt");
  return ids;
}

/// Tokens to make, and the positions that takes (the last needs none).
int64_t countThatFits(const Session &session, int64_t prompt) {
  int64_t limit = session.contextOr(session.model().context);
  if (prompt > limit)
    throw Error("the prompt has " + std::to_string(prompt) +
                " tokens, more than the context of " + std::to_string(limit));
  int64_t room = limit - prompt + 1;
  auto count = session.options().count;
  if (count && *count > room)
    throw Error("a prompt of " + std::to_string(prompt) + " tokens and -n " +
                std::to_string(*count) + " do not fit a context of " +
                std::to_string(limit) + "; -n " + std::to_string(room) +
                " would");
  return count.value_or(std::min(kDefaultCount, room));
}

} // namespace

void generate(const Session &session) {
  const Options &options = session.options();
  const format::ModelInfo &model = session.model();
  tokenizer::Tokenizer tokenizer = session.readTokenizer();
  std::vector<int32_t> prompt = encodePrompt(session, tokenizer);
  auto promptTokens = static_cast<int64_t>(prompt.size());
  int64_t count = countThatFits(session, promptTokens);
  auto engine =
      session.createEngine(options.context.value_or(promptTokens + count - 1));

  Sampler sampler(options.sampler);
  tokenizer::StreamDecoder text(tokenizer, /*startsText=*/false);
  std::vector<float> logits(static_cast<size_t>(model.vocab));
  engine->prefill(prompt.data(), promptTokens, logits.data());
  int32_t token = sampler.choose(logits.data(), model.vocab);
  Stopwatch decoding;
  int64_t made = 0;
  while (true) {
    ++made;
    if (!options.ignoreEos &&
        std::find(model.eos.begin(), model.eos.end(), token) != model.eos.end())
      break;
    session.output().write(text.push(token));
    if (made == count)
      break;
    if (sampler.greedy()) {
      token = engine->decodeGreedy(token);
    } else {
      engine->decode(token, logits.data());
      token = sampler.choose(logits.data(), model.vocab);
    }
  }
  double seconds = decoding.seconds();
  session.output().write(text.finish() + "\n");
  if (made > 1)
    std::fprintf(stderr, "%lld tokens after %lld, %.1f tokens/s\n",
                 static_cast<long long>(made),
                 static_cast<long long>(promptTokens),
                 static_cast<double>(made - 1) / seconds);
}

} // namespace qzc::runtime
