//===- Target.h - Something that runs a program -----------------*- C++ -*-===//
//
// What the GPU and the emulator share: resolving arguments as
// Target/Cuda/Stored.h says, and the checks against the reference.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_TEST_KERNELS_TARGET_H
#define QZC_TEST_KERNELS_TARGET_H

#include "Model.h"

#include "qzc/Runtime/CacheRange.h"
#include "qzc/Runtime/Cuda/DeviceState.h"
#include "qzc/Runtime/Draw.h"

#include <string>
#include <vector>

namespace qzc::kernel_test {

/// Where everything lies, in the target's address space.
struct Addresses {
  uint64_t weights = 0, body = 0, head = 0, scratch = 0, state = 0;
  uint64_t tokens = 0, tiles = 0, targets = 0, losses = 0, draws = 0;
  uint64_t pages = 0, cacheRanges = 0;
  std::vector<uint64_t> ropes;
};

/// Sequences that a target holds.
inline constexpr int kSequences = 34;

/// f32 [capacity, dim / 2, (cos, sin)].
std::vector<float> ropeTable(const format::Rope &rope, int64_t capacity);

class Target {
public:
  /// `capacity` positions of each sequence.
  Target(const Model &model, const format::CudaProgram &program,
         runtime::CacheType cache, int64_t chunk, int64_t capacity);
  virtual ~Target() = default;

  /// Tokens of a pass, and the rows of its head.
  void setPass(const std::vector<TokenRow> &tokens, int headRows);
  /// Tokens of sequence 1 from a position on.
  void setTokens(int position, const std::vector<int32_t> &tokens,
                 int headRows);
  TokenRow row(int64_t index) const; ///< as the last pass left it
  DeviceState state() const;
  std::vector<CacheRange> cacheRanges(int sequence) const; ///< by layer
  void setDraws(const std::vector<Draw> &draws);
  void setTargets(const std::vector<int32_t> &targets);
  /// Runs a list over T rows; the head starts at row `firstRow` of hidden.
  virtual void run(const std::vector<format::CudaLaunch> &list, int64_t rows,
                   int64_t firstRow) = 0;
  std::vector<float> losses(int64_t rows) const;
  std::vector<float> logits(int64_t rows) const;
  const format::CudaProgram &program() const { return Program; }

protected:
  virtual void write(uint64_t to, const void *from, size_t bytes) = 0;
  virtual void read(void *to, uint64_t from, size_t bytes) const = 0;
  /// Memory that kernels write, full of NaN patterns.
  virtual uint64_t allocateWritten(uint64_t bytes) = 0;
  /// For the state, of which they read what is in front of its counters.
  virtual uint64_t allocateState() = 0;
  /// Memory that they only read.
  virtual uint64_t allocate(uint64_t bytes) = 0;
  /// Everything but the weights.
  void allocateAll();

  std::string symbol(const format::CudaLaunch &launch) const;
  unsigned extent(const format::GridDim &dim, int64_t rows) const;
  /// The arguments' bits in words of 8 bytes, numbers of 4 in the first half of
  /// one.
  std::vector<std::vector<uint64_t>> resolve(const format::CudaLaunch &launch,
                                             int64_t firstRow) const;

  const Model &M;
  format::CudaProgram Program;
  runtime::CacheType Cache;
  int64_t Chunk;
  int64_t Capacity;  ///< whole pages
  int64_t Tiles = 0; ///< of the last pass
  Addresses At;

private:
  struct LayerCache {
    uint64_t offset = 0; ///< in a page
    uint64_t bytes = 0;  ///< of keys, and again of values
    uint64_t scales = 0; ///< of each, behind both
  };
  std::vector<LayerCache> Layers;
  uint64_t PageBytes = 0;
  int64_t pageSize() const;
};

/// Worst differences from the reference: of logits in deviations of a row.
struct Errors {
  double prefill = 0;
  double batch = 0;   ///< prefill of several sequences in one pass
  double decode = 0;  ///< from an empty cache
  double further = 0; ///< decode behind a prefill
  double several = 0; ///< decode of several sequences, from empty caches
  double loss = 0;
  int wrongChoices = 0;

  /// Whether they are what the numbers' formats explain.
  bool good(runtime::CacheType cache) const;
};

/// Prefills tokens in the given pieces, decodes the rest; then decodes the
/// first `decodedAlone` from an empty cache, and the first two in sequences
/// side by side, `batches` of them. `want`: logits of all tokens.
Errors compare(Target &target, const Model &model,
               const std::vector<int32_t> &tokens,
               const std::vector<double> &want, const std::vector<int> &pieces,
               int decodedAlone, const std::vector<int> &batches);

std::vector<int32_t> randomTokens(const Model &model, int number, int count);

} // namespace qzc::kernel_test

#endif // QZC_TEST_KERNELS_TARGET_H
