//===- CudaEngine.cpp - The plan on a GPU ---------------------------------===//

#include "qzc/Runtime/Cuda/CudaEngine.h"

#include "CacheOverflow.h"
#include "DecodeGraph.h"
#include "DecodeStep.h"
#include "PassState.h"
#include "StepSlots.h"
#include "qzc/Runtime/Argmax.h"
#include "qzc/Runtime/Batch.h"
#include "qzc/Runtime/Cuda/CodeSelection.h"
#include "qzc/Runtime/Cuda/Device.h"
#include "qzc/Runtime/Cuda/DeviceState.h"
#include "qzc/Runtime/Cuda/Nvml.h"
#include "qzc/Runtime/Cuda/Program.h"
#include "qzc/Runtime/Cuda/Workspace.h"
#include "qzc/Runtime/HostDraw.h"
#include "qzc/Runtime/Image.h"
#include "qzc/Runtime/SequenceTable.h"

#include <algorithm>
#include <cstddef>
#include <map>
#include <optional>

namespace qzc::runtime {

namespace {
/// Where the sequences of a batch go on.
template <typename Batch>
std::vector<SequenceStart> startsOf(const Batch &batch) {
  std::vector<SequenceStart> starts;
  starts.reserve(batch.size());
  for (const auto &item : batch)
    starts.push_back({item.sequence, item.position});
  return starts;
}

class CudaEngine : public Engine {
public:
  CudaEngine(const Image &image, const EngineOptions &options,
             const char *library);

  ~CudaEngine() override { forgetAhead(); }

  int open() override { return Table.open(); }
  void close(int sequence) override {
    forgetAhead();
    Table.close(sequence);
  }
  int64_t length(int sequence) const override { return Table.length(sequence); }
  const EngineOptions &options() const override { return Options; }
  std::string describe() const override;
  MemoryUse memoryUse() const override;

  void run(const std::vector<Piece> &batch) override;
  void decode(const std::vector<Step> &steps, float *logits) override;
  void decodeGreedy(const std::vector<Step> &steps, bool ahead,
                    int32_t *chosen) override;
  void decodeDrawn(const std::vector<Step> &steps,
                   const std::vector<Draw> &draws,
                   const std::vector<Draw> &ahead, int32_t *chosen) override;
  void decodeMany(const std::vector<Step> &steps, int64_t count) override;

  double streamingRate() override { return Gpu.copyRate(); }
  std::optional<double> joules() override;
  double meterSeconds() const override { return Nvml::kStepSeconds; }

private:
  /// Losses on their way to the host, and where they belong.
  struct ScoredRows {
    std::vector<float> losses;
    std::vector<float *> targets; ///< null: not asked for
  };

  std::vector<uint64_t> allocatePages(int64_t pages);
  void runBody(const std::vector<Piece> &batch, const Pass &pass);
  void runHead(const std::vector<Piece> &batch, const Pass &pass,
               std::vector<ScoredRows> &scored);
  void gatherHidden(std::vector<WantedRow> &wanted);
  template <typename Use>
  void forPasses(const DecodeStep &step, const Use &use);
  template <typename Use>
  void forGroups(const std::vector<Step> &steps, int64_t count, const Use &use);
  void startDecode(const DecodeStep &step, int64_t count);
  void startStep(const DecodeStep &step);
  void setLengths(const std::vector<Step> &steps, int64_t count);
  void choose(const DecodeStep &step, std::optional<DecodeStep> ahead,
              int32_t *chosen);
  bool prepareAhead(const std::vector<Step> &steps);
  void forgetAhead() noexcept;
  const TokenRow *finishStep(const std::string &what);
  void finishDecode(const std::string &what, int32_t *chosen);
  const DecodeGraph &graphOf(int64_t sequences, Choice choice);
  void downloadWanted(const std::vector<Piece> &batch, const WantedRow *block,
                      int64_t rows);
  void downloadLogits(float *out, int64_t firstRow, int64_t rows);
  bool mayOverflow() const { return Options.cache != CacheType::F32; }
  void wait(const std::string &what);

