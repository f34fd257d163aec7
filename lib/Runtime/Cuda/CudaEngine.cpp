//===- CudaEngine.cpp - The plan on a GPU ---------------------------------===//

#include "qzc/Runtime/Cuda/CudaEngine.h"

#include "DecodeGraph.h"
#include "qzc/Runtime/Argmax.h"
#include "qzc/Runtime/CacheRange.h"
#include "qzc/Runtime/Cuda/CodeSelection.h"
#include "qzc/Runtime/Cuda/Device.h"
#include "qzc/Runtime/Cuda/DeviceState.h"
#include "qzc/Runtime/Cuda/Nvml.h"
#include "qzc/Runtime/Cuda/Program.h"
#include "qzc/Runtime/Cuda/Workspace.h"
#include "qzc/Runtime/Image.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <functional>

namespace qzc::runtime {

namespace {
/// The host's part of DeviceState.
struct HostState {
  int position = 0;
  int tokens = 0;
  int token = 0;
  int rows = 0;
};
static_assert(sizeof(HostState) == offsetof(DeviceState, beyondHalf),
              "what the host writes is what precedes the kernels' own");

/// What a pass leaves in DeviceState from the token on.
struct Outcome {
  int token;
  int rows;
  int beyondHalf;
};
static_assert(offsetof(Outcome, beyondHalf) ==
                  offsetof(DeviceState, beyondHalf) -
                      offsetof(DeviceState, token),
              "read back by one copy");

class CudaEngine : public Engine {
public:
  CudaEngine(const Image &image, const EngineOptions &options,
             const char *library);

  void reset() override;
  void rewind(int64_t position) override;
  int64_t position() const override { return Position; }
  const EngineOptions &options() const override { return Options; }
  std::string describe() const override;
  MemoryUse memoryUse() const override;

  void prefill(const int32_t *tokens, int64_t count,
               float *lastLogits) override;
  void logits(const int32_t *tokens, int64_t count, float *out) override;
  void score(const int32_t *tokens, const int32_t *targets, int64_t count,
             int64_t firstScored, float *losses) override;
  void decode(int32_t token, float *logits) override;
  int32_t decodeGreedy(int32_t token) override;
  void decodeMany(int32_t token, int64_t count) override;

  double streamingRate() override { return Gpu.copyRate(); }
  std::optional<double> joules() override { return Energy.joules(); }

private:
  /// Called after the head ran on rows [first, first + rows) of a call.
  using OnRows = std::function<void(int64_t first, int64_t rows)>;

  void run(const int32_t *tokens, int64_t count, int64_t firstHeadRow,
           const OnRows &onRows);
  void setState(HostState state);
  void startDecode(int32_t token, int64_t count);
  int32_t finishDecode(const std::string &what);
  void downloadLogits(float *out, int64_t rows);
  bool hasHalfCache() const { return Options.cache == CacheType::F16; }
  void downloadOutcome();
  const Outcome &outcome() const {
    return *static_cast<const Outcome *>(HostOutcome.data());
  }
  void wait(const std::string &what);
  void failCache();

