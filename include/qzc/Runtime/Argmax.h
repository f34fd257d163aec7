//===- Argmax.h - The most likely token -------------------------*- C++ -*-===//

#ifndef QZC_RUNTIME_ARGMAX_H
#define QZC_RUNTIME_ARGMAX_H

#include "qzc/Support/Error.h"

#include <cmath>
#include <cstdint>
#include <string>

namespace qzc::runtime {

[[noreturn]] inline void failNotANumber(int64_t token) {
  throw Error("the logit of token " + std::to_string(token) +
              " is not a number");
}

/// The most likely token, the lowest id among equals. Throws qzc::Error where a
/// logit is not a number.
inline int32_t argmax(const float *logits, int64_t vocab) {
  int64_t best = 0;
  for (int64_t id = 0; id < vocab; ++id) {
    if (std::isnan(logits[id]))
      failNotANumber(id);
    if (logits[id] > logits[best])
      best = id;
  }
  return static_cast<int32_t>(best);
}

} // namespace qzc::runtime

#endif // QZC_RUNTIME_ARGMAX_H
