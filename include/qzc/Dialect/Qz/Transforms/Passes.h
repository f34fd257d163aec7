//===- Passes.h - Passes on the qz dialect ----------------------*- C++ -*-===//

#ifndef QZC_DIALECT_QZ_TRANSFORMS_PASSES_H
#define QZC_DIALECT_QZ_TRANSFORMS_PASSES_H

#include "qzc/Dialect/Qz/IR/QzDialect.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace qzc::qz {

#define GEN_PASS_DECL
#include "qzc/Dialect/Qz/Transforms/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "qzc/Dialect/Qz/Transforms/Passes.h.inc"

/// All fusions in their order, then qz-verify-fused; on a ModuleOp.
void buildFusePipeline(mlir::OpPassManager &passes);

/// Registers the pipeline as `qz-fuse`.
void registerQzPipelines();

} // namespace qzc::qz

#endif // QZC_DIALECT_QZ_TRANSFORMS_PASSES_H
