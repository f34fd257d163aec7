//===- EvalTool.h - Executables side by side --------------------*- C++ -*-===//
//
// What `qz-eval` does, without its command line: runs compiled models, each in
// its own process, and puts what they say about their size, speed and
// perplexity into one table. Nothing is measured here: the executables do that
// (--info, --bench, --score), all under the same conditions.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_EVALTOOL_EVALTOOL_H
#define QZC_EVALTOOL_EVALTOOL_H

#include "qzc/Evaluate/Perplexity.h"

#include <optional>
#include <ostream>
#include <string>
#include <vector>

namespace qzc::evaltool {

struct EvalOptions {
  std::vector<std::string> images; ///< paths of executables
  std::string output; ///< folder for the table and the JSON; empty: none

  std::string text; ///< file to score; empty: no perplexity
  /// Executable that every other one is compared with, token by token; empty:
  /// none. It may be one of `images`.
  std::string base;
  /// File for the base's logits of every scored token; empty: they are not
  /// kept.
  std::string keepBase;
  evaluate::Protocol protocol = evaluate::Protocol::Windows;
  evaluate::BosMode bos = evaluate::BosMode::None;
  /// Where they are left open, the protocol's own, as far as the model with
  /// the fewest positions goes: the same for all.
  std::optional<int64_t> context;
  std::optional<int64_t> stride;
  int64_t maxWindows = 0; ///< 0: all

  /// Tokens to time, 0: not this phase. Left open: 512 and 128, as far as the
  /// model with the fewest positions goes.
  std::optional<int64_t> promptTokens;
  std::optional<int64_t> count;
  int64_t depth = 0; ///< tokens in the cache before those that are timed
  int64_t batch = 1; ///< sequences that are timed at once
  int64_t repetitions = 5;

  std::string device = "auto";
  int threads = 0; ///< 0: the executable's choice
};

/// Measures every executable and prints the table to `results`. One that cannot
/// say what it is stops everything before anything is measured; one that fails
/// later is measured no further and leaves gaps in its row. Each failure is a
/// line on `errors`, and the return value is whether there was none. Throws
/// qzc::Error where the options do not fit the executables or the output cannot
/// be written.
bool evaluateImages(const EvalOptions &options, std::ostream &results,
                    std::ostream &errors);

} // namespace qzc::evaltool

#endif // QZC_EVALTOOL_EVALTOOL_H
