//===- Perplexity.h - Perplexity under a stated protocol --------*- C++ -*-===//
//
// A protocol is a plan: which windows of the token stream the model sees and
// which of their tokens count. Scoring a plan is the same for all of them.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_EVALUATE_PERPLEXITY_H
#define QZC_EVALUATE_PERPLEXITY_H

#include "qzc/Evaluate/Statistics.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace qzc::evaluate {

enum class Protocol {
  Windows,  ///< windows side by side, all but their first token scored
  Stride,   ///< windows every `stride` tokens, only new tokens scored
  LlamaCpp, ///< the second half of each window scored
  Lines,    ///< each line a sample
};
std::string_view name(Protocol protocol);
std::optional<Protocol> parseProtocol(std::string_view name);

enum class BosMode {
  None,
  First,  ///< once, in front of the text
  Window, ///< in front of every window, where it takes one place
};
std::string_view name(BosMode mode);
std::optional<BosMode> parseBosMode(std::string_view name);

struct ProtocolOptions {
  Protocol protocol = Protocol::Windows;
  int64_t context = 1024; ///< most tokens of a window, BOS included; ≥ 2
  int64_t stride = 512;   ///< Stride: 1 … context
  int64_t maxWindows = 0; ///< 0: all
  BosMode bos = BosMode::None;
  /// Needed unless bos is None; LlamaCpp: set where the model's tokenizer adds
  /// BOS by itself, which then replaces each window's first token.
  std::optional<int32_t> bosId;
};

/// Throws qzc::Error (exit code 2) where the options contradict each other.
void check(const ProtocolOptions &options);

/// Context length of a window where none is asked for, for a model of
/// `positions`: 1024, llama.cpp 512, lines as long as the model takes.
int64_t defaultContext(Protocol protocol, int64_t positions);
/// Stride where none is asked for: half the context.
int64_t defaultStride(int64_t context);

/// One call of the model: tokens [begin, end) of the text, with BOS in front
/// or in place of the first one. Token i of the window (i ≥ firstScored ≥ 1)
/// is scored given those before it.
struct Window {
  enum class Bos { None, InFront, Replaces };
  int64_t begin = 0;
  int64_t end = 0;
  int64_t firstScored = 1;
  Bos bos = Bos::None;

  int64_t size() const { return end - begin + (bos == Bos::InFront ? 1 : 0); }
  int64_t scored() const { return size() - firstScored; }
};

/// Tokens of a text, and where its lines begin (Lines only).
struct Text {
  std::vector<int32_t> tokens;
  std::vector<int64_t> lineStarts;
};

/// Cuts a text with `encode`: whole, or for Lines line by line (newlines left
/// out), with BOS in front where `options` wants it once.
Text tokenize(
    std::string_view text, const ProtocolOptions &options,
    const std::function<std::vector<int32_t>(std::string_view)> &encode);

struct Plan {
  std::vector<Window> windows;
  int64_t skippedLines = 0; ///< Lines: with fewer than two tokens

  int64_t largestWindow() const;
  int64_t scored() const;
};

/// Checks the options first. Throws qzc::Error on a text too short to score and
/// on a line longer than the context.
Plan plan(const Text &text, const ProtocolOptions &options);

struct Score {
  double perplexity = 0;      ///< exp(meanNll)
  double perplexityError = 0; ///< standard error: perplexity × meanNllError
  double meanNll = 0;         ///< nats a token
  /// Standard error of the mean, tokens taken as independent:
  /// sqrt((mean(x²) − mean(x)²) / (n − 1)).
  double meanNllError = 0;
  int64_t tokensScored = 0;
  int64_t windows = 0;
  /// Lines: the mean of the lines' own perplexities.
  std::optional<double> meanLinePerplexity;
};

/// Bits that a model needs for a byte of the text, which compares models of
/// different tokenizers: bits a token, by the tokens that a byte takes in the
/// whole text. `tokens` and `bytes` (≥ 1) are those of what was encoded.
Estimate bitsPerByte(const Score &score, int64_t tokens, int64_t bytes);

/// What a fresh model is to run over; losses[i] = −ln p(targets[i] |
/// tokens[0 … i]) for i in [firstScored, count).
struct ScoredWindow {
  const int32_t *tokens = nullptr;
  const int32_t *targets = nullptr;
  int64_t count = 0;
  int64_t firstScored = 0;
  float *losses = nullptr;
};
/// Fills in the losses of windows that have nothing to do with each other.
using ScoreFunction = std::function<void(const std::vector<ScoredWindow> &)>;

/// Windows that the model gets at once: as many as have no more tokens than
/// that, but one at least.
struct ScoreBatch {
  int64_t windows = 1;
  int64_t tokens = 0;
};

/// Throws qzc::Error where a loss is not finite. `progress` (may be empty) is
/// told the tokens scored by each window.
Score score(const Text &text, const Plan &plan, const ProtocolOptions &options,
            const ScoreBatch &batch, const ScoreFunction &model,
            const std::function<void(int64_t)> &progress);

} // namespace qzc::evaluate

#endif // QZC_EVALUATE_PERPLEXITY_H
