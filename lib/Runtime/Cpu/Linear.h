//===- Linear.h - Running one linear launch ---------------------*- C++ -*-===//

#ifndef QZC_RUNTIME_CPU_LINEAR_H
#define QZC_RUNTIME_CPU_LINEAR_H

#include "qzc/Runtime/Cpu/Kernels.h"
#include "qzc/Support/ThreadPool.h"

#include <cstdint>
#include <vector>

namespace qzc::runtime::cpu {

/// Rows of activations: `columns` floats at every `stride`.
struct Rows {
  float *data = nullptr;
  int64_t stride = 0;
  int64_t columns = 0;

  float *row(int64_t index) const { return data + index * stride; }
};

/// A linear launch with its weights looked up.
struct LinearWeights {
  format::LinearParams params;
  std::vector<format::PackedView> parts;
  std::vector<const float *> biases; ///< one a part, or none
};

/// What all launches share: kernels, threads and each thread's scratch.
struct Execution {
  const KernelTable &kernels;
  ThreadPool &pool;
  std::vector<float *> scratch; ///< by worker; 64-byte aligned
};

/// The most tokens of one task of a matrix product.
inline constexpr int64_t kTokenBlock = 512;
/// The most weight rows of one task of a matrix-vector product.
inline constexpr int64_t kRowBlock = 256;
/// Floats of scratch that a worker needs for linear launches.
inline constexpr int64_t kLinearScratch =
    kMaxDepth * kPanel + 2 * kTokenBlock * kPanel;

/// Runs the launch on `tokens` rows, each by dot products: its results are what
/// they are alone. residual.data may be null, and residual may be out.
void runEachToken(const Execution &execution, const LinearWeights &weights,
                  int64_t tokens, const Rows &in, const Rows &residual,
                  const Rows &out);

/// Runs the launch on `tokens` rows by matrix products.
void runManyTokens(const Execution &execution, const LinearWeights &weights,
                   int64_t tokens, const Rows &in, const Rows &residual,
                   const Rows &out);

} // namespace qzc::runtime::cpu

#endif // QZC_RUNTIME_CPU_LINEAR_H
