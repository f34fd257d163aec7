//===- CpuEngine.cpp - The CPU engine -------------------------------------===//

#include "qzc/Runtime/Cpu/CpuEngine.h"

#include "PlanRunner.h"
#include "Rapl.h"
#include "ReadRate.h"

#include "qzc/Runtime/Argmax.h"
#include "qzc/Runtime/Batch.h"
#include "qzc/Runtime/HostDraw.h"
#include "qzc/Runtime/SequenceTable.h"

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
        Table(Resolved.sequences, Resolved.context, PlanRunner::kPagePositions,
              [this](int64_t pages) { return allocate(pages); }),
        Vocab(image.manifest().plan.logits.columns) {
    Resolved.threads = Runner.execution().pool.threads();
  }

  int open() override { return Table.open(); }
  void close(int sequence) override { Table.close(sequence); }
  int64_t length(int sequence) const override { return Table.length(sequence); }
  const EngineOptions &options() const override { return Resolved; }

  std::string describe() const override {
    const std::string threads = std::to_string(Resolved.threads);
    return std::string("CPU (") + Runner.execution().kernels.name + ", " +
           threads + (Resolved.threads == 1 ? " thread)" : " threads)");
  }

  MemoryUse memoryUse() const override {
    MemoryUse use;
    use.weightBytes = Source.manifest().weightsBytes;
    use.cacheBytes =
        static_cast<uint64_t>(Table.allPages()) * Runner.pageBytes();
    use.workspaceBytes = Runner.workspaceBytes();
    return use;
  }

  void run(const std::vector<Piece> &batch) override {
    Table.prepare(batch);
    for (const Pass &pass : cutIntoPasses(batch, Resolved.chunk)) {
      runPass(batch, pass);
      // One row by dot products, whatever the pass's size.
      for (const WantedRow &wanted :
           wantedRows(batch, pass, wantsLastLogitsOnly))
        copyRow(Runner.runHead(wanted.row, 1, Path::EachToken), 0,
                batch[wanted.piece].logits);
      const std::vector<WantedRow> wanted =
          wantedRows(batch, pass, [](const Piece &piece) {
            return !wantsLastLogitsOnly(piece);
          });
      for (size_t first = 0; first != wanted.size();) {
        const int64_t rows = runOfRows(wanted, first, Runner.headRows());
        const Rows result =
            Runner.runHead(wanted[first].row, rows, Path::ManyTokens);
        handOut(batch, wanted.data() + first, rows, result);
        first += rows;
      }
    }
  }

  void decode(const std::vector<Step> &steps, float *logits) override {
    forSteps(steps, [&](int64_t index, const float *row) {
      std::copy_n(row, Vocab, logits + index * Vocab);
    });
  }

  void decodeGreedy(const std::vector<Step> &steps, bool /*ahead*/,
                    int32_t *chosen) override {
    forSteps(steps, [&](int64_t index, const float *row) {
      chosen[index] = argmax(row, Vocab);
    });
  }

  void decodeDrawn(const std::vector<Step> &steps,
                   const std::vector<Draw> &draws,
                   const std::vector<Draw> & /*ahead*/,
                   int32_t *chosen) override {
    forSteps(steps, [&](int64_t index, const float *row) {
      chosen[index] =
          Drawing.token(row, Vocab, draws[static_cast<size_t>(index)]);
    });
  }

  void decodeMany(const std::vector<Step> &steps, int64_t count) override {
    Table.prepare(steps, count);
    std::vector<Step> next = steps;
    std::vector<int32_t> chosen(steps.size());
    for (int64_t i = 0; i != count; ++i) {
      decodeGreedy(next, /*ahead=*/false, chosen.data());
      for (size_t step = 0; step != next.size(); ++step) {
        next[step].token = chosen[step];
        ++next[step].position;
      }
    }
  }

  double streamingRate() override {
    return readRate(Runner.weightRanges(), Runner.execution().pool);
  }
  std::optional<double> joules() override { return Energy.joules(); }
  double meterSeconds() const override { return Rapl::kStepSeconds; }

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

  std::vector<uint64_t> allocate(int64_t pages) {
    std::vector<uint64_t> addresses;
    for (int64_t i = 0; i != pages; ++i) {
      Pages.emplace_back(Runner.pageBytes(), "the KV cache");
      addresses.push_back(reinterpret_cast<uint64_t>(Pages.back().bytes()));
    }
    return addresses;
  }

  void runPass(const std::vector<Piece> &batch, const Pass &pass) {
    std::vector<int32_t> tokens;
    std::vector<PlanRunner::Part> parts;
    tokens.reserve(pass.rows);
    for (const Segment &segment : pass.segments) {
      const Piece &piece = batch[segment.piece];
      tokens.insert(tokens.end(), piece.tokens + segment.begin,
                    piece.tokens + segment.end);
      parts.push_back({segment.row, segment.count(),
                       piece.position + segment.begin, piece.sequence,
                       Table.pages(piece.sequence)});
    }
    Runner.runBody(tokens.data(), pass.rows, parts, Path::ManyTokens);
    for (const Segment &segment : pass.segments) {
      const Piece &piece = batch[segment.piece];
      Table.setLength(piece.sequence, piece.position + segment.end);
    }
  }

  /// Logits and losses of the rows of a head.
  void handOut(const std::vector<Piece> &batch, const WantedRow *wanted,
               int64_t count, const Rows &result) {
    const Execution &execution = Runner.execution();
    execution.pool.parallelFor(count, 1, [&](int64_t begin, int64_t end, int) {
      for (int64_t row = begin; row != end; ++row) {
        const Piece &piece = batch[wanted[row].piece];
        const int64_t token = wanted[row].token;
        const float *x = result.row(row);
        if (piece.logits)
          copyRow(result, row, piece.logits + (token - piece.firstRow) * Vocab);
        if (piece.losses)
          piece.losses[token] = static_cast<float>(
              execution.kernels.logSumExp(x, Vocab) - x[piece.targets[token]]);
      }
    });
  }

  /// A token for each sequence; then `use(index, logits)` for each.
  template <typename Use>
  void forSteps(const std::vector<Step> &steps, const Use &use) {
    Table.prepare(steps, 1);
    const auto count = static_cast<int64_t>(steps.size());
    const int64_t most = std::min(Resolved.chunk, Runner.headRows());
    for (int64_t begin = 0; begin < count; begin += most) {
      const int64_t size = std::min(most, count - begin);
      std::vector<int32_t> tokens;
      std::vector<PlanRunner::Part> parts;
      for (int64_t i = 0; i != size; ++i) {
        const Step &step = steps[begin + i];
        tokens.push_back(step.token);
        parts.push_back(
            {i, 1, step.position, step.sequence, Table.pages(step.sequence)});
      }
      Runner.runBody(tokens.data(), size, parts, Path::EachToken);
      for (int64_t i = 0; i != size; ++i)
        Table.setLength(steps[begin + i].sequence,
                        steps[begin + i].position + 1);
      const Rows result = Runner.runHead(0, size, Path::EachToken);
      for (int64_t i = 0; i != size; ++i)
        use(begin + i, result.row(i));
    }
  }

  void copyRow(const Rows &rows, int64_t row, float *out) const {
    std::copy_n(rows.row(row), Vocab, out);
  }

  const Image &Source;
  EngineOptions Resolved;
  PlanRunner Runner;
  Rapl Energy;
  std::vector<ZeroedMemory> Pages;
  SequenceTable Table;
  int64_t Vocab;
  HostDraw Drawing;
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
