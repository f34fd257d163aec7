//===- SchedDialect.h - The sched dialect -----------------------*- C++ -*-===//
//
// The op-level plan as MLIR: see SchedOps.td for the operations and their
// constraints, Format/Manifest.h for the same plan as data.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_DIALECT_SCHED_IR_SCHEDDIALECT_H
#define QZC_DIALECT_SCHED_IR_SCHEDDIALECT_H

#include "qzc/Dialect/Qz/IR/QzDialect.h"
#include "qzc/Format/Manifest.h"

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/RegionKindInterface.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "qzc/Dialect/Sched/IR/SchedDialect.h.inc"

#define GET_ATTRDEF_CLASSES
#include "qzc/Dialect/Sched/IR/SchedAttrs.h.inc"

#define GET_TYPEDEF_CLASSES
#include "qzc/Dialect/Sched/IR/SchedTypes.h.inc"

namespace qzc::sched {
class BodyOp;
class HeadOp;
} // namespace qzc::sched

#define GET_OP_CLASSES
#include "qzc/Dialect/Sched/IR/SchedOps.h.inc"

namespace qzc::sched {

/// The state that `attention` launches read and append to.
class KvCacheResource
    : public mlir::SideEffects::Resource::Base<KvCacheResource> {
public:
  llvm::StringRef getName() final { return "KvCache"; }
};

/// Columns [column, column + columns) of `base`: a buffer, or the hidden states
/// that a head is given.
struct Columns {
  mlir::Value base;
  int64_t column = 0;
  int64_t columns = 0;

  int64_t end() const { return column + columns; }
  bool overlaps(const Columns &other) const {
    return base == other.base && column < other.end() && other.column < end();
  }
};

/// What an operand of a launch or yield stands for.
Columns resolveColumns(mlir::Value value);

} // namespace qzc::sched

#endif // QZC_DIALECT_SCHED_IR_SCHEDDIALECT_H
