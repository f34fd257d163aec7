//===- Passes.h - Passes on the sched dialect -------------------*- C++ -*-===//

#ifndef QZC_DIALECT_SCHED_TRANSFORMS_PASSES_H
#define QZC_DIALECT_SCHED_TRANSFORMS_PASSES_H

#include "qzc/Dialect/Sched/IR/SchedDialect.h"

#include "mlir/Pass/Pass.h"

namespace qzc::sched {

#define GEN_PASS_DECL
#include "qzc/Dialect/Sched/Transforms/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "qzc/Dialect/Sched/Transforms/Passes.h.inc"

} // namespace qzc::sched

#endif // QZC_DIALECT_SCHED_TRANSFORMS_PASSES_H
