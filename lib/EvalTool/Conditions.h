//===- Conditions.h - The same conditions for every executable --*- C++ -*-===//

#ifndef QZC_LIB_EVALTOOL_CONDITIONS_H
#define QZC_LIB_EVALTOOL_CONDITIONS_H

#include "Machine.h"
#include "qzc/EvalTool/EvalTool.h"

namespace qzc::evaltool {

/// From --info: what an executable holds.
struct Facts {
  std::string file; ///< the executable, as it was named
  std::string model;
  std::string selection; ///< the compiler's options
  std::string scheme;    ///< "nf4/64 + bf16"
  int64_t positions = 0; ///< the most that the model takes
  std::optional<int32_t> bos;
  uint64_t fileBytes = 0;
  uint64_t importedBytes = 0; ///< weights in the source's types
  uint64_t storedBytes = 0;   ///< weights in the file
};

/// A text and how it is scored.
struct Scoring {
  std::string text; ///< path
  uint64_t textBytes = 0;
  std::string textSha256;
  evaluate::ProtocolOptions protocol; ///< without bosId
  std::string base; ///< path of what the others are compared with, or empty
};

struct Conditions {
  Machine machine;
  std::string commit; ///< that this program was built from
  int64_t promptTokens = 0;
  int64_t count = 0;
  int64_t depth = 0;
  int64_t batch = 1;
  int64_t repetitions = 0;
  std::string device; ///< as asked for
  int threads = 0;    ///< as asked for
  std::optional<Scoring> scoring;

  /// What each executable is called with.
  std::vector<std::string> benchArguments() const;
  std::vector<std::string> scoreArguments() const;
};

/// Fills in what the options leave open. `facts` are those of every executable
/// that takes part. Throws qzc::Error where the options contradict each other
/// or an executable (named) cannot meet them, or the text cannot be read.
Conditions resolve(const EvalOptions &options, const std::vector<Facts> &facts);

} // namespace qzc::evaltool

#endif // QZC_LIB_EVALTOOL_CONDITIONS_H
