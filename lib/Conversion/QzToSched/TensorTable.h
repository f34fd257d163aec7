//===- TensorTable.h - The weights of a program, each once ------*- C++ -*-===//

#ifndef QZC_LIB_CONVERSION_QZTOSCHED_TENSORTABLE_H
#define QZC_LIB_CONVERSION_QZTOSCHED_TENSORTABLE_H

#include "qzc/Dialect/Qz/IR/QzDialect.h"
#include "qzc/Dialect/Sched/IR/SchedDialect.h"

#include "llvm/ADT/DenseMap.h"

namespace qzc {

/// A tensor, or rows of one.
struct TensorUse {
  mlir::Value tensor;
  std::optional<format::RowView> rows; ///< none: all
};

/// Makes a `sched.tensor` for each weight at its first use.
class TensorTable {
public:
  /// Tensors are put at the builder's place, one behind the other.
  explicit TensorTable(mlir::OpBuilder builder) : Build(builder) {}

  /// The entry for `weight`, the result of a `qz.param`, or of a `qz.rows` of
  /// one. Where two uses share a source, its rows and its type they share the
  /// entry, which keeps the role of the first. Fails, with a diagnostic at
  /// `user`, where `weight` is no parameter.
  mlir::FailureOr<TensorUse> lookup(mlir::Operation *user, mlir::Value weight);

private:
  mlir::OpBuilder Build;
  llvm::DenseMap<std::pair<mlir::Attribute, mlir::Type>, sched::TensorOp>
      Entries;
};

} // namespace qzc

#endif // QZC_LIB_CONVERSION_QZTOSCHED_TENSORTABLE_H
