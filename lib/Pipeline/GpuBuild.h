//===- GpuBuild.h - The plan's kernels for every architecture ---*- C++ -*-===//

#ifndef QZC_LIB_PIPELINE_GPUBUILD_H
#define QZC_LIB_PIPELINE_GPUBUILD_H

#include "qzc/Pipeline/Compiler.h"
#include "qzc/Target/Cuda/Compile.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

#include <string>
#include <vector>

namespace qzc::pipeline {

/// A section of code, as format::packModules makes it.
struct GpuCode {
  cuda::Arch arch;
  std::string section;
};

/// The manifest's plan as a cuda.program for each kind of GPU among `archs`.
mlir::OwningOpRef<mlir::ModuleOp>
lowerForGpus(mlir::MLIRContext &context, const format::Manifest &manifest,
             const std::vector<cuda::Arch> &archs);

/// Stores the programs in the manifest, which then says how their kernels are
/// launched, and compiles these, each by itself, for `archs`, in whose order
/// the codes are.
std::vector<GpuCode> buildForGpu(mlir::ModuleOp programs,
                                 format::Manifest &manifest,
                                 const std::vector<cuda::Arch> &archs,
                                 const CompileOptions &options);

} // namespace qzc::pipeline

#endif // QZC_LIB_PIPELINE_GPUBUILD_H
