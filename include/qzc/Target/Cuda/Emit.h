//===- Emit.h - Kernel instances as C++ text --------------------*- C++ -*-===//
//
// Builds an EmitC module (one function a kernel instance, each one opaque call
// into the embedded kernel headers) and prints it as C++: of a whole program
// what --emit=cuda shows, of one kernel what NVRTC compiles.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_TARGET_CUDA_EMIT_H
#define QZC_TARGET_CUDA_EMIT_H

#include "qzc/Dialect/Cuda/IR/CudaDialect.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

#include <string>

namespace qzc::cuda {

/// The EmitC module of at least one kernel. Loads the EmitC dialect into their
/// context.
mlir::OwningOpRef<mlir::ModuleOp> buildEmitC(llvm::ArrayRef<KernelOp> kernels);

/// The C++ text of the module; deterministic.
std::string emitCuda(llvm::ArrayRef<KernelOp> kernels);
/// Of all of a program's kernels.
std::string emitCuda(ProgramOp program);

} // namespace qzc::cuda

#endif // QZC_TARGET_CUDA_EMIT_H
