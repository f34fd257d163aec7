//===- Lowered.cpp - A plan's program for the tests -----------------------===//

#include "Lowered.h"

#include "qzc/Target/Cuda/Stored.h"

using namespace qzc;
using namespace qzc::kernel_test;

Lowered qzc::kernel_test::lower(const format::Manifest &manifest,
                                const cuda::Gpu &gpu) {
  Lowered lowered;
  lowered.context = std::make_unique<mlir::MLIRContext>(
      mlir::MLIRContext::Threading::DISABLED);
  lowered.ir = cuda::lowerToCuda(*lowered.context, manifest, gpu);
  for (cuda::KernelOp kernel : lowered.ir->block().getOps<cuda::KernelOp>())
    lowered.kernels.push_back(kernel);
  lowered.program = cuda::toFormat(*lowered.ir);
  return lowered;
}
