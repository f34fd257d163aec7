//===- Conditions.cpp - The same conditions for every executable ----------===//

#include "Conditions.h"

#include "qzc/Support/Error.h"
#include "qzc/Support/Hash.h"
#include "qzc/Support/MappedFile.h"

#include <algorithm>

namespace qzc::evaltool {

namespace {

constexpr int64_t kDefaultPrompt = 512;
constexpr int64_t kDefaultCount = 128;

/// The index of the model with the fewest positions.
size_t smallest(const std::vector<Facts> &facts) {
  auto least = std::min_element(
      facts.begin(), facts.end(),
      [](const Facts &a, const Facts &b) { return a.positions < b.positions; });
  return static_cast<size_t>(least - facts.begin());
}

Scoring resolveScoring(const EvalOptions &options,
                       const std::vector<Facts> &facts, int64_t positions) {
  Scoring scoring;
  evaluate::ProtocolOptions &protocol = scoring.protocol;
  protocol.protocol = options.protocol;
  protocol.bos = options.bos;
  protocol.context = options.context.value_or(
      evaluate::defaultContext(options.protocol, positions));
  protocol.stride =
      options.stride.value_or(evaluate::defaultStride(protocol.context));
  protocol.maxWindows = options.maxWindows;
  for (size_t i = 0; i < facts.size(); ++i) {
    evaluate::ProtocolOptions ofImage = protocol;
    ofImage.bosId = facts[i].bos;
    try {
      evaluate::check(ofImage);
    } catch (const Error &error) {
      throw Error("'" + facts[i].file + "': " + error.what(), error.code());
    }
  }
  scoring.base = options.base;
  MappedFile text(options.text);
  scoring.text = options.text;
  scoring.textBytes = text.size();
  scoring.textSha256 = toHex(sha256(text.data(), text.size()));
  return scoring;
}

} // namespace

Conditions resolve(const EvalOptions &options,
                   const std::vector<Facts> &facts) {
  size_t least = smallest(facts);
  int64_t positions = facts[least].positions;
  auto fits = [&](const char *option, int64_t value) {
    if (value > positions)
      throw Error(std::string(option) + " " + std::to_string(value) +
                  " is too much: '" + facts[least].file + "' has " +
                  std::to_string(positions) + " positions");
    return value;
  };
  Conditions conditions;
  conditions.depth = fits("-d", options.depth);
  const int64_t room = positions - conditions.depth;
  conditions.promptTokens =
      options.promptTokens.value_or(std::min(kDefaultPrompt, room));
  conditions.count = options.count.value_or(std::min(kDefaultCount, room));
  fits("-p", conditions.promptTokens);
  fits("-n", conditions.count);
  fits("-d and -p or -n, together",
       conditions.depth + std::max(conditions.promptTokens, conditions.count));
  if (conditions.promptTokens == 0 && conditions.count == 0)
    throw usageError("-p 0 and -n 0 leave nothing to time");
  conditions.batch = options.batch;
  conditions.repetitions = options.repetitions;
  conditions.device = options.device;
  conditions.threads = options.threads;
  if (!options.text.empty()) {
    fits("--context", options.context.value_or(0));
    conditions.scoring = resolveScoring(options, facts, positions);
  }
  return conditions;
}

static void addDevice(std::vector<std::string> &arguments,
                      const Conditions &conditions) {
  arguments.push_back("--device=" + conditions.device);
  if (conditions.threads > 0)
    arguments.push_back("--threads=" + std::to_string(conditions.threads));
  arguments.emplace_back("--json");
}

std::vector<std::string> Conditions::benchArguments() const {
  std::vector<std::string> arguments = {"--bench",
                                        "-p",
                                        std::to_string(promptTokens),
                                        "-n",
                                        std::to_string(count),
                                        "-r",
                                        std::to_string(repetitions)};
  if (depth > 0)
    arguments.push_back("-d" + std::to_string(depth));
  if (batch > 1)
    arguments.push_back("-b" + std::to_string(batch));
  addDevice(arguments, *this);
  return arguments;
}

std::vector<std::string> Conditions::scoreArguments() const {
  const evaluate::ProtocolOptions &protocol = scoring->protocol;
  std::vector<std::string> arguments = {
      "--score=" + scoring->text,
      "--protocol=" + std::string(evaluate::name(protocol.protocol)),
      "--context=" + std::to_string(protocol.context),
      "--bos=" + std::string(evaluate::name(protocol.bos))};
  if (protocol.protocol == evaluate::Protocol::Stride)
    arguments.push_back("--stride=" + std::to_string(protocol.stride));
  if (protocol.maxWindows > 0)
    arguments.push_back("--max-windows=" + std::to_string(protocol.maxWindows));
  addDevice(arguments, *this);
  return arguments;
}

} // namespace qzc::evaltool
