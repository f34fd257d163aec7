//===- FuseGated.cpp - Joins gate and up layers ---------------------------===//

#include "qzc/Dialect/Qz/Transforms/Passes.h"

#include "mlir/IR/Builders.h"

namespace qzc::qz {

#define GEN_PASS_DEF_QZFUSEGATED
#include "qzc/Dialect/Qz/Transforms/Passes.h.inc"

using namespace mlir;

namespace {
/// A plain linear layer of that role whose only use is the one asked from.
LinearOp plainLinear(Value value, LinearRole role) {
  auto linear = value.getDefiningOp<LinearOp>();
  if (!linear || !linear->hasOneUse() || linear.getRole() != role ||
      linear.getResidual() || linear.getActivation() != Activation::None)
    return {};
  return linear;
}

/// Both biases of one type, or none.
bool biasesAlike(LinearOp gate, LinearOp up) {
  Value first = gate.getBias();
  Value second = up.getBias();
  return first && second ? first.getType() == second.getType()
                         : !first && !second;
}

bool fuse(MulOp mul, Value activated, Value other) {
  auto activate = activated.getDefiningOp<ActivateOp>();
  if (!activate || !activate->hasOneUse())
    return false;
  LinearOp gate = plainLinear(activate.getInput(), LinearRole::Gate);
  LinearOp up = plainLinear(other, LinearRole::Up);
  if (!gate || !up || gate.getInput() != up.getInput() ||
      gate.getWeight().getType() != up.getWeight().getType() ||
      !biasesAlike(gate, up))
    return false;
  OpBuilder builder(mul);
  auto fused = builder.create<GatedLinearOp>(
      mul.getLoc(), mul.getType(), activate.getActivation(), gate.getInput(),
      gate.getWeight(), up.getWeight(), gate.getBias(), up.getBias(),
      /*residual=*/Value());
  mul.getResult().replaceAllUsesWith(fused.getResult());
  mul.erase();
  activate.erase();
  gate.erase();
  up.erase();
  return true;
}

struct FuseGatedPass : impl::QzFuseGatedBase<FuseGatedPass> {
  void runOnOperation() override {
    SmallVector<MulOp> products;
    // A gated_linear belongs in a block.
    getOperation().walk([&](MulOp mul) {
      if (isa<BlockOp>(mul->getParentOp()))
        products.push_back(mul);
    });
    for (MulOp mul : products)
      if (!fuse(mul, mul.getLhs(), mul.getRhs()))
        fuse(mul, mul.getRhs(), mul.getLhs());
  }
};
} // namespace

} // namespace qzc::qz