  const format::Manifest &Manifest;
  EngineOptions Options;
  Device Gpu;
  std::optional<Nvml> Energy; ///< opened when it is asked, which takes time
  const DeviceCode &Code;
  const format::CudaProgram &Program;
  Kernels Functions;
  WorkspacePlan Sizes;
  Workspace Memory;
  std::vector<DeviceBuffer> Slabs; ///< of pages
  SequenceTable Table;
  LaunchList Prefill, Head, Score, Losses, Drawing;
  /// The lists of decode passes that were needed so far, and graphs by number
  /// of sequences and how they end.
  std::map<const std::vector<format::CudaLaunch> *, LaunchList> Decodes;
  std::map<std::pair<int64_t, Choice>, DecodeGraph> Graphs;
  int64_t MostSteps;       ///< sequences of one decode pass
  PinnedBuffer HostBeyond; ///< beyondCache
  PinnedBuffer HostLogits;
  PassState Told;
  StepSlots Slots;
  /// A step behind the last one that was asked for, which has been started.
  /// Its tokens are known once that one's results are.
  std::optional<DecodeStep> Ahead;
  HostDraw Host; ///< of more tokens than the device draws from
};

/// Pages are allocated so many bytes at a time.
constexpr uint64_t kSlabBytes = uint64_t{32} << 20;
/// Up to so many rows are brought together for one run of the head.
constexpr size_t kMostGathered = 512;
} // namespace

CudaEngine::CudaEngine(const Image &image, const EngineOptions &options,
                       const char *library)
    : Manifest(image.manifest()), Options(options), Gpu(library),
      Code(selectCode(image.deviceCode(), Gpu.capability(), Gpu.name(),
                      options.forcePtx)),
      Program(programOf(Manifest, Code)), Functions(Gpu, Code, Manifest),
      Sizes(planWorkspace(Manifest, Program, options, Gpu.freeBytes())),
      Memory(Gpu, image, Sizes),
      Table(Sizes.sequences, Sizes.capacity, Sizes.pageSize,
            [this](int64_t pages) { return allocatePages(pages); }),
      Prefill(Program.prefill, Manifest, Program.memory, Memory.layout(),
              Functions),
      Head(Program.head, Manifest, Program.memory, Memory.layout(), Functions),
      Score(Program.score, Manifest, Program.memory, Memory.layout(),
            Functions),
      Losses(Program.losses, Manifest, Program.memory, Memory.layout(),
             Functions),
      Drawing(Program.draw, Manifest, Program.memory, Memory.layout(),
              Functions),
      MostSteps(std::min({Program.decodeBatch, Sizes.chunk, Sizes.headRows})),
      HostBeyond(Gpu, sizeof(int)),
      HostLogits(Gpu,
                 static_cast<size_t>(Manifest.model.vocab) * sizeof(float)),
      Told(Gpu, Memory.layout(), Sizes),
      Slots(Gpu, Memory.layout(), MostSteps) {
  LaunchList(Program.arrange, Manifest, Program.memory, Memory.layout(),
             Functions)
      .launch(Gpu, {1, 0}, 0);
  Options.context = Sizes.capacity;
  Options.chunk = Sizes.chunk;
  Options.sequences = Sizes.sequences;
  graphOf(1, Choice::Likeliest);
  Gpu.synchronize("preparing the GPU's memory");
}

std::string CudaEngine::describe() const {
  if (Code.ptx)
    return Gpu.name() + " (sm_" + std::to_string(Gpu.capability()) + ", " +
           codeName(Code) + ")";
  return Gpu.name() + " (" + codeName(Code) + ")";
}

MemoryUse CudaEngine::memoryUse() const {
  MemoryUse use;
  use.weightBytes = Sizes.weightBytes;
  use.workspaceBytes = Sizes.workspaceTotal();
  for (const DeviceBuffer &slab : Slabs)
    use.cacheBytes += slab.size();
  use.deviceBytes = use.weightBytes + use.workspaceBytes + use.cacheBytes;
  return use;
}

std::optional<double> CudaEngine::joules() {
  if (!Energy)
    Energy.emplace(Gpu.bus());
  return Energy->joules();
}

std::vector<uint64_t> CudaEngine::allocatePages(int64_t pages) {
  const auto make = [&](int64_t count) {
    Slabs.emplace_back(Gpu, Sizes.pageBytes * static_cast<uint64_t>(count),
                       "the KV cache", /*zero=*/false);
    std::vector<uint64_t> addresses;
    for (int64_t i = 0; i != count; ++i)
      addresses.push_back(Slabs.back().address() +
                          Sizes.pageBytes * static_cast<uint64_t>(i));
    return addresses;
  };
  const int64_t most =
      Sizes.sequences * Sizes.pagesPerSequence - Table.allPages();
  const auto usual =
      static_cast<int64_t>(kSlabBytes / std::max<uint64_t>(Sizes.pageBytes, 1));
  const int64_t wanted = std::max(pages, std::min(usual, most));
  try {
    return make(wanted);
  } catch (const Error &) {
    if (wanted == pages)
      throw;
  }
  return make(pages);
}

/// Waits for all that was started. Throws where the cache could not hold it.
void CudaEngine::wait(const std::string &what) {
  auto *beyond = static_cast<int *>(HostBeyond.data());
  *beyond = 0;
  if (mayOverflow())
    Gpu.download(beyond,
                 Memory.layout().state + offsetof(DeviceState, beyondCache),
                 sizeof(int));
  Gpu.synchronize(what);
  if (*beyond != 0)
    failCacheOverflow(Gpu, Memory.layout(), Sizes);
}

void CudaEngine::runBody(const std::vector<Piece> &batch, const Pass &pass) {
  std::vector<TokenRow> rows;
  std::vector<QueryTile> tiles;
  rows.reserve(static_cast<size_t>(pass.rows));
  const int64_t most = Program.tileQueries;
  for (const Segment &segment : pass.segments) {
    const Piece &piece = batch[segment.piece];
    for (int64_t token = segment.begin; token != segment.end; ++token) {
      const auto position = static_cast<int>(piece.position + token);
      if ((token - segment.begin) % most == 0)
        tiles.push_back({static_cast<int>(rows.size()),
                         static_cast<int>(std::min(most, segment.end - token)),
                         position, piece.sequence});
      rows.push_back({piece.tokens[token], position, piece.sequence, 0});
    }
  }
  Told.setRows(rows, 0);
  Gpu.upload(Memory.layout().tiles, tiles.data(),
             tiles.size() * sizeof(QueryTile));
  Prefill.launch(Gpu, {pass.rows, static_cast<int64_t>(tiles.size())});
  for (const Segment &segment : pass.segments)
    Table.setLength(batch[segment.piece].sequence,
                    batch[segment.piece].position + segment.end);
}

/// Brings hidden rows that lie apart to the front, if they are few.
void CudaEngine::gatherHidden(std::vector<WantedRow> &wanted) {
  const auto count = static_cast<int64_t>(wanted.size());
  if (wanted.size() > kMostGathered || runOfRows(wanted, 0, count) == count)
    return;
  const uint64_t bytes = Head.hiddenRowBytes();
  const CUdeviceptr hidden =
      Memory.layout().bodyView(Program.memory, Program.memory.hidden.buffer, 0);
  // No row goes to where one is that comes later.
  for (size_t i = 0; i != wanted.size(); ++i) {
    const auto row = static_cast<uint64_t>(wanted[i].row);
    if (row != i)
      Gpu.driver().check(Gpu.driver().memcpyDtoDAsync(hidden + i * bytes,
                                                      hidden + row * bytes,
                                                      bytes, Gpu.stream()),
                         "copying within the GPU");
    wanted[i].row = static_cast<int64_t>(i);
  }
}

/// Starts the copies of wanted logits of `rows` rows, the first of which is
/// `block`.
void CudaEngine::downloadWanted(const std::vector<Piece> &batch,
                                const WantedRow *block, int64_t rows) {
  for (int64_t row = 0; row != rows;) {
    const Piece &piece = batch[block[row].piece];
    int64_t end = row + 1;
    while (end != rows && block[end].piece == block[row].piece)
      ++end;
    if (piece.logits)
      downloadLogits(piece.logits + (block[row].token - piece.firstRow) *
                                        Manifest.model.vocab,
                     row, end - row);
    row = end;
  }
}

/// Runs the head on the rows that are wanted, as many at a time as its arena
/// holds; or where no logits are, and there are kernels for it, on as many as
/// there are.
void CudaEngine::runHead(const std::vector<Piece> &batch, const Pass &pass,
                         std::vector<ScoredRows> &scored) {
  std::vector<WantedRow> wanted =
      wantedRows(batch, pass, [](const Piece &) { return true; });
  if (wanted.empty())
    return;
  gatherHidden(wanted);
  const bool lossesAlone =
      !Program.losses.empty() &&
      std::none_of(wanted.begin(), wanted.end(), [&](const WantedRow &row) {
        return batch[row.piece].logits != nullptr;
      });
  const int64_t most = lossesAlone ? Sizes.chunk : Sizes.headRows;
  for (size_t first = 0; first != wanted.size();) {
    const int64_t rows = runOfRows(wanted, first, most);
    const WantedRow *block = wanted.data() + first;
    first += static_cast<size_t>(rows);
    Told.setHeadRows(rows);
    ScoredRows losses;
    std::vector<int32_t> targets;
    bool score = false;
    for (int64_t row = 0; row != rows; ++row) {
      const Piece &piece = batch[block[row].piece];
      const int64_t token = block[row].token;
      targets.push_back(piece.losses ? piece.targets[token] : 0);
      losses.targets.push_back(piece.losses ? piece.losses + token : nullptr);
      score |= piece.losses != nullptr;
    }
    const size_t bytes = targets.size() * sizeof(float);
    if (score)
      Gpu.upload(Memory.layout().targets, targets.data(), bytes);
    if (lossesAlone) {
      Losses.launch(Gpu, {rows, 0}, block->row);
    } else {
      Head.launch(Gpu, {rows, 0}, block->row);
      downloadWanted(batch, block, rows);
      if (score)
        Score.launch(Gpu, {rows, 0});
    }
    if (score) {
      losses.losses.resize(targets.size());
      scored.push_back(std::move(losses));
      Gpu.download(scored.back().losses.data(), Memory.layout().losses, bytes);
    }
  }
}

void CudaEngine::run(const std::vector<Piece> &batch) {
  forgetAhead();
  Table.prepare(batch);
  Told.setSequences(startsOf(batch), Table);
  std::vector<ScoredRows> scored;
  int64_t tokens = 0;
  for (const Pass &pass : cutIntoPasses(batch, Sizes.chunk)) {
    runBody(batch, pass);
    runHead(batch, pass, scored);
    tokens += pass.rows;
  }
  wait("running " + std::to_string(tokens) + " tokens (prefill kernels)");
  for (const ScoredRows &rows : scored)
    for (size_t i = 0; i != rows.losses.size(); ++i)
      if (rows.targets[i])
        *rows.targets[i] = rows.losses[i];
}

/// Starts the copy of `rows` rows of the head from `firstRow` on to `out`
/// [rows, vocab].
void CudaEngine::downloadLogits(float *out, int64_t firstRow, int64_t rows) {
  const format::Activations &memory = Program.memory;
  const format::View &view = memory.logits;
  CUDA_MEMCPY2D copy = {};
  copy.srcMemoryType = CU_MEMORYTYPE_DEVICE;
  copy.srcPitch =
      static_cast<size_t>(
          memory.headBuffers.at(static_cast<size_t>(view.buffer)).columns) *
      sizeof(float);
  copy.srcDevice = Memory.layout().headView(memory, view.buffer, view.column) +
                   static_cast<uint64_t>(firstRow) * copy.srcPitch;
  copy.dstMemoryType = CU_MEMORYTYPE_HOST;
  copy.dstHost = out;
  copy.dstPitch = static_cast<size_t>(Manifest.model.vocab) * sizeof(float);
  copy.WidthInBytes = copy.dstPitch;
  copy.Height = static_cast<size_t>(rows);
  Gpu.driver().check(Gpu.driver().memcpy2DAsync(&copy, Gpu.stream()),
                     "copying logits from the GPU");
}

const DecodeGraph &CudaEngine::graphOf(int64_t sequences, Choice choice) {
  const auto found = Graphs.find({sequences, choice});
  if (found != Graphs.end())
    return found->second;
  const std::vector<format::CudaLaunch> &launches = Program.decodeOf(sequences);
  LaunchList &bound =
      Decodes
          .try_emplace(&launches, launches, Manifest, Program.memory,
                       Memory.layout(), Functions)
          .first->second;
  std::vector<LaunchList *> lists = {&bound};
  if (choice == Choice::Drawn)
    lists.push_back(&Drawing);
  return Graphs.try_emplace({sequences, choice}, Gpu, lists, sequences)
      .first->second;
}

/// Calls use(step, index of the first sequence) for as many as one pass takes.
template <typename Use>
void CudaEngine::forPasses(const DecodeStep &step, const Use &use) {
  const size_t count = step.steps.size();
  const auto most = static_cast<size_t>(MostSteps);
  for (size_t begin = 0; begin < count; begin += most)
    use(step.part(begin, std::min(begin + most, count)), begin);
}

/// The same for `count` steps of sequences that it prepares.
template <typename Use>
void CudaEngine::forGroups(const std::vector<Step> &steps, int64_t count,
                           const Use &use) {
  forgetAhead();
  Table.prepare(steps, count);
  Told.setSequences(startsOf(steps), Table);
  forPasses({steps, Choice::Likeliest, {}}, use);
}

/// Starts `count` decode steps of prepared sequences, each taking the tokens
/// that the one before chose.
void CudaEngine::startDecode(const DecodeStep &step, int64_t count) {
  const auto size = static_cast<int64_t>(step.steps.size());
  const DecodeGraph &graph = graphOf(size, step.choice);
  if (!step.goesOn())
    Told.setRows(step.rows(), size);
  if (step.choice == Choice::Drawn)
    Slots.sendDraws(step.draws);
  // Before the launches: where one fails, no host knows the device's rows.
  Told.advance(step.steps, count);
  for (int64_t i = 0; i != count; ++i)
    graph.launch(Gpu);
}

/// Starts one, and to bring here what it chooses.
void CudaEngine::startStep(const DecodeStep &step) {
  startDecode(step, 1);
  Slots.bringRows(step.steps.size(), mayOverflow());
}

void CudaEngine::setLengths(const std::vector<Step> &steps, int64_t count) {
  for (const Step &step : steps)
    Table.setLength(step.sequence, step.position + count);
}

/// Whether sequences have room for a step and one behind it; prepares them.
bool CudaEngine::prepareAhead(const std::vector<Step> &steps) {
  try {
    Table.prepare(steps, 2);
    return true;
  } catch (const SequenceError &) {
    return false;
  }
}

/// Waits for a step that nobody asked for. What it did lies behind the ends of
/// its sequences, but for the magnitudes beyond f16 that an f32 cache has seen.
void CudaEngine::forgetAhead() noexcept {
  Ahead.reset();
  while (Slots.isWaiting())
    try {
      finishStep("decoding a token");
    } catch (const std::exception &) {
      // Of what is not wanted; a device that is lost fails what follows, too.
    }
}

/// Takes a step, which may have been started ahead, and starts the one behind
/// it before its results are there.
void CudaEngine::choose(const DecodeStep &step, std::optional<DecodeStep> ahead,
                        int32_t *chosen) {
  const bool isStarted = Ahead && *Ahead == step;
  if (!isStarted)
    forgetAhead();
  if (ahead && (static_cast<int64_t>(step.steps.size()) > MostSteps ||
                !prepareAhead(step.steps)))
    ahead.reset();
  if (!ahead)
    Table.prepare(step.steps, 1);
  Told.setSequences(startsOf(step.steps), Table);
  Ahead.reset();
  forPasses(step, [&](const DecodeStep &pass, size_t first) {
    if (!isStarted)
      startStep(pass);
    setLengths(pass.steps, 1);
    if (ahead) {
      startStep(*ahead);
      Ahead = std::move(ahead);
    }
    finishDecode("decoding a token", chosen + first);
  });
}

/// Waits for the step that was started first; the rows that it leaves.
const TokenRow *CudaEngine::finishStep(const std::string &what) {
  const StepSlots::Result result = Slots.wait(what);
  if (result.beyondCache)
    failCacheOverflow(Gpu, Memory.layout(), Sizes);
  return result.rows;
}

/// The same; the tokens that were chosen.
void CudaEngine::finishDecode(const std::string &what, int32_t *chosen) {
  const TokenRow *rows = finishStep(what);
  if (!Ahead)
    Told.learnTokens(rows);
  for (size_t i = 0; i != Told.rowCount(); ++i) {
    if (rows[i].token < 0)
      failNotANumber(-1 - int64_t{rows[i].token});
    chosen[i] = rows[i].token;
    if (Ahead)
      Ahead->steps[i].token = rows[i].token;
  }
}

void CudaEngine::decode(const std::vector<Step> &steps, float *logits) {
  forGroups(steps, 1, [&](const DecodeStep &pass, size_t first) {
    startDecode(pass, 1);
    setLengths(pass.steps, 1);
    const auto vocab = static_cast<size_t>(Manifest.model.vocab);
    float *out = logits + first * vocab;
    const auto count = static_cast<int64_t>(pass.steps.size());
    if (count > 1) {
      downloadLogits(out, 0, count);
      return wait("decoding a token");
    }
    auto *staging = static_cast<float *>(HostLogits.data());
    downloadLogits(staging, 0, 1);
    wait("decoding a token");
    std::copy_n(staging, vocab, out);
  });
}

void CudaEngine::decodeGreedy(const std::vector<Step> &steps, bool ahead,
                              int32_t *chosen) {
  const DecodeStep step = {steps, Choice::Likeliest, {}};
  choose(step, ahead ? std::optional(step.next({})) : std::nullopt, chosen);
}

void CudaEngine::decodeDrawn(const std::vector<Step> &steps,
                             const std::vector<Draw> &draws,
                             const std::vector<Draw> &ahead, int32_t *chosen) {
  if (isOnDevice(draws)) {
    const DecodeStep step = {steps, Choice::Drawn, draws};
    const bool goesOn = ahead.size() == steps.size() && isOnDevice(ahead);
    return choose(step, goesOn ? std::optional(step.next(ahead)) : std::nullopt,
                  chosen);
  }
  const int64_t vocab = Manifest.model.vocab;
  std::vector<float> logits(steps.size() * static_cast<size_t>(vocab));
  decode(steps, logits.data());
  for (size_t i = 0; i != steps.size(); ++i)
    chosen[i] = Host.token(logits.data() + i * static_cast<size_t>(vocab),
                           vocab, draws[i]);
}

void CudaEngine::decodeMany(const std::vector<Step> &steps, int64_t count) {
  std::vector<int32_t> chosen(steps.size());
  forGroups(steps, count, [&](const DecodeStep &pass, size_t) {
    startDecode(pass, count);
    setLengths(pass.steps, count);
    Slots.bringRows(pass.steps.size(), mayOverflow());
    finishDecode("decoding " + std::to_string(count) + " tokens",
                 chosen.data());
  });
}

std::unique_ptr<Engine> openCudaEngine(const Image &image,
                                       const EngineOptions &options,
                                       const char *library) {
  return std::make_unique<CudaEngine>(image, options, library);
}

std::unique_ptr<Engine> createCudaEngine(const Image &image,
                                         const EngineOptions &options) {
  return openCudaEngine(image, options);
}

bool cudaDevicePresent() { return Driver::devicePresent(); }

} // namespace qzc::runtime
