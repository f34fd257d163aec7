//===- Lowering.h - The op-level plan as a program for a GPU ----*- C++ -*-===//
//
// Turns a plan into a cuda.program: lists of kernel launches, and the kernel
// instances that these need: templates of Kernels/*.cuh with this model's
// shapes, schemes and fusions as their Config. No CUDA.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_TARGET_CUDA_LOWERING_H
#define QZC_TARGET_CUDA_LOWERING_H

#include "qzc/Dialect/Cuda/IR/CudaDialect.h"
#include "qzc/Format/Manifest.h"
#include "qzc/Target/Cuda/Gpu.h"

#include "mlir/IR/OwningOpRef.h"

namespace qzc::cuda {

/// Lowers manifest.plan (manifest.cuda is not read) for one kind of GPU, and
/// lays out the scratch memory; the program's archs are the caller's to fill
/// in. Throws qzc::Error naming the launch where a shape is beyond what the
/// kernels support: head_dim over 256, an input row over 24576 elements.
mlir::OwningOpRef<ProgramOp> lowerToCuda(mlir::MLIRContext &context,
                                         const format::Manifest &manifest,
                                         const Gpu &gpu);

} // namespace qzc::cuda

#endif // QZC_TARGET_CUDA_LOWERING_H
