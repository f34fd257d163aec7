//===- Requests.cpp - --requests: questions and answers, a line each ------===//
//
// A line of JSON in, a line of JSON out, in order and at once, so that another
// program may ask as it goes. What may be asked:
//
//   {"context": TEXT, "continuation": TEXT}   how likely the second is
//   {"tokens": [IDS], "scored": N}            how likely the last N are
//   {"encode": TEXT}                          token ids, special ones added
//   {"prompt": TEXT, "max_tokens": N, "stop": [TEXTS]}   greedy continuation
//
//===----------------------------------------------------------------------===//

#include "Continuation.h"
#include "Json.h"
#include "LogitsBlocks.h"
#include "StopText.h"
#include "qzc/Evaluate/Softmax.h"
#include "qzc/Runtime/Argmax.h"
#include "qzc/Support/Error.h"
#include "qzc/Support/File.h"

#include <algorithm>
#include <iostream>
#include <sstream>

namespace qzc::runtime {

namespace {

/// Positions of the cache where --context does not say.
constexpr int64_t kDefaultPositions = 4096;

/// A field of a request. Throws qzc::Error that names it.
template <typename Value> Value field(const Json &request, const char *name) {
  try {
    return request.at(name).get<Value>();
  } catch (const Json::exception &) {
    throw Error(std::string("its '") + name +
                "' is missing, or of another kind than expected");
  }
}

/// What does not fit an id is no token of any vocabulary.
std::vector<int32_t> idsOf(const std::vector<int64_t> &values) {
  std::vector<int32_t> ids;
  for (int64_t value : values)
    ids.push_back(value < 0 || value > INT32_MAX ? -1
                                                 : static_cast<int32_t>(value));
  return ids;
}

class Answerer {
public:
  explicit Answerer(const Session &session)
      : Asked(session), Vocabulary(session.readTokenizer()),
        Positions(session.contextOr(
            std::min(kDefaultPositions, session.model().context))),
        Model(session.createEngine(Positions)), Text(*Model),
        Blocks(session.model().vocab) {}

  Json answer(const Json &request);

private:
  Json likelihood(Continuation asked);
  Json continueText(const Json &request);
  int64_t keepCommon(const std::vector<int32_t> &inputs, int64_t most);

