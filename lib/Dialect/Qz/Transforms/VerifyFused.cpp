//===- VerifyFused.cpp - Checks what lowering relies on -------------------===//

#include "qzc/Dialect/Qz/Transforms/Passes.h"

namespace qzc::qz {

#define GEN_PASS_DEF_QZVERIFYFUSED
#include "qzc/Dialect/Qz/Transforms/Passes.h.inc"

using namespace mlir;

namespace {
LogicalResult verifyBlock(BlockOp block) {
  AttentionOp attention;
  for (Operation &op : block.getBody().front()) {
    // (C1)
    if (isa<RopeOp>(op))
      return op.emitOpError("is left: attention can take only rotary "
                            "embeddings that its queries and keys share");
    // (C2)
    auto found = dyn_cast<AttentionOp>(op);
    if (found && attention)
      return found.emitOpError()
             << "is the second in block " << block.getIndex();
    if (found)
      attention = found;
  }
  // (C2)
  if (!attention)
    return block.emitOpError() << block.getIndex() << " has no qz.attention";
  return success();
}

LogicalResult verifyModel(ModelOp model) {
  int64_t embeds = 0;
  int64_t heads = 0;
  WalkResult result = model.walk([&](Operation *op) {
    if (auto block = dyn_cast<BlockOp>(op); block && failed(verifyBlock(block)))
      return WalkResult::interrupt();
    embeds += isa<EmbedOp>(op) ? 1 : 0;
    auto linear = dyn_cast<LinearOp>(op);
    heads += linear && linear.getRole() == LinearRole::Head ? 1 : 0;
    return WalkResult::advance();
  });
  if (result.wasInterrupted())
    return failure();
  // (C3)
  if (embeds != 1 || heads != 1)
    return model.getGraph().emitOpError()
           << "needs one qz.embed and one qz.linear head, and has " << embeds
           << " and " << heads;
  return success();
}

struct VerifyFusedPass : impl::QzVerifyFusedBase<VerifyFusedPass> {
  void runOnOperation() override {
    for (auto model : getOperation().getOps<ModelOp>())
      if (failed(verifyModel(model)))
        return signalPassFailure();
    markAllAnalysesPreserved();
  }
};
} // namespace

} // namespace qzc::qz
