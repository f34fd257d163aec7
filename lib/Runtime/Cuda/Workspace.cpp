//===- Workspace.cpp - A model's memory on a GPU --------------------------===//

#include "qzc/Runtime/Cuda/Workspace.h"

#include "qzc/Runtime/CacheRange.h"
#include "qzc/Runtime/Cuda/DeviceState.h"
#include "qzc/Support/Error.h"

#include <algorithm>
#include <cmath>

namespace qzc::runtime {

using format::AttentionParams;
using format::CudaProgram;
using format::Manifest;

/// Every array starts at a multiple of this.
static constexpr uint64_t kArrayAlign = 256;
/// Tokens of a pass where the choice is free, and elements of their hidden
/// rows: enough for a narrow model's products to take the GPU some waves of
/// blocks, and for the conversion of its weights to be a small part.
static constexpr int64_t kLeastDefaultChunk = 2048;
static constexpr int64_t kMostDefaultChunk = 16384;
static constexpr int64_t kDefaultChunkElements = int64_t{8} << 20;
static constexpr int64_t kSmallestChunk = 64;
static constexpr int64_t kMostHeadRows = 1024;
/// What the head's arena is kept below where the choice is free.
static constexpr uint64_t kHeadArenaBytes = uint64_t{256} << 20;
/// What the driver takes for itself: modules, graphs, local memory.
static constexpr uint64_t kReserve = uint64_t{64} << 20;

static uint64_t alignUp(uint64_t bytes) {
  return (bytes + kArrayAlign - 1) / kArrayAlign * kArrayAlign;
}

uint64_t WorkspacePlan::cacheTotal() const {
  return pageBytes * static_cast<uint64_t>(pagesPerSequence);
}

uint64_t WorkspacePlan::rangeBytes() const {
  return caches.size() * sizeof(CacheRange);
}

uint64_t WorkspacePlan::tableBytes() const {
  return static_cast<uint64_t>(sequences * pagesPerSequence) *
         sizeof(CUdeviceptr);
}

uint64_t WorkspacePlan::smallBytes() const {
  const auto rows = static_cast<uint64_t>(chunk);
  return sizeof(DeviceState) +
         alignUp(rangeBytes() * static_cast<uint64_t>(sequences)) +
         alignUp(tableBytes()) + alignUp(rows * sizeof(TokenRow)) +
         alignUp(rows * sizeof(QueryTile)) + 2 * alignUp(rows * 4) +
         alignUp(rows * sizeof(Draw));
}

uint64_t WorkspacePlan::workspaceTotal() const {
  return ropeBytes + bodyBytes + headBytes + scratchBytes + smallBytes();
}

uint64_t WorkspacePlan::total() const {
  return weightBytes + cacheTotal() + workspaceTotal();
}

/// Throws where a × b leaves what any GPU has; a and b not negative.
static uint64_t product(uint64_t a, uint64_t b) {
  constexpr uint64_t kMost = uint64_t{1} << 48;
  if (a != 0 && b > kMost / a)
    throw Error("the model needs more memory than any GPU has: a smaller "
                "--context needs less");
  return a * b;
}

/// Lays out a page: the keys of each layer, and its values.
static void planPages(const Manifest &manifest, const CudaProgram &program,
                      WorkspacePlan &plan) {
  const int64_t size = program.pagePositions;
  plan.pageSize = size > 0 ? size : plan.capacity;
  plan.pageShift = size > 0 ? __builtin_ctzll(size) : kOnePage;
  plan.pagesPerSequence = (plan.capacity - 1) / plan.pageSize + 1;
  plan.caches.resize(static_cast<size_t>(manifest.model.layers));
  for (const format::Launch &launch : manifest.plan.body) {
    const auto *params = std::get_if<AttentionParams>(&launch.params);
    if (!params)
      continue;
    auto layer = static_cast<size_t>(params->layer);
    const auto positions = static_cast<uint64_t>(plan.pageSize);
    const uint64_t rows =
        product(static_cast<uint64_t>(params->kvHeads), positions);
    const uint64_t elements =
        alignUp(product(product(rows, static_cast<uint64_t>(params->headDim)),
                        elementBytes(plan.cache)));
    const uint64_t scales = alignUp(product(rows, scaleBytes(plan.cache)));
    LayerCache &cache = plan.caches[layer];
    cache.keys = plan.pageBytes;
    cache.values = cache.keys + elements;
    cache.keyScales = cache.values + elements;
    cache.valueScales = cache.keyScales + scales;
    plan.pageBytes = cache.valueScales + scales;
  }
  product(plan.pageBytes, static_cast<uint64_t>(plan.pagesPerSequence));
  product(static_cast<uint64_t>(plan.sequences),
          static_cast<uint64_t>(plan.pagesPerSequence));
}

static uint64_t ropeElements(const format::Rope &rope, int64_t capacity) {
  return product(rope.inverseFrequencies.size() * 2,
                 static_cast<uint64_t>(capacity));
}

static WorkspacePlan planFor(const Manifest &manifest,
                             const CudaProgram &program,
                             const EngineOptions &options, int64_t capacity,
                             int64_t chunk) {
  WorkspacePlan plan;
  plan.capacity = capacity;
  plan.sequences = std::max<int64_t>(options.sequences, 1);
  plan.chunk = chunk;
  plan.cache = options.cache;
  plan.weightBytes = manifest.weightsBytes;
  planPages(manifest, program, plan);
  for (const format::Rope &rope : manifest.plan.ropes)
    plan.ropeBytes += alignUp(ropeElements(rope, capacity) * sizeof(float));
  uint64_t rowBytes = std::max<uint64_t>(program.memory.headBytesPerToken, 1);
  auto rows = static_cast<int64_t>(
      std::min<uint64_t>(kHeadArenaBytes / rowBytes, kMostHeadRows));
  plan.headRows = std::clamp<int64_t>(rows, 1, chunk);
  plan.headBytes = product(rowBytes, static_cast<uint64_t>(plan.headRows));
  plan.bodyBytes =
      product(program.memory.bytesPerToken, static_cast<uint64_t>(chunk));
  plan.scratchBytes =
      program.scratchBytes +
      product(program.scratchBytesPerToken, static_cast<uint64_t>(chunk));
  return plan;
}

static int64_t defaultChunk(const Manifest &manifest) {
  const int64_t hidden = std::max<int64_t>(manifest.model.hidden, 1);
  return std::clamp(kDefaultChunkElements / hidden, kLeastDefaultChunk,
                    kMostDefaultChunk);
}

WorkspacePlan planWorkspace(const Manifest &manifest,
                            const CudaProgram &program,
                            const EngineOptions &options, uint64_t freeBytes) {
  int64_t capacity =
      options.context > 0 ? options.context : manifest.model.context;
  int64_t chunk = options.chunk > 0 ? options.chunk : defaultChunk(manifest);
  const int64_t most = std::max<int64_t>(options.sequences, 1) *
                       std::clamp<int64_t>(capacity, 1, kMostDefaultChunk);
  chunk = std::clamp<int64_t>(chunk, 1, most);
  for (;;) {
    WorkspacePlan plan = planFor(manifest, program, options, capacity, chunk);
    uint64_t needed = plan.total() + kReserve;
    if (needed <= freeBytes)
      return plan;
    if (options.chunk > 0 || chunk <= kSmallestChunk)
      throw Error("out of GPU memory: " + std::to_string(needed / 1000000) +
                  " MB are needed (weights " +
                  std::to_string(plan.weightBytes / 1000000) +
                  " MB, KV cache of " + std::to_string(capacity) +
                  " positions " + std::to_string(plan.cacheTotal() / 1000000) +
                  " MB), " + std::to_string(freeBytes / 1000000) +
                  " MB are free: use a smaller --context, or --device=cpu");
    chunk = std::max(chunk / 2, kSmallestChunk);
  }
}

std::vector<float> ropeTable(const format::Rope &rope, int64_t capacity) {
  std::vector<float> table;
  table.reserve(ropeElements(rope, capacity));
  const std::vector<float> frequencies = frequenciesIn(rope, capacity);
  for (int64_t position = 0; position != capacity; ++position)
    for (float frequency : frequencies) {
      float angle = static_cast<float>(position) * frequency;
      table.push_back(std::cos(angle) * rope.magnitude);
      table.push_back(std::sin(angle) * rope.magnitude);
    }
  return table;
}

Workspace::Workspace(const Device &device, const Image &image,
                     const WorkspacePlan &plan)
    : Weights(device, plan.weightBytes, "the weights", false),
      Ropes(device, plan.ropeBytes, "the rotary tables", false),
      Body(device, plan.bodyBytes, "activations", true),
      Head(device, plan.headBytes, "logits", true),
      Scratch(device, plan.scratchBytes, "scratch memory", true),
      Small(device, plan.smallBytes(), "tokens", true) {
  Layout.weights = Weights.address();
  Layout.body = Body.address();
  Layout.head = Head.address();
  Layout.scratch = Scratch.address();
  Layout.chunk = plan.chunk;
  Layout.headRows = plan.headRows;
  Layout.pageSize = plan.pageSize;
  Layout.pageShift = plan.pageShift;
  Layout.pagesPerSequence = plan.pagesPerSequence;
  Layout.caches = plan.caches;
  Layout.cache = plan.cache;
  CUdeviceptr next = Small.address();
  const auto take = [&](uint64_t bytes) {
    const CUdeviceptr address = next;
    next += alignUp(bytes);
    return address;
  };
  const auto chunk = static_cast<uint64_t>(plan.chunk);
  Layout.state = take(sizeof(DeviceState));
  Layout.cacheRanges =
      take(plan.rangeBytes() * static_cast<uint64_t>(plan.sequences));
  Layout.pages = take(plan.tableBytes());
  Layout.tokens = take(chunk * sizeof(TokenRow));
  Layout.tiles = take(chunk * sizeof(QueryTile));
  Layout.targets = take(chunk * 4);
  Layout.losses = take(chunk * 4);
  Layout.draws = take(chunk * sizeof(Draw));

  next = Ropes.address();
  for (const format::Rope &rope : image.manifest().plan.ropes) {
    std::vector<float> table = ropeTable(rope, plan.capacity);
    Layout.ropes.push_back(next);
    device.upload(next, table.data(), table.size() * sizeof(float));
    next += alignUp(table.size() * sizeof(float));
  }
  uploadLarge(device, Weights.address(), image.weights(), plan.weightBytes);
}

} // namespace qzc::runtime
