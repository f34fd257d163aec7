//===- QzDialect.h - The qz dialect: types, attributes, ops -----*- C++ -*-===//
//
// A model as tensor operations with weights by reference. What each operation
// means and requires is written in QzStructureOps.td and QzComputeOps.td.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_DIALECT_QZ_IR_QZDIALECT_H
#define QZC_DIALECT_QZ_IR_QZDIALECT_H

#include "qzc/Format/Manifest.h"
#include "qzc/Format/Packing.h"
#include "qzc/Format/Scheme.h"

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "qzc/Dialect/Qz/IR/QzDialect.h.inc"
#include "qzc/Dialect/Qz/IR/QzEnums.h.inc"

namespace qzc::qz {
class FileOp;
class GraphOp;
class ParamOp;

/// tensor<?xi32>.
bool isTokens(mlir::Type type);
/// tensor<?xNxf32>, N > 0.
bool isFeatures(mlir::Type type);
/// Static tensor<N> with N > 0 of f32, f16 or bf16.
bool isVector(mlir::Type type);
/// Static tensor<OUTxIN> with positive extents of f32, f16 or bf16.
bool isDenseMatrix(mlir::Type type);
/// isDenseMatrix or !qz.packed.
bool isMatrix(mlir::Type type);

/// N of tensor<?xNxf32>.
int64_t columnsOf(mlir::Type features);

/// f32, f16, bf16 ↔ format::DType.
std::optional<format::DType> dtypeOf(mlir::Type element);
mlir::Type elementTypeOf(mlir::MLIRContext *context, format::DType dtype);

/// Extents (a vector is one row), scheme and element type of a stored weight's
/// type, or nothing where the type is none or format::checkShape objects.
std::optional<format::PackedShape> packedShapeOf(mlir::Type weight);

/// What the source of a weight is, as data: its type, whether it is transposed,
/// and bounds of half-open ranges of rows.
format::TensorSource tensorSource(llvm::StringRef name, mlir::Type source,
                                  bool transposed,
                                  llvm::ArrayRef<int64_t> rows);

/// [out, in] of a linear layer's weight.
std::pair<int64_t, int64_t> extentsOf(mlir::Type linearWeight);

/// Whether two linear layers' weights are stored alike: scheme, block size,
/// element type.
bool storedAlike(mlir::Type a, mlir::Type b);

/// Whether the role is one of a decoder block's (all but proj and head).
bool isBlockRole(LinearRole role);

/// What a weight is for: a linear role, "embed", "position", "norm" or "bias";
/// of several uses the first in the module's order, of a weight of several
/// parts the roles of all, "q,k,v"; "unused" without any.
std::string weightRole(mlir::Value weight);
/// The decoder block that a weight is declared in, if it is in one.
std::optional<int64_t> weightBlock(ParamOp param);
} // namespace qzc::qz

#define GET_TYPEDEF_CLASSES
#include "qzc/Dialect/Qz/IR/QzTypes.h.inc"

#define GET_ATTRDEF_CLASSES
#include "qzc/Dialect/Qz/IR/QzAttributes.h.inc"

#define GET_OP_CLASSES
#include "qzc/Dialect/Qz/IR/QzOps.h.inc"

#endif // QZC_DIALECT_QZ_IR_QZDIALECT_H
