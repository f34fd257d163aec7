//===- Session.h - What every mode of the command line works on -*- C++ -*-===//

#ifndef QZC_LIB_RUNTIME_APP_SESSION_H
#define QZC_LIB_RUNTIME_APP_SESSION_H

#include "Options.h"
#include "qzc/Runtime/App/App.h"
#include "qzc/Support/Output.h"
#include "qzc/Tokenizer/Tokenizer.h"

#include <chrono>

namespace qzc::runtime {

/// Seconds since it was made.
class Stopwatch {
public:
  double seconds() const {
    return std::chrono::duration<double>(Clock::now() - Start).count();
  }

private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point Start = Clock::now();
};

/// One call of the executable: its arguments, its image and its output.
class Session {
public:
  Session(const Options &options, const AppEnvironment &environment,
          const Stopwatch &sinceStart);

  const Options &options() const { return Arguments; }
  const Image &image() const { return *OpenImage; }
  const format::ModelInfo &model() const { return OpenImage->manifest().model; }
  const Output &output() const { return Out; }
  int input() const { return Environment.input; }
  const std::vector<std::string> &templateRenderer() const {
    return Environment.templateRenderer;
  }
  const Stopwatch &sinceStart() const { return SinceStart; }

  /// Waits until the weights are found right, which createEngine does itself;
  /// throws where they are not.
  void checkImage() const { OpenImage->checkWeights(); }
  tokenizer::Tokenizer readTokenizer() const;
  /// Loads the model with room for `sequences` of `positions` each on the
  /// chosen device; says on stderr what --device=auto took.
  std::unique_ptr<Engine> createEngine(int64_t positions,
                                       int64_t sequences = 1) const;
  /// --context, or `otherwise`, checked against what the model was made for.
  int64_t contextOr(int64_t otherwise) const;
  /// Throws unless all ids are below the vocabulary's size; `who` is named.
  void checkIds(const std::vector<int32_t> &ids, const std::string &who) const;
  /// Throws where the value of `option` is one of the files that are read.
  void checkOutput(const std::string &option, const std::string &path) const;

private:
  const Options &Arguments;
  const AppEnvironment &Environment;
  const Stopwatch &SinceStart;
  Output Out;
  std::unique_ptr<Image> OpenImage;
};

/// The bytes of a text file, checked to be UTF-8.
std::string readText(const std::string &path);

// The modes.
void generate(const Session &session);
void chatWithUser(const Session &session);
void answerMessages(const Session &session);
void runTokens(const Session &session);
void answerRequests(const Session &session);
void scoreText(const Session &session);
void bench(const Session &session);
void extract(const Session &session);
void tokenizeText(const Session &session);
void info(const Session &session);
void verifyImage(const Session &session);

} // namespace qzc::runtime

#endif // QZC_LIB_RUNTIME_APP_SESSION_H