  const format::Manifest &Manifest;
  EngineOptions Options;
  Device Gpu;
  Nvml Energy;
  const DeviceCode &Code;
  Module Kernels;
  WorkspacePlan Sizes;
  Workspace Memory;
  LaunchList Prefill, Head, Score;
  DecodeGraph Decode;
  PinnedBuffer HostOutcome;
  PinnedBuffer HostLogits;
  HostState Known;
  int64_t Position = 0;
};
} // namespace

CudaEngine::CudaEngine(const Image &image, const EngineOptions &options,
                       const char *library)
    : Manifest(image.manifest()), Options(options), Gpu(library),
      Energy(Gpu.bus()), Code(selectCode(image.deviceCode(), Gpu.capability(),
                                         Gpu.name(), options.forcePtx)),
      Kernels(Gpu, Code, Manifest),
      Sizes(planWorkspace(Manifest, options, Gpu.freeBytes())),
      Memory(Gpu, image, Sizes),
      Prefill(Manifest.cuda.prefill, Manifest, Memory.layout(), Kernels),
      Head(Manifest.cuda.head, Manifest, Memory.layout(), Kernels),
      Score(Manifest.cuda.score, Manifest, Memory.layout(), Kernels),
      Decode(Gpu, LaunchList(Manifest.cuda.decode, Manifest, Memory.layout(),
                             Kernels)),
      HostOutcome(Gpu, sizeof(Outcome)),
      HostLogits(Gpu,
                 static_cast<size_t>(Manifest.model.vocab) * sizeof(float)) {
  Options.context = Sizes.capacity;
  Options.chunk = Sizes.chunk;
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
  use.deviceBytes = Sizes.total();
  use.weightBytes = Sizes.weightBytes;
  use.cacheBytes = Sizes.cacheTotal();
  use.workspaceBytes = Sizes.workspaceTotal();
  return use;
}

void CudaEngine::reset() {
  Position = 0;
  const auto clear = [&](CUdeviceptr address, size_t bytes) {
    Gpu.driver().check(
        Gpu.driver().memsetD8Async(address, 0, bytes, Gpu.stream()),
        "clearing what the last tokens left");
  };
  clear(Memory.layout().state + offsetof(DeviceState, beyondHalf), sizeof(int));
  clear(Memory.layout().cacheRanges, Sizes.rangeBytes());
}

/// The ranges of keys and values may stay wider than what is left needs.
void CudaEngine::rewind(int64_t position) {
  if (position == 0)
    return reset();
  Position = position;
}

/// Starts the copy of what the pass leaves.
void CudaEngine::downloadOutcome() {
  Gpu.download(HostOutcome.data(),
               Memory.layout().state + offsetof(DeviceState, token),
               sizeof(Outcome));
}

/// Waits for all that was started. Throws where an f16 cache could not hold it.
void CudaEngine::wait(const std::string &what) {
  if (hasHalfCache())
    downloadOutcome();
  Gpu.synchronize(what);
  if (hasHalfCache() && outcome().beyondHalf != 0)
    failCache();
}

void CudaEngine::failCache() {
  std::vector<CacheRange> ranges(Sizes.cacheBytes.size());
  Gpu.download(ranges.data(), Memory.layout().cacheRanges, Sizes.rangeBytes());
  Gpu.synchronize("reading the range of keys and values");
  for (size_t layer = 0; layer != ranges.size(); ++layer)
    if (const float most = std::max(ranges[layer].key, ranges[layer].value);
        most > 0)
      failBeyondHalf(static_cast<int64_t>(layer), most);
}

void CudaEngine::setState(HostState state) {
  if (std::memcmp(&state, &Known, sizeof(state)) != 0)
    Gpu.upload(Memory.layout().state, &state, sizeof(state));
  Known = state;
}

/// Appends tokens chunk by chunk and runs the head on the rows from
/// `firstHeadRow` on, as many at a time as its arena holds.
void CudaEngine::run(const int32_t *tokens, int64_t count, int64_t firstHeadRow,
                     const OnRows &onRows) {
  for (int64_t begin = 0; begin < count; begin += Sizes.chunk) {
    int64_t size = std::min(Sizes.chunk, count - begin);
    HostState state;
    state.position = static_cast<int>(Position);
    state.tokens = static_cast<int>(size);
    setState(state);
    Gpu.upload(Memory.layout().tokens, tokens + begin,
               static_cast<size_t>(size) * sizeof(int32_t));
    Prefill.launch(Gpu, size);
    for (int64_t row = std::max<int64_t>(firstHeadRow - begin, 0); row < size;
         row += Sizes.headRows) {
      int64_t rows = std::min(Sizes.headRows, size - row);
      state.rows = static_cast<int>(rows);
      setState(state);
      Head.launch(Gpu, rows, row);
      onRows(begin + row, rows);
    }
    Position += size;
  }
  wait("running " + std::to_string(count) + " tokens (prefill kernels)");
}

/// Starts the copy of the head's first `rows` rows to `out` [rows, vocab].
void CudaEngine::downloadLogits(float *out, int64_t rows) {
  const format::Plan &plan = Manifest.plan;
  const format::View &view = plan.logits;
  CUDA_MEMCPY2D copy = {};
  copy.srcMemoryType = CU_MEMORYTYPE_DEVICE;
  copy.srcDevice = Memory.layout().headView(plan, view.buffer, view.column);
  copy.srcPitch =
      static_cast<size_t>(plan.headBuffers.at(view.buffer).columns) *
      sizeof(float);
  copy.dstMemoryType = CU_MEMORYTYPE_HOST;
  copy.dstHost = out;
  copy.dstPitch = static_cast<size_t>(Manifest.model.vocab) * sizeof(float);
  copy.WidthInBytes = copy.dstPitch;
  copy.Height = static_cast<size_t>(rows);
  Gpu.driver().check(Gpu.driver().memcpy2DAsync(&copy, Gpu.stream()),
                     "copying logits from the GPU");
}

void CudaEngine::prefill(const int32_t *tokens, int64_t count,
                         float *lastLogits) {
  run(tokens, count, lastLogits ? count - 1 : count,
      [&](int64_t, int64_t rows) { downloadLogits(lastLogits, rows); });
}

void CudaEngine::logits(const int32_t *tokens, int64_t count, float *out) {
  run(tokens, count, 0, [&](int64_t first, int64_t rows) {
    downloadLogits(out + first * Manifest.model.vocab, rows);
  });
}

void CudaEngine::score(const int32_t *tokens, const int32_t *targets,
                       int64_t count, int64_t firstScored, float *losses) {
  run(tokens, count, firstScored, [&](int64_t first, int64_t rows) {
    size_t bytes = static_cast<size_t>(rows) * sizeof(float);
    Gpu.upload(Memory.layout().targets, targets + first, bytes);
    Score.launch(Gpu, rows);
    Gpu.download(losses + first, Memory.layout().losses, bytes);
  });
}

/// Starts `count` decode steps, each taking the token the one before chose.
void CudaEngine::startDecode(int32_t token, int64_t count) {
  HostState state;
  state.position = static_cast<int>(Position);
  state.tokens = 1;
  state.token = token;
  state.rows = 1;
  setState(state);
  for (int64_t step = 0; step != count; ++step)
    Decode.launch(Gpu);
  Position += count;
  Known.position = static_cast<int>(Position);
  // The device knows the next token; the host does not, unless it asks.
  Known.token = -1;
}

void CudaEngine::decode(int32_t token, float *logits) {
  startDecode(token, 1);
  auto *staging = static_cast<float *>(HostLogits.data());
  downloadLogits(staging, 1);
  wait("decoding a token");
  std::copy_n(staging, Manifest.model.vocab, logits);
}

/// Waits for what startDecode started; the token that the last step chose.
int32_t CudaEngine::finishDecode(const std::string &what) {
  if (!hasHalfCache()) // else wait() does
    downloadOutcome();
  wait(what);
  Known.token = outcome().token;
  if (Known.token < 0)
    failNotANumber(-1 - int64_t{Known.token});
  return Known.token;
}

int32_t CudaEngine::decodeGreedy(int32_t token) {
  startDecode(token, 1);
  return finishDecode("decoding a token");
}

void CudaEngine::decodeMany(int32_t token, int64_t count) {
  startDecode(token, count);
  finishDecode("decoding " + std::to_string(count) + " tokens");
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
