//===- Score.cpp - Running a plan and its statistics ----------------------===//

#include "qzc/Evaluate/Perplexity.h"
#include "qzc/Evaluate/Statistics.h"
#include "qzc/Support/Error.h"

#include <cmath>

namespace qzc::evaluate {

namespace {

/// A window's tokens as the model sees them, and its losses.
struct Filled {
  std::vector<int32_t> tokens;
  std::vector<float> losses;
  int64_t firstRow = 0;

  // Row i predicts token i + 1; the last token is only a target.
  int64_t rows() const { return static_cast<int64_t>(losses.size()); }
  ScoredWindow view() {
    return {tokens.data(), tokens.data() + 1, rows(), firstRow, losses.data()};
  }
};

Filled fill(const Text &text, const Window &window,
            const ProtocolOptions &options) {
  // A plan uses BOS only where there is one.
  const int32_t bos = options.bosId.value_or(-1);
  Filled filled;
  if (window.bos == Window::Bos::InFront)
    filled.tokens.push_back(bos);
  filled.tokens.insert(filled.tokens.end(), text.tokens.begin() + window.begin,
                       text.tokens.begin() + window.end);
  if (window.bos == Window::Bos::Replaces)
    filled.tokens.front() = bos;
  filled.losses.assign(static_cast<size_t>(window.size() - 1), 0.0f);
  filled.firstRow = window.firstScored - 1;
  return filled;
}

/// One behind the last window of a batch that begins with `first`.
size_t endOfBatch(const Plan &plan, size_t first, const ScoreBatch &batch) {
  int64_t tokens = plan.windows[first].size() - 1;
  size_t end = first + 1;
  while (end != plan.windows.size() &&
         static_cast<int64_t>(end - first) < batch.windows &&
         tokens + plan.windows[end].size() - 1 <= batch.tokens)
    tokens += plan.windows[end++].size() - 1;
  return end;
}

} // namespace

Score score(const Text &text, const Plan &plan, const ProtocolOptions &options,
            const ScoreBatch &batch, const ScoreFunction &model,
            const std::function<void(int64_t)> &progress) {
  double sum = 0;
  double sumOfSquares = 0;
  double sumOfLines = 0;
  int64_t count = 0;
  for (size_t first = 0; first != plan.windows.size();) {
    const size_t end = endOfBatch(plan, first, batch);
    std::vector<Filled> filled;
    std::vector<ScoredWindow> views;
    filled.reserve(end - first);
    for (size_t index = first; index != end; ++index) {
      filled.push_back(fill(text, plan.windows[index], options));
      views.push_back(filled.back().view());
    }
    model(views);
    for (size_t index = first; index != end; ++index) {
      const Window &window = plan.windows[index];
      const Filled &done = filled[index - first];
      double windowSum = 0;
      for (int64_t row = done.firstRow; row < done.rows(); ++row) {
        double loss = done.losses[static_cast<size_t>(row)];
        if (!std::isfinite(loss))
          throw Error("the loss of token " + std::to_string(row + 1) +
                      " in window " + std::to_string(index) + " is not finite");
        windowSum += loss;
        sumOfSquares += loss * loss;
      }
      sum += windowSum;
      count += window.scored();
      sumOfLines += std::exp(windowSum / static_cast<double>(window.scored()));
      if (progress)
        progress(window.scored());
    }
    first = end;
  }

  Score result;
  result.tokensScored = count;
  result.windows = static_cast<int64_t>(plan.windows.size());
  const Estimate nll = estimateMean(sum, sumOfSquares, count);
  const Estimate perplexity = exponential(nll);
  result.meanNll = nll.value;
  result.meanNllError = nll.error;
  result.perplexity = perplexity.value;
  result.perplexityError = perplexity.error;
  if (options.protocol == Protocol::Lines)
    result.meanLinePerplexity =
        sumOfLines / static_cast<double>(plan.windows.size());
  return result;
}

Estimate bitsPerByte(const Score &score, int64_t tokens, int64_t bytes) {
  const double factor =
      static_cast<double>(tokens) / static_cast<double>(bytes) / std::log(2.0);
  return {score.meanNll * factor, score.meanNllError * factor};
}

} // namespace qzc::evaluate
