//===- PlanRunner.h - Executes the op-level plan on the CPU -----*- C++ -*-===//

#ifndef QZC_RUNTIME_CPU_PLANRUNNER_H
#define QZC_RUNTIME_CPU_PLANRUNNER_H

#include "Linear.h"
#include "WeightCopies.h"
#include "ZeroedMemory.h"

#include "qzc/Runtime/Engine.h"
#include "qzc/Runtime/Image.h"

#include <unordered_map>

namespace qzc::runtime::cpu {

/// Owns the arenas, the KV cache and the rope tables of one plan.
class PlanRunner {
public:
  /// `options` is resolved: context, chunk and cache type are set.
  PlanRunner(const Image &image, const EngineOptions &options,
             const KernelTable &kernels);

  /// How linear layers compute: dot products per weight row (few tokens, least
  /// memory traffic) or matrix products. They round differently; each of them
  /// gives a token the same results whatever tokens it runs with.
  enum class Path { EachToken, ManyTokens };

  /// Tokens of a pass that follow each other in one sequence.
  struct Part {
    int64_t row; ///< of the first token
    int64_t count;
    int64_t first; ///< its position
    int sequence;
    const uint64_t *pages;
  };

  /// Runs the body on `count` ≤ chunk tokens, the parts' one behind the other.
  void runBody(const int32_t *tokens, int64_t count,
               const std::vector<Part> &parts, Path path);
  /// Runs the head on rows [firstRow, firstRow + rows) of the last body's
  /// hidden states, rows ≤ headRows(); returns the logits.
  Rows runHead(int64_t firstRow, int64_t rows, Path path);
  int64_t headRows() const { return HeadRows; }

  /// Runs launches [begin, end) of the body on tokens from position 0, and
  /// where they leave a buffer: see Steps.h.
  void runLaunches(size_t begin, size_t end, const int32_t *tokens,
                   int64_t count, const uint64_t *pages);
  float *bufferOf(size_t index, int64_t count);

  const Execution &execution() const { return Exec; }
  /// Bytes of a page of the cache, which holds kPagePositions of one sequence,
  /// of every layer. Parts refer to pages by their addresses.
  uint64_t pageBytes() const { return PageBytes; }
  static constexpr int64_t kPagePositions = kKeyBlock;
  uint64_t workspaceBytes() const;
  /// Where the weights are that launches read.
  std::vector<MemoryRange> weightRanges() const;

private:
  struct LayerCache {
    uint64_t keys = 0; ///< in a page
    uint64_t values = 0;
    uint64_t keyScales = 0;
    uint64_t valueScales = 0;
    std::vector<float> slopes; ///< [heads], or none
  };
  struct RopeTable {
    std::vector<float> frequencies;
    ZeroedMemory cos; ///< [context, dim / 2]
    ZeroedMemory sin;
  };
  /// What the launches of one call have in common.
  struct Call {
    const int32_t *tokens;
    int64_t count;
    const std::vector<Part> *parts;
    Path path;
    bool head;
    Rows hidden; ///< the head's input rows
  };

  void prepare(const format::Launch &launch);
  void prepareAttention(const format::AttentionParams &params);
  const float *vectorOf(int32_t tensor) const;
  void extendRopes(int64_t positions);
  Rows resolve(const format::View &view, const Call &call) const;

  void run(const format::Launch &launch, const Call &call);
  void runEmbed(const format::Launch &launch, const Call &call);
  void runAddPositions(const format::Launch &launch, const Call &call);
  void runNorm(const format::Launch &launch, const Call &call);
  void runLinear(const format::Launch &launch, const Call &call);
  void runAttention(const format::Launch &launch, const Call &call);
  void runElementwise(const format::Launch &launch, const Call &call);
  AttentionArgs attentionArgs(const format::Launch &launch,
                              const Call &call) const;
  AttentionArgs argsOf(const Part &part, AttentionArgs args) const;
  /// body(token) for all tokens of a call, each about `columns` of work.
  template <typename Body>
  void forTokens(const Call &call, int64_t columns, const Body &body);

  const Image &Source;
  const format::Plan &Plan;
  EngineOptions Options;
  ThreadPool Pool;
  Execution Exec;
  WeightCopies Copies;
  int64_t HeadRows;
  int64_t LastCount = 0; ///< tokens of the last body
  ZeroedMemory Arena;
  ZeroedMemory HeadArena;
  std::vector<ZeroedMemory> Scratch; ///< by worker
  std::vector<LayerCache> Caches;
  uint64_t PageBytes = 0;
  std::vector<RopeTable> Ropes;
  int64_t RopePositions = 0; ///< rows of the rope tables filled in
  int64_t ScratchFloats = kLinearScratch;
  ZeroedMemory ActivationMemory; ///< Execution::activations, headRows() tokens
  std::unordered_map<int32_t, std::vector<float>> Vectors;
  std::unordered_map<const format::Launch *, LinearWeights> Linears;
};

} // namespace qzc::runtime::cpu

#endif // QZC_RUNTIME_CPU_PLANRUNNER_H
