//===- Passes.h - Conversions between dialects ------------------*- C++ -*-===//

#ifndef QZC_CONVERSION_PASSES_H
#define QZC_CONVERSION_PASSES_H

#include "qzc/Dialect/Sched/IR/SchedDialect.h"

#include "mlir/Pass/Pass.h"

namespace qzc {

#define GEN_PASS_DECL
#include "qzc/Conversion/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "qzc/Conversion/Passes.h.inc"

} // namespace qzc

#endif // QZC_CONVERSION_PASSES_H
