//===- ProgramBuilder.h - Launches, their arguments, instances --*- C++ -*-===//
//
// The bookkeeping below the lowering: kernel arguments with their C++ types,
// one kernel instance for equal template arguments, scratch memory.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_LIB_TARGET_CUDA_PROGRAMBUILDER_H
#define QZC_LIB_TARGET_CUDA_PROGRAMBUILDER_H

#include "KernelArgs.h"
#include "KernelConfig.h"

#include "qzc/Target/Cuda/Lowering.h"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace qzc::cuda {

/// How a launch is spread.
struct LaunchShape {
  std::array<format::GridDim, 3> grid;
  uint32_t blockThreads = 256;
  uint32_t sharedBytes = 0;
  uint32_t minBlocks = 1;
  uint32_t clusterBlocks = 1; ///< that share a cluster, along x
};

/// A launch of a kernel with its interface's Config and Args.
template <class Kernel> struct KernelLaunch : LaunchShape {
  typename Kernel::Config config = {};
  typename Kernel::template Args<Arg> args;
};

/// The same of any kernel.
struct LaunchSpec : LaunchShape {
  std::string kernel; ///< template of qzc::kernels, also the symbol's stem
  std::string header; ///< that has it
  std::string interface;
  std::string config; ///< as C++
  std::vector<TypedArg> args;
  bool perCacheType;

  template <class Kernel>
  LaunchSpec(const KernelLaunch<Kernel> &launch)
      : LaunchShape(launch), kernel(Kernel::kFunction), header(Kernel::kHeader),
        interface(Kernel::kInterface),
        config(configText<Kernel>(launch.config)),
        args(listArgs<Kernel>(launch.args)),
        perCacheType(Kernel::kPerCacheType) {}
};

class ProgramBuilder {
public:
  /// Appends the launch to `list`, making an instance where none is equal.
  void add(std::vector<format::CudaLaunch> &list, const LaunchSpec &spec);

  /// Reserves scratch that lives through the whole program. Per-token regions
  /// follow the fixed part: their `fixed` is resolved by finish().
  template <class T>
  Arg<T *> fixedScratch(const std::string &key, uint64_t bytes) {
    return Arg<T *>(scratch(key, bytes, false));
  }
  template <class T>
  Arg<T *> tokenScratch(const std::string &key, uint64_t bytesPerToken) {
    return Arg<T *>(scratch(key, bytesPerToken, true));
  }

  /// Lays the scratch out and completes the arguments that refer to it.
  CudaLowering finish(format::CudaProgram program);

private:
  struct Region {
    uint64_t bytes = 0;
    bool perToken = false;
  };
  format::CudaArg scratch(const std::string &key, uint64_t bytes,
                          bool perToken);

  std::vector<KernelInstance> Kernels;
  std::map<std::string, size_t> InstanceByText;
  std::map<std::string, size_t> RegionByKey;
  std::vector<Region> Regions;
};

} // namespace qzc::cuda

#endif // QZC_LIB_TARGET_CUDA_PROGRAMBUILDER_H
