//===- Options.h - The arguments of a compiled model ------------*- C++ -*-===//

#ifndef QZC_LIB_RUNTIME_APP_OPTIONS_H
#define QZC_LIB_RUNTIME_APP_OPTIONS_H

#include "Sampler.h"
#include "qzc/Evaluate/Perplexity.h"
#include "qzc/Runtime/Engine.h"

#include <ctime>
#include <optional>
#include <string>
#include <vector>

namespace qzc::runtime {

enum class Mode {
  Help,
  Version,
  Generate,
  Chat,
  Messages,
  Score,
  Bench,
  Tokens,
  Requests,
  Extract,
  Tokenize,
  Info,
  Verify ///< and nothing else
};

enum class DeviceChoice { Auto, Cuda, Cpu };

struct Options {
  Mode mode = Mode::Help;
  std::string helpText; ///< Help
  bool json = false;
  bool verify = false; ///< with any mode

  // Chat, Messages
  std::optional<std::string> system;
  std::string messagesFile;
  bool render = false; ///< the prompt instead of an answer
  std::optional<std::time_t> date;

  // Generate, Chat, Messages, Tokens
  std::string prompt;
  std::string promptFile;       ///< instead of prompt, unless empty
  std::optional<int64_t> count; ///< -n, also of Bench
  bool ignoreEos = false;
  std::vector<std::string> stops; ///< texts at which generating ends
  SamplerOptions sampler;
  std::vector<int32_t> tokens;
  std::string logitsFile; ///< empty: no logits wanted
  bool stepwise = false;

  std::string requestsFile; ///< Requests; "-": standard input

  // Score, Tokenize, Extract
  std::string textFile;
  std::string outputFile;
  evaluate::Protocol protocol = evaluate::Protocol::Windows;
  evaluate::BosMode bos = evaluate::BosMode::None;
  std::optional<int64_t> stride;
  int64_t maxWindows = 0;
  bool planOnly = false; ///< say what would be scored, and stop

  // Bench
  std::optional<int64_t> promptTokens;
  int64_t depth = 0; ///< tokens in the cache before what is timed
  int64_t batch = 1; ///< sequences that are timed at once
  int64_t repetitions = 5;

  // Device
  DeviceChoice device = DeviceChoice::Auto;
  int threads = 0;
  std::optional<InstructionSet> instructions;
  std::optional<int64_t> context;
  CacheType cache = CacheType::F32;
  bool forcePtx = false;
};

/// Throws qzc::Error with exit code 2 on a call that makes no sense.
Options parseOptions(int argc, const char *const *argv);

} // namespace qzc::runtime

#endif // QZC_LIB_RUNTIME_APP_OPTIONS_H
