//===- JoinParts.h - One weight of a fused tensor's parts -------*- C++ -*-===//

#ifndef QZC_LIB_DIALECT_QZ_TRANSFORMS_JOINPARTS_H
#define QZC_LIB_DIALECT_QZ_TRANSFORMS_JOINPARTS_H

#include "qzc/Dialect/Qz/IR/QzDialect.h"

namespace qzc::qz {

/// Parameters that were given one scheme and are parts of fused tensors: those
/// that together are a whole tensor become `qz.rows` of one parameter, where
/// its codes and scales differ from those of the parts. What is replaced is
/// erased. Warns of parts whose rows no `qz.rows` can take.
mlir::LogicalResult joinParts(mlir::ArrayRef<ParamOp> params);

} // namespace qzc::qz

#endif // QZC_LIB_DIALECT_QZ_TRANSFORMS_JOINPARTS_H
