//===- Stages.h - The compiler's passes, stage by stage ---------*- C++ -*-===//

#ifndef QZC_LIB_PIPELINE_STAGES_H
#define QZC_LIB_PIPELINE_STAGES_H

#include "qzc/Pipeline/Compiler.h"
#include "qzc/Pipeline/Diagnostics.h"

#include "mlir/IR/BuiltinOps.h"

namespace qzc::pipeline {

/// Decides what is quantized and how the rest is stored.
void runSelection(mlir::ModuleOp module, const CompileOptions &options,
                  const DiagnosticCollector &diagnostics);

/// Joins operations and verifies that what is left can be lowered.
void runFusion(mlir::ModuleOp module, const DiagnosticCollector &diagnostics);

/// Lowers to launches on buffers with planned memory, and verifies the plan.
void runScheduling(mlir::ModuleOp module,
                   const DiagnosticCollector &diagnostics);

} // namespace qzc::pipeline

#endif // QZC_LIB_PIPELINE_STAGES_H
