//===- Emit.h - Kernel instances as C++ text --------------------*- C++ -*-===//
//
// Builds an EmitC module (one function a kernel instance, each one opaque call
// into the embedded kernel headers) and prints it as C++: of a whole program
// what --emit=cuda shows, of one kernel what NVRTC compiles.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_TARGET_CUDA_EMIT_H
#define QZC_TARGET_CUDA_EMIT_H

#include "qzc/Target/Cuda/Lowering.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

#include <string>
#include <vector>

namespace qzc::cuda {

/// The EmitC module. Loads the EmitC dialect into `context`.
mlir::OwningOpRef<mlir::ModuleOp>
buildEmitC(mlir::MLIRContext &context,
           const std::vector<KernelInstance> &kernels);

/// The C++ text of the module; deterministic.
std::string emitCuda(const std::vector<KernelInstance> &kernels);

} // namespace qzc::cuda

#endif // QZC_TARGET_CUDA_EMIT_H
