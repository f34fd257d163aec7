//===- FuseRope.cpp - Moves rotary embeddings into attention --------------===//

#include "qzc/Dialect/Qz/Transforms/Passes.h"

namespace qzc::qz {

#define GEN_PASS_DEF_QZFUSEROPE
#include "qzc/Dialect/Qz/Transforms/Passes.h.inc"

using namespace mlir;

namespace {
struct FuseRopePass : impl::QzFuseRopeBase<FuseRopePass> {
  void runOnOperation() override {
    getOperation().walk([](AttentionOp attention) {
      auto query = attention.getQuery().getDefiningOp<RopeOp>();
      auto key = attention.getKey().getDefiningOp<RopeOp>();
      if (attention.getRope() || !query || !key ||
          query.getRope() != key.getRope() ||
          query.getHeads() != attention.getHeads() ||
          key.getHeads() != attention.getKvHeads())
        return;
      attention.setRopeAttr(query.getRope());
      attention.getQueryMutable().assign(query.getInput());
      attention.getKeyMutable().assign(key.getInput());
      if (query->use_empty())
        query.erase();
      if (key != query && key->use_empty())
        key.erase();
    });
  }
};
} // namespace

} // namespace qzc::qz
