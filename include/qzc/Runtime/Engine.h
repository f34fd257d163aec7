//===- Engine.h - A loaded model on one device ------------------*- C++ -*-===//
//
// What the command line asks of a model, whichever device runs it. An engine
// owns its device memory and KV cache; the image must outlive it.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_RUNTIME_ENGINE_H
#define QZC_RUNTIME_ENGINE_H

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace qzc::runtime {

class Image;

/// Element type of the KV cache. f16 halves it; its rounding alone moves logits
/// by 1e-3 of their standard deviation, so it is a choice to make.
enum class CacheType { F32, F16 };

/// What the CPU's kernels are compiled for. Results differ by rounding.
enum class InstructionSet { Sse42, Avx2, Avx512 };

struct EngineOptions {
  int64_t context = 0; ///< KV-cache positions
  int64_t chunk = 0;   ///< most tokens of one pass; 0: the engine's choice
  CacheType cache = CacheType::F32;
  int threads = 0; ///< CPU; 0: all cores this process may use
  std::optional<InstructionSet> instructions; ///< CPU; none: the best it has
  bool forcePtx = false; ///< CUDA: compile the PTX, ignore the cubins
};

struct MemoryUse {
  uint64_t deviceBytes = 0; ///< CUDA: allocated on the GPU; CPU: 0
  uint64_t weightBytes = 0;
  uint64_t cacheBytes = 0;
  uint64_t workspaceBytes = 0;
};

/// Tokens are checked by the caller: ids in range, position + count ≤ context.
class Engine {
public:
  virtual ~Engine() = default;

  /// Forgets all positions.
  virtual void reset() = 0;
  /// Forgets the positions from this one on, at most position().
  virtual void rewind(int64_t position) = 0;
  /// Positions in the cache.
  virtual int64_t position() const = 0;
  virtual const EngineOptions &options() const = 0;
  /// "NVIDIA H200 (sm_90a)", "CPU (AVX-512, 2 threads)".
  virtual std::string describe() const = 0;
  virtual MemoryUse memoryUse() const = 0;

  /// Appends tokens; if lastLogits is not null it receives the logits [vocab]
  /// after the last one.
  virtual void prefill(const int32_t *tokens, int64_t count,
                       float *lastLogits) = 0;
  /// Appends tokens, all at once (in chunks), and writes logits [count, vocab].
  virtual void logits(const int32_t *tokens, int64_t count, float *out) = 0;
  /// Appends tokens; losses[i] = −ln p(targets[i] | … tokens[i]) for rows
  /// [firstScored, count); others are not computed.
  virtual void score(const int32_t *tokens, const int32_t *targets,
                     int64_t count, int64_t firstScored, float *losses) = 0;
  /// Appends one token by the decode path and writes the logits after it.
  virtual void decode(int32_t token, float *logits) = 0;
  /// Appends one token by the decode path and returns the most likely next
  /// (the lowest id among equals). Throws qzc::Error where a logit is not a
  /// number.
  virtual int32_t decodeGreedy(int32_t token) = 0;
  /// Decodes `count` tokens greedily without waiting for the host between
  /// steps where the device can; for timing.
  virtual void decodeMany(int32_t token, int64_t count) = 0;

  /// Bytes a second that the device's memory streams, measured now: what the
  /// fastest decoder could read at. On the CPU the weights are read by all
  /// threads, and nothing is computed; on a GPU memory is copied, and what is
  /// read and written counts. 0 where it cannot be measured.
  virtual double streamingRate() = 0;
  /// Joules that the whole device used since some moment, whoever used it;
  /// nothing where it does not tell.
  virtual std::optional<double> joules() = 0;
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
