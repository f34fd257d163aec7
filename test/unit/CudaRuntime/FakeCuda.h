//===- FakeCuda.h - A driver library over host memory -----------*- C++ -*-===//
//
// Stands in for libcuda.so.1: device memory is host memory, launches are
// recorded and handed to the test, which plays the kernels. The library is
// opened by the code under test and by the test, which sees one state.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_TEST_UNIT_CUDARUNTIME_FAKECUDA_H
#define QZC_TEST_UNIT_CUDARUNTIME_FAKECUDA_H

#include <array>
#include <cuda.h>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace qzc::test {

struct FakeLaunch {
  std::string kernel;
  std::array<unsigned, 3> grid;
  unsigned block;
  unsigned sharedBytes;
  std::vector<uint64_t> params; ///< their words
  bool overlaps = false; ///< may start before the launch ahead is complete

  /// Word `index` as a pointer.
  template <typename T> T *pointer(size_t index) const {
    return reinterpret_cast<T *>(params.at(index));
  }
};

struct FakeCuda {
  // What the test decides.
  CUresult initResult = CUDA_SUCCESS;
  int driverVersion = 12040;
  int deviceCount = 1;
  int major = 9;
  int minor = 0;
  std::string deviceName = "Fake GPU";
  size_t freeBytes = size_t{1} << 40;
  CUresult allocResult = CUDA_SUCCESS;
  CUresult loadResult = CUDA_SUCCESS;
  std::string loadLog;
  CUresult launchResult = CUDA_SUCCESS;
  CUresult syncResult = CUDA_SUCCESS;
  int mostGraphLaunches = 1 << 30; ///< those behind them fail
  /// Kernels that the module has, and the words of 8 bytes that each of their
  /// parameters takes.
  std::map<std::string, std::vector<size_t>> kernels;
  /// Called for each launch that runs, captured ones at replay.
  std::function<void(const FakeLaunch &)> onLaunch;

  /// What every kernel declares itself of the shared memory of a block.
  unsigned staticSharedBytes = 36;

  // What the code under test did.
  std::string loadedImage;                  ///< up to its first NUL
  std::map<std::string, int> sharedAllowed; ///< dynamic, where asked for
  std::vector<FakeLaunch> launches;         ///< those that ran
  int graphLaunches = 0;
  std::map<CUdeviceptr, size_t> allocations; ///< alive
  size_t bytesCopied = 0;                    ///< within the device
  std::set<void *> awaited; ///< events that were recorded and not waited for
  size_t alive = 0; ///< contexts, streams, events, graphs, modules, pinned
};

} // namespace qzc::test

/// The library's state, to be reset by assigning FakeCuda().
extern "C" qzc::test::FakeCuda *qzcFakeCuda();

#endif // QZC_TEST_UNIT_CUDARUNTIME_FAKECUDA_H
