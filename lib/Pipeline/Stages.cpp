//===- Stages.cpp - The compiler's passes, stage by stage -----------------===//

#include "Stages.h"

#include "qzc/Conversion/Passes.h"
#include "qzc/Dialect/Qz/Transforms/Passes.h"
#include "qzc/Dialect/Sched/Transforms/Passes.h"

#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"

namespace qzc::pipeline {

static void run(mlir::PassManager &passes, mlir::ModuleOp module,
                const DiagnosticCollector &diagnostics, const char *stage,
                ExitCode code = ExitCode::Failed) {
  if (mlir::failed(passes.run(module)))
    diagnostics.fail(std::string(stage) + " failed", code);
}

void runSelection(mlir::ModuleOp module, const CompileOptions &options,
                  const DiagnosticCollector &diagnostics) {
  mlir::PassManager passes(module.getContext());
  qz::QzQuantizeOptions quantize;
  quantize.scheme = options.scheme;
  quantize.blocks = options.blocks;
  quantize.components = options.components;
  quantize.blockSize = options.blockSize;
  quantize.doubleQuant = options.doubleQuant;
  passes.addPass(qz::createQzQuantize(quantize));
  if (!options.dtype.empty()) {
    qz::QzCastOptions cast;
    cast.dtype = options.dtype;
    passes.addPass(qz::createQzCast(cast));
  }
  // What these passes refuse is what the options ask for.
  run(passes, module, diagnostics, "the selection", ExitCode::Usage);
}

void runFusion(mlir::ModuleOp module, const DiagnosticCollector &diagnostics) {
  mlir::PassManager passes(module.getContext());
  passes.addPass(mlir::createCanonicalizerPass());
  qz::buildFusePipeline(passes);
  run(passes, module, diagnostics, "fusion");
}

void runScheduling(mlir::ModuleOp module,
                   const DiagnosticCollector &diagnostics) {
  mlir::PassManager passes(module.getContext());
  passes.addPass(createConvertQzToSched());
  passes.addPass(sched::createSchedPlanMemory());
  passes.addPass(sched::createSchedVerifyMemory());
  run(passes, module, diagnostics, "scheduling");
}

} // namespace qzc::pipeline
