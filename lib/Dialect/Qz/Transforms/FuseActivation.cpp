//===- FuseActivation.cpp - Moves an activation into a linear layer -------===//

#include "qzc/Dialect/Qz/Transforms/Passes.h"

namespace qzc::qz {

#define GEN_PASS_DEF_QZFUSEACTIVATION
#include "qzc/Dialect/Qz/Transforms/Passes.h.inc"

using namespace mlir;

namespace {
struct FuseActivationPass : impl::QzFuseActivationBase<FuseActivationPass> {
  void runOnOperation() override {
    getOperation().walk([](ActivateOp activate) {
      auto linear = activate.getInput().getDefiningOp<LinearOp>();
      // A residual is added after the activation, so none may be there yet.
      if (!linear || !linear->hasOneUse() || linear.getResidual() ||
          linear.getActivation() != Activation::None)
        return;
      linear.setActivation(activate.getActivation());
      activate.getResult().replaceAllUsesWith(linear.getResult());
      activate.erase();
    });
  }
};
} // namespace

} // namespace qzc::qz
