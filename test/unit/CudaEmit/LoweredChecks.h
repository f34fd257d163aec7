//===- LoweredChecks.h - What tests ask of lowered plans --------*- C++ -*-===//

#ifndef QZC_TEST_UNIT_CUDAEMIT_LOWEREDCHECKS_H
#define QZC_TEST_UNIT_CUDAEMIT_LOWEREDCHECKS_H

#include "Lowered.h"

#include "qzc/Support/Error.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

namespace qzc::test {

using format::CudaLaunch;
using kernel_test::Lowered;

/// For a GPU without what only some have, where nothing else is said.
inline Lowered lower(const format::Manifest &manifest,
                     const cuda::Gpu &gpu = cuda::gpuOf({90, false, false})) {
  return kernel_test::lower(manifest, gpu);
}

inline std::vector<std::string> stems(const std::vector<CudaLaunch> &list) {
  std::vector<std::string> names;
  for (const CudaLaunch &launch : list)
    names.push_back(launch.kernel.substr(0, launch.kernel.rfind('_')));
  return names;
}

/// The instance that a launch names. Throws where there is none.
inline cuda::KernelOp kernelOf(const Lowered &lowering,
                               const CudaLaunch &launch) {
  cuda::KernelOp kernel =
      cuda::ProgramOp(*lowering.ir).lookupSymbol<cuda::KernelOp>(launch.kernel);
  if (!kernel)
    throw Error("no kernel " + launch.kernel);
  return kernel;
}

inline std::map<std::string, std::string>
configsByName(const Lowered &lowering) {
  std::map<std::string, std::string> configs;
  for (cuda::KernelOp kernel : lowering.kernels) {
    const std::string config = kernel.getConfig().str() + "," +
                               std::to_string(kernel.getThreads()) + "," +
                               std::to_string(kernel.getMinBlocks()) + "," +
                               std::to_string(kernel.getClusterBlocks());
    EXPECT_TRUE(configs.emplace(kernel.getSymName().str(), config).second)
        << kernel.getSymName().str();
  }
  return configs;
}

/// Whether a launch's kernel leaves the norm that it computes to others.
inline bool keepsNorm(const Lowered &lowered, const CudaLaunch &launch) {
  return kernelOf(lowered, launch).getConfig().contains(".keepsNorm = true");
}

} // namespace qzc::test

#endif // QZC_TEST_UNIT_CUDAEMIT_LOWEREDCHECKS_H
