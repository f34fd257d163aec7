//===- Stages.h - The compiler's passes, stage by stage ---------*- C++ -*-===//

#ifndef QZC_LIB_PIPELINE_STAGES_H
#define QZC_LIB_PIPELINE_STAGES_H

#include "qzc/Pipeline/Compiler.h"
#include "qzc/Pipeline/Diagnostics.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Support/Timing.h"

namespace qzc::pipeline {

/// Runs the pipelines of qzc/Passes.h on a module, as MLIR's own options
/// (--mlir-print-ir-after-all, --mlir-timing, …) ask for it. Each throws
/// qzc::Error with the first error of its passes.
class Stages {
public:
  Stages(mlir::ModuleOp module, const DiagnosticCollector &diagnostics);

  void select(const CompileOptions &options);
  void fuse();
  void schedule();

private:
  void run(const char *stage,
           llvm::function_ref<void(mlir::OpPassManager &)> build,
           ExitCode code = ExitCode::Failed);

  mlir::ModuleOp Module;
  const DiagnosticCollector &Diagnostics;
  mlir::DefaultTimingManager Timing; ///< reports when it is destroyed
  mlir::TimingScope Total;
};

} // namespace qzc::pipeline

#endif // QZC_LIB_PIPELINE_STAGES_H
