//===- Pipelines.cpp - The fusions in their order -------------------------===//

#include "qzc/Dialect/Qz/Transforms/Passes.h"

#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"

namespace qzc::qz {

void buildFusePipeline(mlir::OpPassManager &passes) {
  passes.addPass(createQzFuseRope());
  // Before activations move into single layers.
  passes.addPass(createQzFuseGated());
  // Before residuals, which are added after the activation.
  passes.addPass(createQzFuseActivation());
  passes.addPass(createQzFuseResidual());
  passes.addPass(createQzGroupLinears());
  passes.addPass(createQzVerifyFused());
}

void registerQzPipelines() {
  static mlir::PassPipelineRegistration<> fuse(
      "qz-fuse", "All fusions in their order, then qz-verify-fused",
      buildFusePipeline);
}

} // namespace qzc::qz
