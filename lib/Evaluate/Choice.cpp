//===- Choice.cpp - Multiple choice by log-likelihood ---------------------===//

#include "qzc/Evaluate/Choice.h"

#include <algorithm>

namespace qzc::evaluate {

static size_t indexOfLargest(const std::vector<double> &values) {
  return static_cast<size_t>(std::max_element(values.begin(), values.end()) -
                             values.begin());
}

Choice choose(const std::vector<double> &logLikelihoods,
              const std::vector<size_t> &lengths) {
  std::vector<double> byLength;
  for (size_t i = 0; i < logLikelihoods.size(); ++i)
    byLength.push_back(logLikelihoods[i] /
                       static_cast<double>(std::max<size_t>(1, lengths[i])));
  return {indexOfLargest(logLikelihoods), indexOfLargest(byLength)};
}

size_t countCharacters(std::string_view text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char byte) {
        return (static_cast<unsigned char>(byte) & 0xC0) != 0x80;
      }));
}

static Estimate meanOf(const std::vector<int> &values) {
  double sum = 0;
  double squares = 0;
  for (int value : values) {
    sum += value;
    squares += value * value;
  }
  return estimateMean(sum, squares, static_cast<int64_t>(values.size()));
}

Estimate accuracy(const std::vector<bool> &right) {
  return meanOf({right.begin(), right.end()});
}

Estimate accuracyDifference(const std::vector<bool> &right,
                            const std::vector<bool> &base) {
  std::vector<int> differences;
  for (size_t i = 0; i < right.size(); ++i)
    differences.push_back(int{right[i]} - int{base[i]});
  return meanOf(differences);
}

} // namespace qzc::evaluate
