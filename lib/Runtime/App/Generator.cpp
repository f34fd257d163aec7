//===- Generator.cpp - Text, token by token -------------------------------===//

#include "Generator.h"

#include "StopText.h"
#include "qzc/Support/Error.h"

#include <algorithm>
#include <cstdio>

namespace qzc::runtime {

bool Generator::ends(int32_t token) const {
  const std::vector<int64_t> &ends = Call.model().eos;
  return !Call.options().ignoreEos &&
         std::find(ends.begin(), ends.end(), token) != ends.end();
}

/// The token after `token`, the last one that is wanted or not; `logits`
/// [vocab] is room for what only the host can choose from.
int32_t Generator::next(Sequence &sequence, int32_t token, bool isLast,
                        std::vector<float> &logits) {
  if (TokenSampler.penalizes()) {
    sequence.decode(token, logits.data());
    return TokenSampler.choose(logits.data());
  }
  if (TokenSampler.greedy())
    return sequence.decodeGreedy(token, /*ahead=*/!isLast);
  const Draw draw = TokenSampler.next();
  std::vector<Draw> ahead;
  if (!isLast)
    ahead.push_back(TokenSampler.upcoming());
  return sequence.decodeDrawn(token, draw, ahead);
}

Generator::Result Generator::run(Sequence &sequence,
                                 const std::vector<int32_t> &prompt,
                                 size_t known, int64_t count) {
  for (int32_t token : prompt)
    TokenSampler.see(token);
  std::vector<float> logits(static_cast<size_t>(Call.model().vocab));
  sequence.prefill(prompt.data() + known,
                   static_cast<int64_t>(prompt.size() - known), logits.data());
  Result result;
  tokenizer::StreamDecoder decoder(Vocabulary, /*startsText=*/false);
  StopText stop(Call.options().stops);
  auto show = [&](const std::string &text) {
    Call.output().write(text);
    result.text += text;
  };
  int32_t token = TokenSampler.choose(logits.data());
  Stopwatch decoding;
  while (true) {
    result.ids.push_back(token);
    result.ended = ends(token);
    if (result.ended)
      break;
    show(stop.push(decoder.push(token)));
    result.ended = stop.stopped();
    const int64_t left = count - static_cast<int64_t>(result.ids.size());
    if (result.ended || left == 0)
      break;
    token = next(sequence, token, /*isLast=*/left == 1, logits);
  }
  result.seconds = decoding.seconds();
  show(stop.push(decoder.finish()));
  show(stop.finish());
  return result;
}

Room roomFor(const Session &session, int64_t prompt) {
  constexpr int64_t kUsual = 128;
  int64_t limit = session.contextOr(session.model().context);
  if (prompt > limit)
    throw Error("the prompt has " + std::to_string(prompt) +
                " tokens, more than the context of " + std::to_string(limit));
  int64_t room = limit - prompt + 1;
  auto wanted = session.options().count;
  if (wanted && *wanted > room)
    throw Error("a prompt of " + std::to_string(prompt) + " tokens and -n " +
                std::to_string(*wanted) + " do not fit a context of " +
                std::to_string(limit) + "; -n " + std::to_string(room) +
                " would");
  int64_t count = wanted.value_or(std::min(kUsual, room));
  return {count, session.options().context.value_or(prompt + count - 1)};
}

void reportSpeed(const Generator::Result &result, size_t prompt) {
  size_t made = result.ids.size();
  if (made > 1)
    std::fprintf(stderr, "%zu tokens after %zu, %.1f tokens/s\n", made, prompt,
                 static_cast<double>(made - 1) / result.seconds);
}

} // namespace qzc::runtime
