//===- GpuBuild.h - The plan's kernels for every architecture ---*- C++ -*-===//

#ifndef QZC_LIB_PIPELINE_GPUBUILD_H
#define QZC_LIB_PIPELINE_GPUBUILD_H

#include "qzc/Pipeline/Compiler.h"
#include "qzc/Target/Cuda/Compile.h"

#include <string>
#include <vector>

namespace qzc::pipeline {

/// A section of code, as format::packModules makes it.
struct GpuCode {
  cuda::Arch arch;
  std::string section;
};

/// Lowers the manifest's plan, which then says how its kernels are launched,
/// and compiles these, each by itself, for `archs`, in whose order the codes
/// are.
std::vector<GpuCode> buildForGpu(format::Manifest &manifest,
                                 const std::vector<cuda::Arch> &archs,
                                 const CompileOptions &options);

} // namespace qzc::pipeline

#endif // QZC_LIB_PIPELINE_GPUBUILD_H
