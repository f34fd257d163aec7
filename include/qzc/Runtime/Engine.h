//===- Engine.h - A loaded model on one device ------------------*- C++ -*-===//
//
// What is asked of a model, whichever device runs it. An engine holds one copy
// of the weights and any number of sequences; what it runs is a batch of
// tokens of some of them. It owns its device memory; the image must outlive it.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_RUNTIME_ENGINE_H
#define QZC_RUNTIME_ENGINE_H

#include "qzc/Runtime/Draw.h"
#include "qzc/Support/Error.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace qzc::runtime {

class Image;

/// How the KV cache keeps keys and values. f16 halves it; its rounding alone
/// moves logits by 1e-3 of their standard deviation, so it is a choice to make.
/// Q8 takes a quarter: int8, with an f16 scale for each head and position.
enum class CacheType { F32, F16, Q8 };

/// What the CPU's kernels are compiled for. Results differ by rounding.
enum class InstructionSet { Sse42, Avx2, Avx512, Avx512Vnni };

struct EngineOptions {
  int64_t context = 0;   ///< most positions of a sequence
  int64_t sequences = 1; ///< most that are open at a time
  int64_t chunk = 0;     ///< most tokens of one pass; 0: the engine's choice
  CacheType cache = CacheType::F32;
  int threads = 0; ///< CPU; 0: all cores this process may use
  std::optional<InstructionSet> instructions; ///< CPU; none: the best it has
  bool forcePtx = false; ///< CUDA: compile the PTX, ignore the cubins
};

struct MemoryUse {
  uint64_t deviceBytes = 0; ///< CUDA: allocated on the GPU; CPU: 0
  uint64_t weightBytes = 0;
  uint64_t cacheBytes = 0; ///< pages that sequences hold or held
  uint64_t workspaceBytes = 0;
};

/// What a sequence lacks.
enum class Shortage {
  Context, ///< positions
  Memory,  ///< for its positions: fewer sequences side by side may have it
  Range,   ///< of the cache's type, for its keys or values
};

/// A sequence cannot take what was asked for. The call has no results; the
/// other sequences can go on without it, from where they were before.
class SequenceError : public Error {
public:
  SequenceError(int sequence, Shortage shortage, const std::string &message)
      : Error(message), Sequence(sequence), Lacks(shortage) {}
  int sequence() const { return Sequence; }
  Shortage shortage() const { return Lacks; }

private:
  int Sequence;
  Shortage Lacks;
};

/// Tokens that one sequence takes in a run, and what is wanted of their rows.
struct Piece {
  int sequence = 0;
  /// Of the first token; at most the sequence's length. What was there and
  /// behind it is forgotten.
  int64_t position = 0;
  const int32_t *tokens = nullptr;
  int64_t count = 0;
  int64_t firstRow = 0;    ///< rows [firstRow, count) are wanted
  float *logits = nullptr; ///< null, or [count − firstRow, vocab]
  /// Null, or [count]: losses[i] = −ln p(targets[i] | … tokens[i]) for the rows
  /// that are wanted; the others are left alone.
  float *losses = nullptr;
  const int32_t *targets = nullptr;
};

/// One token for one sequence, to be decoded.
struct Step {
  int sequence = 0;
  int64_t position = 0; ///< as a Piece's
  int32_t token = 0;
};

/// Ids of tokens are checked by the caller. A batch names each sequence once at
/// most; who shares it changes no result on the CPU, nor on a GPU within the
/// sizes of a decode pass that its program has kernels for. Throws
/// SequenceError where a sequence would outgrow the context, the memory for its
/// positions (nothing has been run then), or has keys or values that the
/// cache's type cannot hold.
class Engine {
public:
  virtual ~Engine() = default;

  /// A new, empty sequence. Throws qzc::Error where too many are open.
  virtual int open() = 0;
  virtual void close(int sequence) = 0;
  /// Positions that a sequence has.
  virtual int64_t length(int sequence) const = 0;

  virtual const EngineOptions &options() const = 0;
  /// "NVIDIA H200 (sm_90a)", "CPU (AVX-512, 2 threads)".
  virtual std::string describe() const = 0;
  virtual MemoryUse memoryUse() const = 0;

  /// Appends tokens, all at once (in chunks). On the CPU, logits of a piece's
  /// last row alone are computed as decode does.
  virtual void run(const std::vector<Piece> &batch) = 0;
  /// Appends a token to each sequence by the decode path and writes the logits
  /// after it, [steps, vocab].
  virtual void decode(const std::vector<Step> &steps, float *logits) = 0;
  /// The same; chosen[i] is the most likely next token (the lowest id among
  /// equals). Throws qzc::Error where a logit is not a number.
  /// `ahead`: the caller will probably decode these next in the same way; a
  /// device may begin with that, and forgets it where the caller does not.
  virtual void decodeGreedy(const std::vector<Step> &steps, bool ahead,
                            int32_t *chosen) = 0;
  /// The same; chosen[i] is drawn as draws[i] says. `ahead`: the draws of what
  /// will probably be decoded next, or none.
  virtual void decodeDrawn(const std::vector<Step> &steps,
                           const std::vector<Draw> &draws,
                           const std::vector<Draw> &ahead, int32_t *chosen) = 0;
  /// Decodes `count` tokens greedily without waiting for the host between steps
  /// where the device can; for timing.
  virtual void decodeMany(const std::vector<Step> &steps, int64_t count) = 0;

  /// Bytes a second that the device's memory streams, measured now: what the
  /// fastest decoder could read at. On the CPU the weights are read by all
  /// threads, and nothing is computed; on a GPU memory is copied, and what is
  /// read and written counts. 0 where it cannot be measured.
  virtual double streamingRate() = 0;
  /// Joules that the whole device used since some moment, whoever used it;
  /// nothing where it does not tell.
  virtual std::optional<double> joules() = 0;
  /// How long it may take until what joules() reads moves on.
  virtual double meterSeconds() const = 0;
};

/// Throws qzc::Error where the CPU lacks what the instruction set needs, and
/// names it.
std::unique_ptr<Engine> createCpuEngine(const Image &image,
                                        const EngineOptions &options);
/// Throws qzc::Error where there is no usable GPU (the message says why).
std::unique_ptr<Engine> createCudaEngine(const Image &image,
                                         const EngineOptions &options);
/// Whether a driver is installed and shows at least one device.
bool cudaDevicePresent();

} // namespace qzc::runtime

#endif // QZC_RUNTIME_ENGINE_H