  const Session &Asked;
  tokenizer::Tokenizer Vocabulary;
  int64_t Positions;
  std::unique_ptr<Engine> Model;
  Sequence Text;
  LogitsBlocks Blocks;
  std::vector<int32_t> Held; ///< tokens that it has
};

/// Leaves in the sequence what `inputs` begin with, `most` tokens at most, so
/// that choices that share a context do not run it again; returns how many.
int64_t Answerer::keepCommon(const std::vector<int32_t> &inputs, int64_t most) {
  const auto end =
      Held.begin() + std::min<int64_t>(static_cast<int64_t>(Held.size()), most);
  const int64_t common =
      std::mismatch(Held.begin(), end, inputs.begin(), inputs.end()).first -
      Held.begin();
  Text.rewind(common);
  Held = inputs;
  return common;
}

/// One more position would not change an answer: the last token needs none.
Json Answerer::likelihood(Continuation asked) {
  std::vector<int32_t> &tokens = asked.tokens;
  Asked.checkIds(tokens, "a request");
  if (asked.scored < 1 || asked.scored >= static_cast<int64_t>(tokens.size()))
    throw Error("its tokens must be more than those that are scored, and "
                "those at least one");
  if (asked.scored > Positions)
    throw Error("it scores " + std::to_string(asked.scored) +
                " tokens, more than the context of " +
                std::to_string(Positions));
  Json result;
  // What does not fit is dropped from the context's beginning.
  const int64_t dropped = static_cast<int64_t>(tokens.size()) - 1 - Positions;
  if (dropped > 0) {
    tokens.erase(tokens.begin(), tokens.begin() + dropped);
    result["dropped"] = dropped;
  }
  const std::vector<int32_t> inputs(tokens.begin(), tokens.end() - 1);
  const auto count = static_cast<int64_t>(inputs.size());
  // The row before the first scored token predicts it, so it has to be run.
  const int64_t firstRow = count - asked.scored;
  const int64_t known = keepCommon(inputs, firstRow);
  double sum = 0;
  bool greedy = true;
  Blocks.run(Text, inputs.data() + known, count - known, firstRow - known,
             [&](int64_t first, int64_t rows, const float *logits) {
               for (int64_t i = 0; i < rows; ++i) {
                 const float *row = logits + i * Blocks.vocab();
                 const int32_t target =
                     tokens[static_cast<size_t>(known + first + i + 1)];
                 sum += row[target] - evaluate::logSumExp(row, Blocks.vocab());
                 greedy = greedy && argmax(row, Blocks.vocab()) == target;
               }
             });
  result["logprob"] = sum;
  result["greedy"] = greedy;
  result["tokens"] = asked.scored;
  return result;
}

Json Answerer::continueText(const Json &request) {
  const auto most = field<int64_t>(request, "max_tokens");
  std::vector<std::string> stops;
  if (request.contains("stop"))
    stops = field<std::vector<std::string>>(request, "stop");
  if (std::count(stops.begin(), stops.end(), "") != 0)
    throw Error("one of its 'stop' texts is empty");
  std::vector<int32_t> tokens = encodeText(
      Vocabulary, Asked.model(), field<std::string>(request, "prompt"));
  Asked.checkIds(tokens, "a request");
  if (most < 1 || most >= Positions || tokens.empty())
    throw Error("it has no prompt, or its 'max_tokens' does not leave room for "
                "one in a context of " +
                std::to_string(Positions));
  const int64_t room = Positions - most;
  if (static_cast<int64_t>(tokens.size()) > room)
    tokens.erase(tokens.begin(), tokens.end() - room);
  const auto count = static_cast<int64_t>(tokens.size());
  Text.rewind(0);
  Held.clear();
  std::vector<float> logits(static_cast<size_t>(Blocks.vocab()));
  Text.prefill(tokens.data(), count, logits.data());
  int32_t token = argmax(logits.data(), Blocks.vocab());

  const std::vector<int64_t> &ends = Asked.model().eos;
  tokenizer::StreamDecoder decoder(Vocabulary, /*startsText=*/false);
  StopText stop(std::move(stops));
  std::string text;
  for (int64_t made = 1;
       std::find(ends.begin(), ends.end(), token) == ends.end(); ++made) {
    text += stop.push(decoder.push(token));
    if (stop.stopped() || made == most)
      break;
    token = Text.decodeGreedy(token);
  }
  text += stop.push(decoder.finish());
  return {{"text", text + stop.finish()}};
}

Json Answerer::answer(const Json &request) {
  if (!request.is_object())
    throw Error("it is not a JSON object");
  if (request.contains("continuation"))
    return likelihood(encodePair(Vocabulary, Asked.model(),
                                 field<std::string>(request, "context"),
                                 field<std::string>(request, "continuation")));
  if (request.contains("tokens"))
    return likelihood({idsOf(field<std::vector<int64_t>>(request, "tokens")),
                       field<int64_t>(request, "scored")});
  if (request.contains("encode"))
    return {{"tokens", encodeText(Vocabulary, Asked.model(),
                                  field<std::string>(request, "encode"))}};
  if (request.contains("prompt"))
    return continueText(request);
  throw Error("it asks for nothing: it has neither 'continuation', 'tokens', "
              "'encode' nor 'prompt'");
}

} // namespace

void answerRequests(const Session &session) {
  const std::string &path = session.options().requestsFile;
  std::istringstream file;
  if (path != "-")
    file.str(readFile(path));
  std::istream &in = path == "-" ? std::cin : file;
  Answerer answerer(session);
  int64_t number = 0;
  for (std::string line; std::getline(in, line);) {
    ++number;
    try {
      const Json request = Json::parse(line, nullptr, /*exceptions=*/false);
      if (request.is_discarded())
        throw Error("it is not JSON");
      session.output().write(answerer.answer(request).dump() + "\n");
    } catch (const Error &error) {
      throw Error("request " + std::to_string(number) + ": " + error.what());
    }
  }
}

} // namespace qzc::runtime
