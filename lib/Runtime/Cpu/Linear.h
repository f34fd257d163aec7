//===- Linear.h - Running one linear launch ---------------------*- C++ -*-===//

#ifndef QZC_RUNTIME_CPU_LINEAR_H
#define QZC_RUNTIME_CPU_LINEAR_H

#include "Activations.h"
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

/// Rows [begin, begin + rows) of one part (of both, if gated), which follow
/// each other in its matrix, and the output column of the first.
struct RowRange {
  size_t part;
  int64_t begin;
  int64_t rows;
  int64_t column;
};

/// A linear launch with its weights looked up.
struct LinearWeights {
  format::LinearParams params;
  std::vector<format::PackedView> parts;
  /// The parts in groups of rows; those without data are read as stored.
  std::vector<GroupedView> groups;
  std::vector<const float *> biases; ///< one a part, or none
  /// The rows for runEachToken, and where in them each thread's share ends.
  std::vector<RowRange> ranges;
  std::vector<int64_t> shares;
};

/// Cuts the rows of all parts into equal shares for so many threads, and these
/// into ranges that get smaller: threads end at about the same time.
void shareRows(LinearWeights &weights, int threads);

/// What all launches share: kernels, threads and each thread's scratch.
struct Execution {
  const KernelTable &kernels;
  ThreadPool &pool;
  std::vector<float *> scratch; ///< by worker; 64-byte aligned
  /// Of one launch, for each token or, of one token, for each worker; 64-byte
  /// aligned, with so many bytes each, the most that activationBytes says of
  /// any.
  std::byte *activations = nullptr;
  uint64_t activationStride = 0;
};

/// The most tokens of one task of a matrix product.
inline constexpr int64_t kTokenBlock = 512;
/// The most weight rows of one task of matrix-vector products, and the most
/// tokens of one call.
inline constexpr int64_t kRowBlock = 256;
inline constexpr int64_t kVectorBlock = 32;
/// Floats of scratch that a worker needs for linear launches.
inline constexpr int64_t kLinearScratch =
    kMaxDepth * kPanel + 2 * kTokenBlock * kPanel;
static_assert(2 * kVectorBlock * kRowBlock <= kLinearScratch);

/// Bytes of Execution::activations that the launch needs for each token.
uint64_t activationBytes(const KernelTable &kernels,
                         const LinearWeights &weights);

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
