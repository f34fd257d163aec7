//===- Cast.cpp - Chooses the element type of dense weights ---------------===//

#include "qzc/Dialect/Qz/Transforms/Passes.h"

namespace qzc::qz {

#define GEN_PASS_DEF_QZCAST
#include "qzc/Dialect/Qz/Transforms/Passes.h.inc"

using namespace mlir;

namespace {
struct CastPass : impl::QzCastBase<CastPass> {
  using QzCastBase::QzCastBase;

  void runOnOperation() override {
    auto target = format::parseDType(dtype.getValue());
    if (!target) {
      getOperation().emitError()
          << "unknown dtype '" << dtype << "'; known are f32, f16, bf16";
      return signalPassFailure();
    }
    Type element = elementTypeOf(&getContext(), *target);
    getOperation().walk([&](ParamOp param) {
      auto stored = dyn_cast<RankedTensorType>(param.getResult().getType());
      // What stands for quantized values keeps them.
      if (!stored || stored.getElementType() == element || param.getPacking())
        return;
      Type source = param.getSourceType();
      auto cast = RankedTensorType::get(stored.getShape(), element);
      param.getResult().setType(cast);
      // The source is written down only where it differs.
      if (source == cast)
        param.removeSourceAttr();
      else
        param.setSourceAttr(TypeAttr::get(source));
    });
  }
};
} // namespace

} // namespace qzc::qz
