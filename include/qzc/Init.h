//===- Init.h - Registers qzc's dialects and passes -------------*- C++ -*-===//

#ifndef QZC_INIT_H
#define QZC_INIT_H

#include "mlir/IR/DialectRegistry.h"

namespace qzc {

/// Every dialect that a module of this project can hold.
void registerAllDialects(mlir::DialectRegistry &registry);

/// Every pass and pipeline of this project, and MLIR's general clean-ups.
void registerAllPasses();

} // namespace qzc

#endif // QZC_INIT_H
