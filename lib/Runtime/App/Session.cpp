//===- Session.cpp - What every mode of the command line works on ---------===//

#include "Session.h"

#include "qzc/Support/Error.h"
#include "qzc/Support/File.h"

#include <cstdio>

namespace qzc::runtime {

Session::Session(const Options &options, const AppEnvironment &environment,
                 const Stopwatch &sinceStart)
    : Arguments(options), Environment(environment), SinceStart(sinceStart),
      Out(environment.output),
      OpenImage(environment.openImage(options.verify, options.threads)) {}

tokenizer::Tokenizer Session::readTokenizer() const {
  if (OpenImage->tokenizerJson().empty())
    throw Error("this executable holds no tokenizer, so it works on token ids "
                "only (--tokens)");
  return tokenizer::Tokenizer::fromJson(OpenImage->tokenizerJson());
}

std::unique_ptr<Engine> Session::createEngine(int64_t positions,
                                              int64_t sequences) const {
  EngineOptions wanted;
  wanted.context = positions;
  wanted.sequences = sequences;
  wanted.cache = Arguments.cache;
  wanted.threads = Arguments.threads;
  wanted.instructions = Arguments.instructions;
  wanted.forcePtx = Arguments.forcePtx;
  const bool hasCode = !OpenImage->deviceCode().empty();
  bool cuda = Arguments.device == DeviceChoice::Cuda ||
              (Arguments.device == DeviceChoice::Auto &&
               (hasCode || Arguments.forcePtx) && Environment.cudaPresent());
  if (!cuda && Arguments.forcePtx)
    throw Error("--force-ptx needs a GPU, and there is no NVIDIA driver or "
                "device");
  auto engine = cuda ? Environment.createCuda(*OpenImage, wanted)
                     : Environment.createCpu(*OpenImage, wanted);
  OpenImage->checkWeights();
  if (Arguments.device == DeviceChoice::Auto)
    std::fprintf(stderr, "--device=auto took %s%s\n",
                 engine->describe().c_str(),
                 hasCode ? "" : ": this executable holds no GPU code");
  return engine;
}

int64_t Session::contextOr(int64_t otherwise) const {
  int64_t context = Arguments.context.value_or(otherwise);
  if (context > model().context)
    throw Error("a context of " + std::to_string(context) +
                " is too long: the model has " +
                std::to_string(model().context) + " positions");
  return context;
}

void Session::checkIds(const std::vector<int32_t> &ids,
                       const std::string &who) const {
  for (int32_t id : ids)
    if (id < 0 || id >= model().vocab)
      throw Error(who + ": token id " + std::to_string(id) +
                  " is out of range: the model has " +
                  std::to_string(model().vocab) + " tokens");
}

void Session::checkOutput(const std::string &option,
                          const std::string &path) const {
  std::vector<InputFile> inputs = OpenImage->files();
  if (!Arguments.textFile.empty())
    inputs.push_back({"the text", Arguments.textFile});
  checkIsNoInput(option, path, inputs);
}

std::string readText(const std::string &path) {
  std::string text = readFile(path);
  if (auto at = tokenizer::firstInvalidUtf8(text))
    throw Error(path + ": not UTF-8 at byte " + std::to_string(*at));
  return text;
}

} // namespace qzc::runtime
