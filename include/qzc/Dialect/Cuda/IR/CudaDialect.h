//===- CudaDialect.h - The cuda dialect -------------------------*- C++ -*-===//
//
// A program for one kind of GPU as MLIR: see CudaOps.td for the operations and
// their constraints.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_DIALECT_CUDA_IR_CUDADIALECT_H
#define QZC_DIALECT_CUDA_IR_CUDADIALECT_H

#include "qzc/Target/Cuda/Gpu.h"

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/RegionKindInterface.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "qzc/Dialect/Cuda/IR/CudaDialect.h.inc"
#include "qzc/Dialect/Cuda/IR/CudaEnums.h.inc"

namespace qzc::cuda {
llvm::hash_code hash_value(const Gpu &gpu);
} // namespace qzc::cuda

#define GET_ATTRDEF_CLASSES
#include "qzc/Dialect/Cuda/IR/CudaAttrs.h.inc"

#define GET_TYPEDEF_CLASSES
#include "qzc/Dialect/Cuda/IR/CudaTypes.h.inc"

namespace qzc::cuda {
class KernelOp;
class ListOp;
class ProgramOp;
} // namespace qzc::cuda

#define GET_OP_CLASSES
#include "qzc/Dialect/Cuda/IR/CudaOps.h.inc"

namespace qzc::cuda {
/// The buffer that memory is or, as the hidden states, is part of; null of
/// scratch.
BufferOp bufferOf(mlir::Value memory);
} // namespace qzc::cuda

#endif // QZC_DIALECT_CUDA_IR_CUDADIALECT_H
