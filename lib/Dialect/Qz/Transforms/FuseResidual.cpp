//===- FuseResidual.cpp - Moves an addition into a linear layer -----------===//

#include "qzc/Dialect/Qz/Transforms/Passes.h"

namespace qzc::qz {

#define GEN_PASS_DEF_QZFUSERESIDUAL
#include "qzc/Dialect/Qz/Transforms/Passes.h.inc"

using namespace mlir;

namespace {
/// The linear layer that could take the addition, or null.
Operation *layerBefore(AddOp add, Value value) {
  Operation *op = value.getDefiningOp();
  if (!op || !op->hasOneUse() || op->getBlock() != add->getBlock())
    return nullptr;
  if (auto linear = dyn_cast<LinearOp>(op))
    return linear.getResidual() ? nullptr : op;
  if (auto gated = dyn_cast<GatedLinearOp>(op))
    return gated.getResidual() ? nullptr : op;
  return nullptr;
}

void fuse(AddOp add) {
  Operation *left = layerBefore(add, add.getLhs());
  Operation *right = layerBefore(add, add.getRhs());
  if (!left && !right)
    return;
  bool takeRight = right && (!left || left->isBeforeInBlock(right));
  Operation *layer = takeRight ? right : left;
  Value residual = takeRight ? add.getLhs() : add.getRhs();
  // The residual may be computed after the layer; the addition is after both.
  layer->moveBefore(add);
  if (auto linear = dyn_cast<LinearOp>(layer))
    linear.getResidualMutable().assign(residual);
  else
    cast<GatedLinearOp>(layer).getResidualMutable().assign(residual);
  add.getResult().replaceAllUsesWith(layer->getResult(0));
  add.erase();
}

struct FuseResidualPass : impl::QzFuseResidualBase<FuseResidualPass> {
  void runOnOperation() override { getOperation().walk(fuse); }
};
} // namespace

} // namespace qzc::qz
