//===- Execute.cpp - One mode of an executable, and its JSON --------------===//

#include "Execute.h"

#include "qzc/Support/Error.h"

#include <cstring>

namespace qzc::evaltool {

/// The last line of what a program said on stderr, without its own name.
static std::string lastWords(const std::string &err,
                             const std::string &program) {
  size_t end = err.find_last_not_of(" \r\n");
  if (end == std::string::npos)
    return "it said nothing";
  size_t newline = err.find_last_of("\r\n", end);
  size_t begin = newline == std::string::npos ? 0 : newline + 1;
  std::string line = err.substr(begin, end + 1 - begin);
  for (const std::string &prefix : {program + ": ", std::string("error: ")})
    if (line.rfind(prefix, 0) == 0)
      line.erase(0, prefix.size());
  return line;
}

void requireSuccess(const Outcome &outcome, const std::string &program) {
  if (outcome.signal != 0)
    throw Error("was ended by signal " + std::to_string(outcome.signal) + " (" +
                ::strsignal(outcome.signal) + "); " +
                lastWords(outcome.err, program));
  if (outcome.exitCode != 0)
    throw Error("failed with exit code " + std::to_string(outcome.exitCode) +
                ": " + lastWords(outcome.err, program));
}

Json readOutcome(const Outcome &outcome, const std::string &program) {
  requireSuccess(outcome, program);
  Json json = Json::parse(outcome.out, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded())
    throw Error("did not print JSON; was it made by qzc?");
  return json;
}

Json execute(const std::string &program,
             const std::vector<std::string> &arguments,
             const std::function<void()> &waiting) {
  std::vector<std::string> argv = {program};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  return readOutcome(runProcess(argv, waiting), program);
}

} // namespace qzc::evaltool
