//===- Method.cpp - Chooses how codes are chosen --------------------------===//

#include "qzc/Dialect/Qz/Transforms/Passes.h"

namespace qzc::qz {

#define GEN_PASS_DEF_QZMETHOD
#include "qzc/Dialect/Qz/Transforms/Passes.h.inc"

using namespace mlir;
using format::Method;

/// Whether a token's number, and no vector, is what the weight is applied to.
static bool isTable(ParamOp param) {
  return llvm::any_of(param->getUsers(),
                      [](Operation *user) { return isa<EmbedOp>(user); });
}

namespace {
struct MethodPass : impl::QzMethodBase<MethodPass> {
  using QzMethodBase::QzMethodBase;

  void runOnOperation() override {
    auto asked = format::parseMethod(method.getValue());
    if (!asked) {
      getOperation().emitError()
          << "unknown method '" << method << "'; known are rtn, mse, gptq, awq";
      return signalPassFailure();
    }
    getOperation().walk([&](ParamOp param) {
      if (!isa<PackedType>(param.getResult().getType()))
        return;
      // Codes of a checkpoint that stay as they are have been chosen.
      if (param.getPacking() &&
          param.getSourceType() == param.getResult().getType())
        return;
      Method chosen = *asked;
      if (chosen != Method::Rtn && isTable(param))
        chosen = Method::Mse;
      const bool makesDifference =
          chosen != Method::Rtn &&
          format::takesMethod(param.getPackedShape().scheme, chosen);
      if (makesDifference)
        param.setMethod(format::name(chosen));
      else
        param.removeMethodAttr();
    });
  }
};
} // namespace

} // namespace qzc::qz
