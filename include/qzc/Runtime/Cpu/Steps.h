//===- Steps.h - A plan on the CPU, some launches at a time -----*- C++ -*-===//
//
// What calibration needs of the engine: the launches of a plan's body one range
// after the other, on tokens that begin at position 0, with everything between
// two ranges in the caller's hands; and the head.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_RUNTIME_CPU_STEPS_H
#define QZC_RUNTIME_CPU_STEPS_H

#include "qzc/Runtime/Engine.h"

#include <cstdint>
#include <memory>
#include <vector>

namespace qzc::runtime::cpu {

class StepRunner {
public:
  /// Runs up to `tokens` at once. Vectors are read from the image now, matrices
  /// when they are used: where they lie must not change. The image must
  /// outlive this.
  StepRunner(const Image &image, int64_t tokens, int threads);
  ~StepRunner();

  /// Runs launches [begin, end) of the body on `count` tokens; the ids are read
  /// by embeddings alone.
  void run(size_t begin, size_t end, const int32_t *tokens, int64_t count);

  /// A buffer of the body as a run on `count` tokens leaves it: [count,
  /// columns of the buffer].
  float *buffer(size_t index, int64_t count);

  /// The logits [rows, vocab] of tokens from `first` on, made of the body's
  /// last buffers; the last run was on as many tokens.
  std::vector<float> predict(int64_t first, int64_t rows);

private:
  struct Impl;
  std::unique_ptr<Impl> State;
};

} // namespace qzc::runtime::cpu

#endif // QZC_RUNTIME_CPU_STEPS_H
