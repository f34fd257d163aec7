//===- Program.h - Launches bound to device addresses -----------*- C++ -*-===//
//
// The manifest's launches say what their arguments mean; here they become
// addresses, once, so that launching is only the driver's call.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_RUNTIME_CUDA_PROGRAM_H
#define QZC_RUNTIME_CUDA_PROGRAM_H

#include "qzc/Format/Manifest.h"
#include "qzc/Runtime/Cuda/Device.h"
#include "qzc/Runtime/Engine.h"

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace qzc::runtime {

/// A layer's keys and values in a page: bytes from its beginning.
struct LayerCache {
  uint64_t keys = 0;
  uint64_t values = 0;
  uint64_t keyScales = 0; ///< of bytes
  uint64_t valueScales = 0;
};

/// Rows and query tiles of a pass, which launches cover.
struct PassSize {
  int64_t rows = 0;
  int64_t tiles = 0;
};

/// Where everything is that an argument can name.
struct DeviceLayout {
  CUdeviceptr weights = 0;
  CUdeviceptr body = 0; ///< arena, memory.bytesPerToken × chunk
  CUdeviceptr head = 0; ///< arena, memory.headBytesPerToken × headRows
  CUdeviceptr scratch = 0;
  CUdeviceptr state = 0;
  CUdeviceptr tokens = 0;      ///< TokenRow [chunk]
  CUdeviceptr tiles = 0;       ///< QueryTile [chunk]
  CUdeviceptr targets = 0;     ///< int32 [chunk]
  CUdeviceptr losses = 0;      ///< f32 [chunk]
  CUdeviceptr draws = 0;       ///< Draw [chunk]
  CUdeviceptr pages = 0;       ///< u64 [sequences, pagesPerSequence]
  CUdeviceptr cacheRanges = 0; ///< CacheRange [sequences, layers]
  std::vector<CUdeviceptr> ropes;
  std::vector<LayerCache> caches; ///< by layer
  int64_t chunk = 0;
  int64_t headRows = 0;
  int64_t pageSize = 0; ///< positions
  int64_t pageShift = 0;
  int64_t pagesPerSequence = 0;
  CacheType cache = CacheType::F32;

  /// First element of a view's first row in the body's or the head's arena.
  CUdeviceptr bodyView(const format::Activations &memory, int64_t buffer,
                       int64_t column) const;
  CUdeviceptr headView(const format::Activations &memory, int64_t buffer,
                       int64_t column) const;
};

/// One of the lists of a CudaProgram, ready to launch.
class LaunchList {
public:
  /// Looks up the kernels and resolves the arguments of a verified manifest,
  /// one of whose programs has the launches. Throws qzc::Error naming a kernel
  /// that the module lacks.
  LaunchList(const std::vector<format::CudaLaunch> &launches,
             const format::Manifest &manifest,
             const format::Activations &memory, const DeviceLayout &layout,
             Kernels &kernels);

  /// Launches all for a pass on the device's stream; for the head's
  /// launches the first hidden row is `firstRow`. The first launch waits for
  /// all work and copies before it; the others may start before the one ahead
  /// of them is complete, where the module's code waits for it.
  void launch(const Device &device, const PassSize &size, int64_t firstRow = 0);
  /// From one hidden row to the next.
  uint64_t hiddenRowBytes() const { return HiddenRowBytes; }

private:
  struct Bound {
    std::string kernel;
    CUfunction function = nullptr;
    std::array<format::GridDim, 3> grid;
    uint32_t blockThreads = 0;
    uint32_t sharedBytes = 0;
    std::vector<uint64_t> values; ///< arguments, each of whole words
    std::vector<void *> pointers; ///< to their first words
    /// Words that move with the first hidden row, and their address for row 0.
    std::vector<std::pair<size_t, CUdeviceptr>> hidden;
  };

  std::vector<Bound> Launches;
  uint64_t HiddenRowBytes = 0;
  bool Overlap; ///< whether a launch may start while the one before runs
};

} // namespace qzc::runtime

#endif // QZC_RUNTIME_CUDA_PROGRAM_H
