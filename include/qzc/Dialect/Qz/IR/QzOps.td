//===- QzOps.td - Operations of the qz dialect ------------*- tablegen -*-===//

#ifndef QZC_DIALECT_QZ_IR_QZOPS_TD
#define QZC_DIALECT_QZ_IR_QZOPS_TD

include "qzc/Dialect/Qz/IR/QzStructureOps.td"
include "qzc/Dialect/Qz/IR/QzComputeOps.td"

#endif // QZC_DIALECT_QZ_IR_QZOPS_TD
