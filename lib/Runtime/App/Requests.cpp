//===- Requests.cpp - --requests: questions and answers, a line each ------===//
//
// A line of JSON in, a line of JSON out, in order and at once, so that another
// program may ask as it goes; of a file, neighbouring prompts are continued
// together. What may be asked:
//
//   {"context": TEXT, "continuation": TEXT}   how likely the second is
//   {"tokens": [IDS], "scored": N}            how likely the last N are
//   {"encode": TEXT}                          token ids, special ones added
//   {"prompt": TEXT, "max_tokens": N, "stop": [TEXTS]}   greedy continuation
//
//===----------------------------------------------------------------------===//

#include "Continuation.h"
#include "GreedyTexts.h"
#include "Json.h"
#include "LogitsBlocks.h"
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

/// Prompts of a file that are continued together.
constexpr size_t kMostTogether = 32;

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
      : Call(session), Vocabulary(session.readTokenizer()),
        Positions(session.contextOr(
            std::min(kDefaultPositions, session.model().context))),
        Model(session.createEngine(Positions, kMostTogether + 1)), Text(*Model),
        Blocks(session.model().vocab) {}

  /// Whether a request asks for a text, which promptOf() and texts() answer;
  /// all others answer() does.
  static bool asksForText(const Json &request) {
    return request.is_object() && request.contains("prompt") &&
           !request.contains("continuation") && !request.contains("tokens") &&
           !request.contains("encode");
  }
  GreedyPrompt promptOf(const Json &request) const;
  std::vector<std::string> texts(const std::vector<GreedyPrompt> &prompts) {
    return continueGreedily(*Model, Vocabulary, Call.model(), prompts);
  }
  Json answer(const Json &request);

private:
  Json likelihood(Continuation asked);
  int64_t keepCommon(const std::vector<int32_t> &inputs, int64_t most);

  const Session &Call;
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
  Call.checkIds(tokens, "a request");
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

GreedyPrompt Answerer::promptOf(const Json &request) const {
  const auto most = field<int64_t>(request, "max_tokens");
  std::vector<std::string> stops;
  if (request.contains("stop"))
    stops = field<std::vector<std::string>>(request, "stop");
  if (std::count(stops.begin(), stops.end(), "") != 0)
    throw Error("one of its 'stop' texts is empty");
  std::vector<int32_t> tokens = encodeText(
      Vocabulary, Call.model(), field<std::string>(request, "prompt"));
  Call.checkIds(tokens, "a request");
  if (most < 1 || most >= Positions || tokens.empty())
    throw Error("it has no prompt, or its 'max_tokens' does not leave room for "
                "one in a context of " +
                std::to_string(Positions));
  const int64_t room = Positions - most;
  if (static_cast<int64_t>(tokens.size()) > room)
    tokens.erase(tokens.begin(), tokens.end() - room);
  return {std::move(tokens), most, std::move(stops)};
}

Json Answerer::answer(const Json &request) {
  if (!request.is_object())
    throw Error("it is not a JSON object");
  if (request.contains("continuation"))
    return likelihood(encodePair(Vocabulary, Call.model(),
                                 field<std::string>(request, "context"),
                                 field<std::string>(request, "continuation")));
  if (request.contains("tokens"))
    return likelihood({idsOf(field<std::vector<int64_t>>(request, "tokens")),
                       field<int64_t>(request, "scored")});
  if (request.contains("encode"))
    return {{"tokens", encodeText(Vocabulary, Call.model(),
                                  field<std::string>(request, "encode"))}};
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
  const size_t together = path == "-" ? 1 : kMostTogether;
  std::vector<GreedyPrompt> prompts; ///< those of the last lines
  int64_t number = 0;
  const auto failing = [&](int64_t first, const Error &error) {
    return Error((first < number ? "requests " + std::to_string(first) + " to "
                                 : "request ") +
                 std::to_string(number) + ": " + error.what());
  };
  const auto writeTexts = [&] {
    if (prompts.empty())
      return;
    try {
      for (const std::string &text : answerer.texts(prompts))
        session.output().write(Json({{"text", text}}).dump() + "\n");
    } catch (const Error &error) {
      throw failing(number - static_cast<int64_t>(prompts.size()) + 1, error);
    }
    prompts.clear();
  };
  for (std::string line; std::getline(in, line);) {
    const Json request = Json::parse(line, nullptr, /*exceptions=*/false);
    const bool isText = Answerer::asksForText(request);
    if (!isText)
      writeTexts();
    ++number;
    try {
      if (request.is_discarded())
        throw Error("it is not JSON");
      if (isText)
        prompts.push_back(answerer.promptOf(request));
      else
        session.output().write(answerer.answer(request).dump() + "\n");
    } catch (const Error &error) {
      // What was asked before is answered.
      const int64_t bad = number--;
      writeTexts();
      number = bad;
      throw failing(bad, error);
    }
    if (prompts.size() == together)
      writeTexts();
  }
  writeTexts();
}

} // namespace qzc::runtime
