//===- Lowered.h - A plan's program for the tests ---------------*- C++ -*-===//

#ifndef QZC_TEST_KERNELS_LOWERED_H
#define QZC_TEST_KERNELS_LOWERED_H

#include "qzc/Target/Cuda/Lowering.h"

#include "mlir/IR/MLIRContext.h"

#include <memory>
#include <vector>

namespace qzc::kernel_test {

/// A plan's program, and what an image would hold of it.
struct Lowered {
  std::unique_ptr<mlir::MLIRContext> context;
  mlir::OwningOpRef<cuda::ProgramOp> ir;
  std::vector<cuda::KernelOp> kernels; ///< in order of first use
  format::CudaProgram program;
};

Lowered lower(const format::Manifest &manifest, const cuda::Gpu &gpu);

} // namespace qzc::kernel_test

#endif // QZC_TEST_KERNELS_LOWERED_H
