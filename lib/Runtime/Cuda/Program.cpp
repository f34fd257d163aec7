//===- Program.cpp - Launches bound to device addresses -------------------===//

#include "qzc/Runtime/Cuda/Program.h"

#include "qzc/Runtime/CacheRange.h"
#include "qzc/Runtime/Cuda/DeviceState.h"
#include "qzc/Support/Error.h"

#include <algorithm>
#include <cstddef>
#include <cstring>

namespace qzc::runtime {

using format::Activations;
using format::CudaArg;
using format::CudaLaunch;
using format::GridDim;
using format::Manifest;

static CUdeviceptr viewAddress(CUdeviceptr arena,
                               const std::vector<format::Buffer> &buffers,
                               int64_t rows, int64_t buffer, int64_t column) {
  return arena +
         buffers[static_cast<size_t>(buffer)].offset *
             static_cast<uint64_t>(rows) +
         static_cast<uint64_t>(column) * sizeof(float);
}

CUdeviceptr DeviceLayout::bodyView(const Activations &memory, int64_t buffer,
                                   int64_t column) const {
  return viewAddress(body, memory.buffers, chunk, buffer, column);
}

CUdeviceptr DeviceLayout::headView(const Activations &memory, int64_t buffer,
                                   int64_t column) const {
  if (buffer == format::kHiddenBuffer)
    return bodyView(memory, memory.hidden.buffer,
                    memory.hidden.column + column);
  return viewAddress(head, memory.headBuffers, headRows, buffer, column);
}

static uint64_t tensorPart(const CudaArg &arg, const Manifest &manifest,
                           const DeviceLayout &layout) {
  const format::Tensor &tensor = manifest.tensors[static_cast<size_t>(arg.a)];
  return layout.weights + tensor.offset +
         format::layout(tensor.shape)[static_cast<size_t>(arg.b)].offset;
}

/// A 32-bit argument in the low bytes of its slot.
static uint64_t int32Value(int64_t value) {
  return static_cast<uint32_t>(static_cast<int32_t>(value));
}

/// A layer's CacheView, as words.
static std::array<uint64_t, 8> cacheView(int64_t layer,
                                         const DeviceLayout &layout) {
  const auto index = static_cast<size_t>(layer);
  const uint64_t ranges =
      layout.cacheRanges + static_cast<uint64_t>(layer) * sizeof(CacheRange);
  const auto two = [](int64_t low, int64_t high) {
    return int32Value(low) | int32Value(high) << 32;
  };
  static_assert(sizeof(CacheView) == 8 * sizeof(uint64_t) &&
                offsetof(CacheView, pageSize) == 52 &&
                offsetof(CacheView, rangeStride) == 60);
  return {layout.pages,
          ranges,
          layout.caches[index].keys,
          layout.caches[index].values,
          layout.caches[index].keyScales,
          layout.caches[index].valueScales,
          two(layout.pagesPerSequence, layout.pageSize),
          two(layout.pageShift, static_cast<int64_t>(layout.caches.size()))};
}

static uint64_t resolve(const CudaArg &arg, const Manifest &manifest,
                        const Activations &memory, const DeviceLayout &layout) {
  switch (arg.kind) {
  case CudaArg::Kind::View:
    return layout.bodyView(memory, arg.a, arg.b);
  case CudaArg::Kind::HeadView:
    return layout.headView(memory, arg.a, arg.b);
  case CudaArg::Kind::Tensor:
    return tensorPart(arg, manifest, layout);
  case CudaArg::Kind::RopeTable:
    return layout.ropes[static_cast<size_t>(arg.a)];
  case CudaArg::Kind::State:
    return layout.state;
  case CudaArg::Kind::Tokens:
    return layout.tokens;
  case CudaArg::Kind::Tiles:
    return layout.tiles;
  case CudaArg::Kind::Targets:
    return layout.targets;
  case CudaArg::Kind::Losses:
    return layout.losses;
  case CudaArg::Kind::Draws:
    return layout.draws;
  case CudaArg::Kind::Scratch:
    return layout.scratch + static_cast<uint64_t>(arg.a) +
           static_cast<uint64_t>(arg.b) * static_cast<uint64_t>(layout.chunk);
  case CudaArg::Kind::Int:
    return int32Value(arg.a);
  case CudaArg::Kind::Float: {
    uint32_t bits = 0;
    std::memcpy(&bits, &arg.f, sizeof(bits));
    return bits;
  }
  case CudaArg::Kind::Cache:
    break;
  }
  throw Error("the manifest has a kernel argument of unknown kind " +
              std::to_string(static_cast<int>(arg.kind)));
}

LaunchList::LaunchList(const std::vector<CudaLaunch> &launches,
                       const Manifest &manifest, const Activations &memory,
                       const DeviceLayout &layout, Kernels &kernels)
    : Overlap(kernels.waitsForDependencies()) {
  HiddenRowBytes =
      sizeof(float) *
      static_cast<uint64_t>(
          memory.buffers[static_cast<size_t>(memory.hidden.buffer)].columns);
  Launches.reserve(launches.size());
  for (const CudaLaunch &launch : launches) {
    Bound &bound = Launches.emplace_back();
    const std::string suffix =
        launch.perCacheType ? std::string("_") + cacheName(layout.cache) : "";
    bound.kernel = launch.kernel + suffix;
    bound.function =
        kernels.function(launch.kernel, suffix, launch.sharedBytes);
    bound.grid = launch.grid;
    bound.blockThreads = launch.blockThreads;
    bound.sharedBytes = launch.sharedBytes;
    std::vector<size_t> begins;
    for (const CudaArg &arg : launch.args) {
      begins.push_back(bound.values.size());
      if (arg.kind == CudaArg::Kind::Cache) {
        const auto words = cacheView(arg.a, layout);
        bound.values.insert(bound.values.end(), words.begin(), words.end());
        continue;
      }
      bound.values.push_back(resolve(arg, manifest, memory, layout));
      if (arg.kind == CudaArg::Kind::HeadView && arg.a == format::kHiddenBuffer)
        bound.hidden.emplace_back(bound.values.size() - 1, bound.values.back());
    }
    for (size_t begin : begins)
      bound.pointers.push_back(&bound.values[begin]);
  }
}

static unsigned gridSize(const GridDim &dim, const PassSize &size) {
  int64_t count = dim.fixed;
  if (dim.perTokens == format::kPerTile)
    count *= size.tiles;
  else if (dim.perTokens > 0)
    count *= (size.rows + dim.perTokens - 1) / dim.perTokens;
  // Too many for any GPU stay too many: the launch fails.
  return static_cast<unsigned>(std::min<int64_t>(count, UINT32_MAX));
}

void LaunchList::launch(const Device &device, const PassSize &size,
                        int64_t firstRow) {
  CUlaunchAttribute overlap = {};
  overlap.id = CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION;
  overlap.value.programmaticStreamSerializationAllowed = 1;
  CUlaunchConfig config = {};
  config.blockDimY = 1;
  config.blockDimZ = 1;
  config.hStream = device.stream();
  config.attrs = &overlap;
  for (Bound &bound : Launches) {
    for (auto [index, address] : bound.hidden)
      bound.values[index] =
          address + HiddenRowBytes * static_cast<uint64_t>(firstRow);
    config.gridDimX = gridSize(bound.grid[0], size);
    config.gridDimY = gridSize(bound.grid[1], size);
    config.gridDimZ = gridSize(bound.grid[2], size);
    config.blockDimX = bound.blockThreads;
    config.sharedMemBytes = bound.sharedBytes;
    config.numAttrs = Overlap && &bound != &Launches.front() ? 1 : 0;
    CUresult result = device.driver().launchKernelEx(
        &config, bound.function, bound.pointers.data(), nullptr);
    if (result != CUDA_SUCCESS)
      device.driver().check(result, "launching kernel " + bound.kernel);
  }
}

} // namespace qzc::runtime
