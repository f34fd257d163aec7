//===- CpuEngine.cpp - The CPU engine -------------------------------------===//

#include "qzc/Runtime/Cpu/CpuEngine.h"

#include "PlanRunner.h"
#include "Rapl.h"
#include "ReadRate.h"

#include "qzc/Runtime/Argmax.h"
#include "qzc/Support/Error.h"

#include <algorithm>

namespace qzc::runtime::cpu {

namespace {

constexpr int64_t kDefaultChunk = 512;

class CpuEngine final : public Engine {
public:
  CpuEngine(const Image &image, const EngineOptions &options,
            const KernelTable &kernels)
      : Source(image), Resolved(resolve(image, options)),
        Runner(image, Resolved, kernels),
        Vocab(image.manifest().plan.logits.columns) {
    Resolved.threads = Runner.execution().pool.threads();
  }

  void reset() override { Position = 0; }
  void rewind(int64_t position) override { Position = position; }
  int64_t position() const override { return Position; }
  const EngineOptions &options() const override { return Resolved; }

  std::string describe() const override {
    const std::string threads = std::to_string(Resolved.threads);
    return std::string("CPU (") + Runner.execution().kernels.name + ", " +
           threads + (Resolved.threads == 1 ? " thread)" : " threads)");
  }

  MemoryUse memoryUse() const override {
    MemoryUse use;
    use.weightBytes = Source.manifest().weightsBytes;
    use.cacheBytes = Runner.cacheBytes();
    use.workspaceBytes = Runner.workspaceBytes();
    return use;
  }

  void prefill(const int32_t *tokens, int64_t count,
               float *lastLogits) override {
    forChunks(tokens, count, [](int64_t, int64_t) {});
    if (lastLogits && count > 0) {
      // One row by dot products, whatever the last chunk's size.
      const int64_t last = (count - 1) % Resolved.chunk;
      copyRow(Runner.runHead(last, 1, Path::OneToken), 0, lastLogits);
    }
  }

  void logits(const int32_t *tokens, int64_t count, float *out) override {
    forChunks(tokens, count, [&](int64_t begin, int64_t end) {
      forHeadRows(0, end - begin, [&](int64_t first, int64_t rows) {
        const Rows result = Runner.runHead(first, rows, Path::ManyTokens);
        for (int64_t row = 0; row != rows; ++row)
          copyRow(result, row, out + (begin + first + row) * Vocab);
      });
    });
  }

  void score(const int32_t *tokens, const int32_t *targets, int64_t count,
             int64_t firstScored, float *losses) override {
    forChunks(tokens, count, [&](int64_t begin, int64_t end) {
      const int64_t from = std::max<int64_t>(firstScored - begin, 0);
      forHeadRows(from, end - begin, [&](int64_t first, int64_t rows) {
        const Rows result = Runner.runHead(first, rows, Path::ManyTokens);
        const Execution &execution = Runner.execution();
        execution.pool.parallelFor(
            rows, 1, [&](int64_t rowBegin, int64_t rowEnd, int) {
              for (int64_t row = rowBegin; row != rowEnd; ++row) {
                const float *x = result.row(row);
                const int64_t at = begin + first + row;
                losses[at] = static_cast<float>(
                    execution.kernels.logSumExp(x, Vocab) - x[targets[at]]);
              }
            });
      });
    });
  }

  void decode(int32_t token, float *logits) override {
    copyRow(step(token), 0, logits);
  }

  int32_t decodeGreedy(int32_t token) override {
    return argmax(step(token).row(0), Vocab);
  }

  void decodeMany(int32_t token, int64_t count) override {
    for (int64_t i = 0; i != count; ++i)
      token = decodeGreedy(token);
  }

  double streamingRate() override {
    return readRate(Source.weights(), Source.manifest().weightsBytes,
                    Runner.execution().pool);
  }
  std::optional<double> joules() override { return Energy.joules(); }

private:
  using Path = PlanRunner::Path;

  static EngineOptions resolve(const Image &image, EngineOptions options) {
    if (options.context <= 0)
      options.context = image.manifest().model.context;
    if (options.chunk <= 0)
      options.chunk = kDefaultChunk;
    options.chunk = std::min(options.chunk, options.context);
    return options;
  }

  void checkRoom(int64_t count) const {
    if (count > Resolved.context - Position)
      throw Error("the context of " + std::to_string(Resolved.context) +
                  " tokens is full; use a longer --context");
  }

  /// Runs the body on chunks; then `use(begin, end)` for each.
  template <typename Use>
  void forChunks(const int32_t *tokens, int64_t count, const Use &use) {
    checkRoom(count);
    for (int64_t begin = 0; begin < count; begin += Resolved.chunk) {
      const int64_t end = std::min(begin + Resolved.chunk, count);
      Runner.runBody(tokens + begin, end - begin, Position, Path::ManyTokens);
      Position += end - begin;
      use(begin, end);
    }
  }

  template <typename Use>
  void forHeadRows(int64_t begin, int64_t end, const Use &use) {
    for (int64_t first = begin; first < end; first += Runner.headRows())
      use(first, std::min(Runner.headRows(), end - first));
  }

  Rows step(int32_t token) {
    checkRoom(1);
    Runner.runBody(&token, 1, Position, Path::OneToken);
    ++Position;
    return Runner.runHead(0, 1, Path::OneToken);
  }

  void copyRow(const Rows &rows, int64_t row, float *out) const {
    std::copy_n(rows.row(row), Vocab, out);
  }

  const Image &Source;
  EngineOptions Resolved;
  PlanRunner Runner;
  Rapl Energy;
  int64_t Vocab;
  int64_t Position = 0;
};

} // namespace

std::unique_ptr<Engine> createEngine(const Image &image,
                                     const EngineOptions &options,
                                     const KernelTable &kernels) {
  return std::make_unique<CpuEngine>(image, options, kernels);
}

} // namespace qzc::runtime::cpu

namespace qzc::runtime {

std::unique_ptr<Engine> createCpuEngine(const Image &image,
                                        const EngineOptions &options) {
  return cpu::createEngine(image, options,
                           cpu::kernelsFor(options.instructions));
}

} // namespace qzc::runtime
