//===- Target.h - Something that runs a program -----------------*- C++ -*-===//
//
// What the GPU and the emulator share: resolving arguments as
// Target/Cuda/Lowering.h says, and the checks against the reference.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_TEST_KERNELS_TARGET_H
#define QZC_TEST_KERNELS_TARGET_H

#include "Model.h"

#include "qzc/Runtime/Cuda/DeviceState.h"

#include <string>
#include <vector>

namespace qzc::kernel_test {

/// Where everything lies, in the target's address space.
struct Addresses {
  uint64_t weights = 0, body = 0, head = 0, scratch = 0, state = 0;
  uint64_t tokens = 0, targets = 0, losses = 0;
  std::vector<uint64_t> keys, values, ropes;
  uint64_t cacheRanges = 0;
};

/// f32 [capacity, dim / 2, (cos, sin)].
std::vector<float> ropeTable(const format::Rope &rope, int64_t capacity);

class Target {
public:
  Target(const Model &model, bool halfCache, int64_t chunk, int64_t capacity);
  virtual ~Target() = default;

  virtual void setState(int position, int tokens, int token, int rows) = 0;
  virtual DeviceState state() const = 0;
  virtual void setTokens(const std::vector<int32_t> &tokens) = 0;
  virtual void setTargets(const std::vector<int32_t> &targets) = 0;
  /// Runs a list over T rows; the head starts at row `firstRow` of hidden.
  virtual void run(const std::vector<format::CudaLaunch> &list, int64_t rows,
                   int64_t firstRow) = 0;
  virtual std::vector<float> losses(int64_t rows) const = 0;
  std::vector<float> logits(int64_t rows) const;
  const format::CudaProgram &program() const { return Program; }

protected:
  /// `count` floats of the head arena from byte `offset`.
  virtual std::vector<float> readHead(uint64_t offset, size_t count) const = 0;

  std::string symbol(const format::CudaLaunch &launch) const;
  unsigned extent(const format::GridDim &dim, int64_t rows) const;
  /// The arguments' bits: pointers in 8 bytes, numbers in the first 4.
  std::vector<uint64_t> resolve(const format::CudaLaunch &launch,
                                int64_t firstRow) const;

  const Model &M;
  format::CudaProgram Program;
  bool HalfCache;
  int64_t Chunk;
  int64_t Capacity;
  Addresses At;
};

/// Worst differences from the reference: of logits in deviations of a row.
struct Errors {
  double prefill = 0;
  double decode = 0;  ///< from an empty cache
  double further = 0; ///< decode behind a prefill
  double loss = 0;
  int wrongChoices = 0;

  /// Whether they are what the numbers' formats explain.
  bool good(bool halfCache) const;
};

/// Prefills tokens in the given pieces, decodes the rest; then decodes the
/// first `decodedAlone` from an empty cache. `want`: logits of all tokens.
Errors compare(Target &target, const Model &model,
               const std::vector<int32_t> &tokens,
               const std::vector<double> &want, const std::vector<int> &pieces,
               int decodedAlone);

std::vector<int32_t> randomTokens(const Model &model, int number, int count);

} // namespace qzc::kernel_test

#endif // QZC_TEST_KERNELS_TARGET_H
