//===- Choice.h - Multiple choice by log-likelihood -------------*- C++ -*-===//
//
// A model answers by the choice that it finds most likely after the question:
// by its log-likelihood, or by that divided by the choice's length. Definitions
// as in lm-eval (acc, acc_norm).
//
//===----------------------------------------------------------------------===//

#ifndef QZC_EVALUATE_CHOICE_H
#define QZC_EVALUATE_CHOICE_H

#include "qzc/Evaluate/Statistics.h"

#include <string_view>
#include <vector>

namespace qzc::evaluate {

/// Indices of the choices that a model takes, the first among equals.
struct Choice {
  size_t likeliest = 0;
  size_t likeliestByLength = 0;
};

/// `lengths` in characters; 0 counts as 1. At least one choice.
Choice choose(const std::vector<double> &logLikelihoods,
              const std::vector<size_t> &lengths);

/// Characters (code points) of valid UTF-8.
size_t countCharacters(std::string_view text);

/// The mean of right (1) and wrong (0) answers.
Estimate accuracy(const std::vector<bool> &right);
/// How much more often `right` is so than `base`, with the paired error. Both
/// answered the same questions.
Estimate accuracyDifference(const std::vector<bool> &right,
                            const std::vector<bool> &base);

} // namespace qzc::evaluate

#endif // QZC_EVALUATE_CHOICE_H
