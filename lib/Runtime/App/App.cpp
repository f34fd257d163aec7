//===- App.cpp - The command line of a compiled model ---------------------===//

#include "qzc/Runtime/App/App.h"

#include "Session.h"
#include "qzc/Support/CommandLine.h"

namespace qzc::runtime {

namespace {

/// Whether a mode creates an engine, beside which weights are checked.
bool needsEngine(Mode mode) {
  switch (mode) {
  case Mode::Generate:
  case Mode::Chat:
  case Mode::Messages:
  case Mode::Score:
  case Mode::Bench:
  case Mode::Tokens:
  case Mode::Requests:
    return true;
  default:
    return false;
  }
}

void runMode(const Options &options, const AppEnvironment &environment,
             const Stopwatch &sinceStart) {
  switch (options.mode) {
  case Mode::Help:
    return Output(environment.output).write(options.helpText);
  case Mode::Version:
    return Output(environment.output).write("qzc runtime " QZC_VERSION "\n");
  default:
    break;
  }
  Session session(options, environment, sinceStart);
  if (!needsEngine(options.mode))
    session.checkImage();
  switch (options.mode) {
  case Mode::Generate:
    return generate(session);
  case Mode::Chat:
    return chatWithUser(session);
  case Mode::Messages:
    return answerMessages(session);
  case Mode::Score:
    return scoreText(session);
  case Mode::Bench:
    return bench(session);
  case Mode::Tokens:
    return runTokens(session);
  case Mode::Requests:
    return answerRequests(session);
  case Mode::Extract:
    return extract(session);
  case Mode::Tokenize:
    return tokenizeText(session);
  case Mode::Info:
    return info(session);
  case Mode::Verify:
    return verifyImage(session);
  case Mode::Help:
  case Mode::Version:
    return;
  }
}

} // namespace

int runApp(int argc, const char *const *argv,
           const AppEnvironment &environment) {
  Stopwatch sinceStart;
  return exitCodeOf(argc > 0 ? argv[0] : "model", [&] {
    runMode(parseOptions(argc, argv), environment, sinceStart);
    return 0;
  });
}

} // namespace qzc::runtime
