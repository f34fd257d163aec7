//===- Score.cpp - Running a plan and its statistics ----------------------===//

#include "qzc/Evaluate/Perplexity.h"
#include "qzc/Evaluate/Statistics.h"
#include "qzc/Support/Error.h"

#include <cmath>

namespace qzc::evaluate {

Score score(const Text &text, const Plan &plan, const ProtocolOptions &options,
            const ScoreFunction &model,
            const std::function<void(int64_t)> &progress) {
  // A plan uses BOS only where there is one.
  int32_t bos = options.bosId.value_or(-1);
  double sum = 0;
  double sumOfSquares = 0;
  double sumOfLines = 0;
  int64_t count = 0;
  std::vector<int32_t> tokens;
  std::vector<float> losses;
  for (size_t index = 0; index < plan.windows.size(); ++index) {
    const Window &window = plan.windows[index];
    tokens.clear();
    if (window.bos == Window::Bos::InFront)
      tokens.push_back(bos);
    tokens.insert(tokens.end(), text.tokens.begin() + window.begin,
                  text.tokens.begin() + window.end);
    if (window.bos == Window::Bos::Replaces)
      tokens.front() = bos;
    // Row i predicts token i + 1; the last token is only a target.
    int64_t rows = window.size() - 1;
    int64_t first = window.firstScored - 1;
    losses.assign(static_cast<size_t>(rows), 0.0f);
    model(tokens.data(), tokens.data() + 1, rows, first, losses.data());
    double windowSum = 0;
    for (int64_t row = first; row < rows; ++row) {
      double loss = losses[static_cast<size_t>(row)];
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
