//===- GroupLinears.cpp - Joins the q, k and v layers of one input --------===//

#include "qzc/Dialect/Qz/Transforms/Passes.h"

#include "mlir/IR/Builders.h"
#include "llvm/ADT/MapVector.h"

namespace qzc::qz {

#define GEN_PASS_DEF_QZGROUPLINEARS
#include "qzc/Dialect/Qz/Transforms/Passes.h.inc"

using namespace mlir;

namespace {
bool isCandidate(LinearOp linear) {
  LinearRole role = linear.getRole();
  return (role == LinearRole::Q || role == LinearRole::K ||
          role == LinearRole::V) &&
         !linear.getResidual() && linear.getActivation() == Activation::None;
}

bool fitTogether(LinearOp a, LinearOp b) {
  return a.getRole() != b.getRole() && !a.getBias() == !b.getBias() &&
         storedAlike(a.getWeight().getType(), b.getWeight().getType());
}

/// A qz.param, or rows of one.
bool isFromParam(Value value) {
  auto rows = value.getDefiningOp<RowsOp>();
  return (rows ? rows.getWeight() : value).getDefiningOp<ParamOp>() != nullptr;
}

/// Moves what defines such a value before `place`, where it comes later.
void hoist(Value value, Operation *place) {
  Operation *op = value.getDefiningOp();
  if (op->getBlock() != place->getBlock() || op->isBeforeInBlock(place))
    return;
  for (Value operand : op->getOperands())
    hoist(operand, place);
  op->moveBefore(place);
}

/// Replaces two or three layers, in the order of the block, by a group.
void join(ArrayRef<LinearOp> layers) {
  LinearOp first = layers.front();
  OpBuilder builder(first);
  SmallVector<Value> weights;
  SmallVector<Value> biases;
  SmallVector<Attribute> roles;
  SmallVector<Type> types;
  // Users may stand between the layers, so the group goes where the first is,
  // and the params of the others before it.
  for (LinearOp layer : layers) {
    hoist(layer.getWeight(), first);
    weights.push_back(layer.getWeight());
    if (layer.getBias()) {
      hoist(layer.getBias(), first);
      biases.push_back(layer.getBias());
    }
    roles.push_back(layer.getRoleAttr());
    types.push_back(layer.getType());
  }
  auto group = builder.create<LinearGroupOp>(first.getLoc(), types,
                                             first.getInput(), weights, biases,
                                             builder.getArrayAttr(roles));
  for (auto [layer, result] : llvm::zip_equal(layers, group.getResults())) {
    LinearOp old = layer;
    old.getResult().replaceAllUsesWith(result);
    old.erase();
  }
}

void groupBlock(BlockOp block) {
  llvm::MapVector<Value, SmallVector<LinearOp>> byInput;
  for (LinearOp linear : block.getBody().getOps<LinearOp>()) {
    bool fromParams = isFromParam(linear.getWeight()) &&
                      (!linear.getBias() || isFromParam(linear.getBias()));
    if (isCandidate(linear) && fromParams)
      byInput[linear.getInput()].push_back(linear);
  }
  for (auto &[input, layers] : byInput) {
    while (!layers.empty()) {
      SmallVector<LinearOp> together = {layers.front()};
      SmallVector<LinearOp> rest;
      for (LinearOp layer : ArrayRef<LinearOp>(layers).drop_front()) {
        bool fits = llvm::all_of(together, [&](LinearOp other) {
          return fitTogether(other, layer);
        });
        (fits ? together : rest).push_back(layer);
      }
      if (together.size() > 1)
        join(together);
      layers = rest;
    }
  }
}

struct GroupLinearsPass : impl::QzGroupLinearsBase<GroupLinearsPass> {
  void runOnOperation() override { getOperation().walk(groupBlock); }
};
} // namespace

} // namespace qzc::qz
