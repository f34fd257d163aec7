//===- Pipelines.cpp - The pipelines of a compilation ---------------------===//

#include "qzc/Passes.h"

#include "qzc/Conversion/Passes.h"
#include "qzc/Dialect/Qz/Transforms/Passes.h"
#include "qzc/Dialect/Sched/Transforms/Passes.h"

#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"

namespace qzc {

void buildSelectionPipeline(mlir::OpPassManager &passes,
                            const SelectionOptions &options) {
  // First what holds for all weights: a spec that names a type is kept.
  if (!options.dtype.empty()) {
    qz::QzCastOptions cast;
    cast.dtype = options.dtype;
    passes.addPass(qz::createQzCast(cast));
  }
  qz::QzQuantizeOptions quantize;
  quantize.scheme = options.scheme;
  quantize.blocks = options.blocks;
  quantize.components = options.components;
  quantize.blockSize = options.blockSize;
  quantize.doubleQuant = options.doubleQuant;
  quantize.requantize = options.requantize;
  quantize.mix = options.mix;
  const std::vector<std::string> rules(options.rules.begin(),
                                       options.rules.end());
  quantize.rules = rules;
  passes.addPass(qz::createQzQuantize(quantize));
  if (options.method != "rtn") {
    qz::QzMethodOptions method;
    method.method = options.method;
    passes.addPass(qz::createQzMethod(method));
    if (options.method == "awq")
      passes.addPass(qz::createQzScaleInputs());
  }
}

void buildFusionPipeline(mlir::OpPassManager &passes) {
  passes.addPass(mlir::createCanonicalizerPass());
  qz::buildFusePipeline(passes);
}

void buildSchedulePipeline(mlir::OpPassManager &passes) {
  passes.addPass(createConvertQzToSched());
  passes.addPass(sched::createSchedPlanMemory());
  passes.addPass(sched::createSchedVerifyMemory());
}

void registerPipelines() {
  static mlir::PassPipelineRegistration<SelectionOptions> compile(
      "qzc-compile", "All that qzc does before it emits code",
      [](mlir::OpPassManager &passes, const SelectionOptions &options) {
        buildSelectionPipeline(passes, options);
        buildFusionPipeline(passes);
        buildSchedulePipeline(passes);
      });
}

} // namespace qzc
