//===- Passes.h - Passes on the cuda dialect --------------------*- C++ -*-===//

#ifndef QZC_DIALECT_CUDA_TRANSFORMS_PASSES_H
#define QZC_DIALECT_CUDA_TRANSFORMS_PASSES_H

#include "qzc/Dialect/Cuda/IR/CudaDialect.h"

#include "mlir/Pass/Pass.h"

namespace qzc::cuda {

#define GEN_PASS_DECL
#include "qzc/Dialect/Cuda/Transforms/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "qzc/Dialect/Cuda/Transforms/Passes.h.inc"

} // namespace qzc::cuda

#endif // QZC_DIALECT_CUDA_TRANSFORMS_PASSES_H
