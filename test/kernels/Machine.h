//===- Machine.h - The smallest runtime that runs a program -----*- C++ -*-===//
//
// Loads one cubin or PTX by the driver API and runs the launch lists of a
// CudaProgram, resolving arguments as Target/Cuda/Stored.h says.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_TEST_KERNELS_MACHINE_H
#define QZC_TEST_KERNELS_MACHINE_H

#include "Target.h"

#include <cuda.h>

#include <map>
#include <string>

namespace qzc::kernel_test {

/// The driver's functions that the tests call.
struct Driver {
  Driver();
  /// Throws with the driver's error name where `result` is no success.
  void check(CUresult result, const char *what) const;

#define QZC_DRIVER_FUNCTIONS(X)                                                \
  X(cuInit)                                                                    \
  X(cuDeviceGet)                                                               \
  X(cuDevicePrimaryCtxRetain)                                                  \
  X(cuCtxSetCurrent)                                                           \
  X(cuCtxSynchronize)                                                          \
  X(cuModuleLoadData)                                                          \
  X(cuModuleUnload)                                                            \
  X(cuModuleGetFunction)                                                       \
  X(cuFuncSetAttribute)                                                        \
  X(cuLaunchKernelEx)                                                          \
  X(cuStreamCreate)                                                            \
  X(cuStreamBeginCapture_v2)                                                   \
  X(cuStreamEndCapture)                                                        \
  X(cuStreamSynchronize)                                                       \
  X(cuGraphInstantiateWithFlags)                                               \
  X(cuGraphLaunch)                                                             \
  X(cuEventCreate)                                                             \
  X(cuEventRecord)                                                             \
  X(cuEventSynchronize)                                                        \
  X(cuGetErrorName)                                                            \
  X(cuMemAlloc_v2)                                                             \
  X(cuMemFree_v2)                                                              \
  X(cuMemsetD8_v2)                                                             \
  X(cuMemcpyHtoD_v2)                                                           \
  X(cuMemcpyDtoH_v2)                                                           \
  X(cuEventElapsedTime)
#define QZC_DECLARE(Name) decltype(&::Name) Name##Fn = nullptr;
  QZC_DRIVER_FUNCTIONS(QZC_DECLARE)
#undef QZC_DECLARE
};

/// A model on the GPU.
class Machine : public Target {
public:
  Machine(const Driver &driver, const Model &model,
          const format::CudaProgram &program, const std::string &code,
          runtime::CacheType cache, int64_t chunk, int64_t capacity);
  ~Machine() override;
  Machine(const Machine &) = delete;
  Machine &operator=(const Machine &) = delete;

  void run(const std::vector<format::CudaLaunch> &list, int64_t rows,
           int64_t firstRow) override;
  /// Whether launches ask for programmatic dependent launch.
  bool Dependent = false;

  /// Microseconds of a replay of the graph of `list`.
  double timeGraph(const std::vector<format::CudaLaunch> &list, int64_t rows,
                   int repeats, bool dependent, int position);
  /// Prints microseconds by kernel of one run of `list`.
  void profile(const std::vector<format::CudaLaunch> &list, int64_t rows,
               int position);

private:
  void write(uint64_t to, const void *from, size_t bytes) override;
  void read(void *to, uint64_t from, size_t bytes) const override;
  uint64_t allocate(uint64_t bytes) override;
  uint64_t allocateWritten(uint64_t bytes) override { return allocate(bytes); }
  uint64_t allocateState() override { return allocate(sizeof(DeviceState)); }
  void setSomeTokens(int position, int64_t count);
  CUfunction function(const format::CudaLaunch &launch);
  void launchOne(const format::CudaLaunch &launch, int64_t rows,
                 int64_t firstRow, bool dependent);

  const Driver &D;
  CUmodule Module = nullptr;
  CUstream Stream = nullptr;
  /// And the dynamic shared memory that they may have.
  std::map<std::string, std::pair<CUfunction, uint32_t>> Functions;
  std::vector<CUdeviceptr> Allocations;
};

} // namespace qzc::kernel_test

#endif // QZC_TEST_KERNELS_MACHINE_H
