//===- ProgramBuilder.h - Launches, their arguments, instances --*- C++ -*-===//
//
// The bookkeeping below the lowering: launches of a cuda.program with their
// arguments, one kernel instance for equal template arguments, scratch memory.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_LIB_TARGET_CUDA_PROGRAMBUILDER_H
#define QZC_LIB_TARGET_CUDA_PROGRAMBUILDER_H

#include "KernelArgs.h"
#include "KernelConfig.h"

#include "qzc/Dialect/Cuda/IR/CudaDialect.h"

#include "mlir/IR/OwningOpRef.h"

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

/// Launches of a list, in their order.
using Launches = mlir::Block;

class ProgramBuilder {
public:
  /// A program with the plan's buffers.
  ProgramBuilder(mlir::MLIRContext &context, const format::Plan &plan,
                 const Gpu &gpu);

  ProgramOp program() { return *Program; }
  /// A new list, behind those there are.
  Launches &addList(ListKind kind, std::optional<int64_t> sequences = {});

  /// Appends the launch to `list`, making an instance where none is equal.
  void add(Launches &list, const LaunchSpec &spec);

  /// Reserves scratch that lives through the whole program.
  template <class T>
  Arg<T *> fixedScratch(const std::string &key, uint64_t bytes) {
    return Arg<T *>(scratch(key, bytes, false));
  }
  template <class T>
  Arg<T *> tokenScratch(const std::string &key, uint64_t bytesPerToken) {
    return Arg<T *>(scratch(key, bytesPerToken, true));
  }

  /// The program, of which nothing more is built.
  mlir::OwningOpRef<ProgramOp> finish() { return std::move(Program); }

private:
  /// A scratch argument's `a` is its region's index.
  format::CudaArg scratch(const std::string &key, uint64_t bytes,
                          bool perToken);
  KernelOp kernelOf(const LaunchSpec &spec);
  MemoryType memoryType() { return Kernels.getType<MemoryType>(); }
  /// What the argument points to, or null where it is no memory of the program.
  mlir::Value memoryOf(const format::CudaArg &arg) const;
  mlir::Attribute attributeOf(const TypedArg &arg) const;

  mlir::OwningOpRef<ProgramOp> Program;
  mlir::Location Where;
  mlir::OpBuilder Kernels;                ///< in front of the first list
  mlir::Operation *FirstKernel = nullptr; ///< which scratch is in front of
  std::map<std::string, KernelOp> KernelByText;
  std::map<std::string, size_t> RegionByKey;
  std::vector<ScratchOp> Regions;
  std::vector<mlir::Value> Buffers;
  std::vector<mlir::Value> HeadBuffers;
  mlir::Value Hidden; ///< the rows of Plan::hidden that the head runs on
};

} // namespace qzc::cuda

#endif // QZC_LIB_TARGET_CUDA_PROGRAMBUILDER_H
