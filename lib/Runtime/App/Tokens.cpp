//===- Tokens.cpp - --tokens: logits and continuations of ids -------------===//

#include "Session.h"
#include "qzc/Runtime/Argmax.h"
#include "qzc/Runtime/Sequence.h"
#include "qzc/Support/Error.h"
#include "qzc/Support/Npy.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace qzc::runtime {

namespace {

/// Runs the tokens; returns logits [rows, vocab], of all tokens or, where only
/// a continuation is wanted, of the last one.
std::vector<float> run(Sequence &text, const std::vector<int32_t> &tokens,
                       int64_t vocab, bool all, bool stepwise) {
  auto count = static_cast<int64_t>(tokens.size());
  std::vector<float> out(static_cast<size_t>((all ? count : 1) * vocab));
  if (stepwise) {
    for (int64_t i = 0; i < count; ++i)
      text.decode(tokens[static_cast<size_t>(i)],
                  out.data() + (all ? i * vocab : 0));
  } else if (all) {
    text.logits(tokens.data(), count, out.data());
  } else {
    text.prefill(tokens.data(), count, out.data());
  }
  return out;
}

std::vector<int32_t> continueGreedily(Sequence &text, int32_t token,
                                      int64_t count,
                                      const std::vector<int64_t> &stopAt) {
  std::vector<int32_t> out{token};
  while (static_cast<int64_t>(out.size()) < count &&
         std::find(stopAt.begin(), stopAt.end(), out.back()) == stopAt.end())
    out.push_back(text.decodeGreedy(
        out.back(), static_cast<int64_t>(out.size()) + 1 < count));
  return out;
}

} // namespace

void runTokens(const Session &session) {
  const Options &options = session.options();
  int64_t vocab = session.model().vocab;
  const std::vector<int32_t> &tokens = options.tokens;
  session.checkIds(tokens, "--tokens");
  bool all = !options.logitsFile.empty();
  if (all)
    session.checkOutput("--logits", options.logitsFile);
  auto count = static_cast<int64_t>(tokens.size());
  int64_t needed = count + std::max<int64_t>(options.count.value_or(0) - 1, 0);
  if (needed > session.contextOr(session.model().context))
    throw Error("--tokens and -n take " + std::to_string(needed) +
                " positions, more than the context of " +
                std::to_string(session.contextOr(session.model().context)));
  auto engine = session.createEngine(options.context.value_or(needed));
  Sequence text(*engine);
  std::vector<float> logits = run(text, tokens, vocab, all, options.stepwise);
  if (all)
    writeNpy(options.logitsFile, {count, vocab}, logits.data());
  if (!options.count)
    return;
  const float *last = logits.data() + logits.size() - vocab;
  auto ids = continueGreedily(text, argmax(last, vocab), *options.count,
                              options.ignoreEos ? std::vector<int64_t>()
                                                : session.model().eos);
  session.output().write(nlohmann::json(ids).dump() + "\n");
}

} // namespace qzc::runtime
