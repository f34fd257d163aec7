//===- CpuEngine.h - The CPU engine on chosen kernels -----------*- C++ -*-===//

#ifndef QZC_RUNTIME_CPU_CPUENGINE_H
#define QZC_RUNTIME_CPU_CPUENGINE_H

#include "qzc/Runtime/Cpu/Kernels.h"
#include "qzc/Runtime/Engine.h"

namespace qzc::runtime::cpu {

/// As createCpuEngine, which takes the best kernels this machine can run.
std::unique_ptr<Engine> createEngine(const Image &image,
                                     const EngineOptions &options,
                                     const KernelTable &kernels);

} // namespace qzc::runtime::cpu

#endif // QZC_RUNTIME_CPU_CPUENGINE_H
