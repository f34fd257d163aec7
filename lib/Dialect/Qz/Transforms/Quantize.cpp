//===- Quantize.cpp - Chooses the scheme of selected weights --------------===//

#include "JoinParts.h"

#include "qzc/Dialect/Qz/Transforms/Passes.h"
#include "qzc/Dialect/Qz/Transforms/Selection.h"

#include "mlir/IR/Builders.h"
#include "llvm/ADT/MapVector.h"

namespace qzc::qz {

#define GEN_PASS_DEF_QZQUANTIZE
#include "qzc/Dialect/Qz/Transforms/Passes.h.inc"

using namespace mlir;

namespace {
/// The selected uses of each weight, in the order of the module.
using SelectedUses = llvm::MapVector<Operation *, SmallVector<OpOperand *>>;

class QuantizePass : public impl::QzQuantizeBase<QuantizePass> {
public:
  using QzQuantizeBase::QzQuantizeBase;

  void runOnOperation() override {
    auto known = format::parseScheme(scheme.getValue());
    if (!known) {
      getOperation().emitError() << "unknown scheme '" << scheme
                                 << "'; known are " << format::schemeNames();
      return signalPassFailure();
    }
    for (auto model : getOperation().getOps<ModelOp>())
      if (failed(quantize(model, *known)))
        return signalPassFailure();
  }

private:
  LogicalResult quantize(ModelOp model, format::Scheme chosen);
  LogicalResult collect(ModelOp model, const Selection &selection,
                        SelectedUses &uses);
  /// The param's packed type, or null after a diagnostic.
  PackedType packedTypeFor(ParamOp param, format::Scheme chosen);
};
} // namespace

LogicalResult QuantizePass::collect(ModelOp model, const Selection &selection,
                                    SelectedUses &uses) {
  auto select = [&](OpOperand &weight) -> LogicalResult {
    auto rows = weight.get().getDefiningOp<RowsOp>();
    auto param =
        (rows ? rows.getWeight() : weight.get()).getDefiningOp<ParamOp>();
    if (!param)
      return weight.getOwner()->emitOpError("has a weight that is no qz.param");
    uses[param].push_back(&weight);
    return success();
  };
  WalkResult result = model.walk([&](Operation *op) {
    if (isa<LinearGroupOp, GatedLinearOp>(op)) {
      op->emitOpError("is fused already; quantize before fusing");
      return WalkResult::interrupt();
    }
    if (auto embed = dyn_cast<EmbedOp>(op))
      if (selection.selectsEmbed() && failed(select(embed.getTableMutable())))
        return WalkResult::interrupt();
    if (auto linear = dyn_cast<LinearOp>(op)) {
      auto block = dyn_cast<BlockOp>(op->getParentOp());
      auto number =
          block ? std::optional<int64_t>(block.getIndex()) : std::nullopt;
      if (selection.selects(linear.getRole(), number) &&
          failed(select(linear.getWeightMutable())))
        return WalkResult::interrupt();
    }
    return WalkResult::advance();
  });
  return failure(result.wasInterrupted());
}

PackedType QuantizePass::packedTypeFor(ParamOp param, format::Scheme chosen) {
  auto dense = dyn_cast<RankedTensorType>(param.getResult().getType());
  if (!dense || dense.getRank() != 2) {
    param.emitOpError() << "\"" << param.getName() << "\" is quantized already";
    return {};
  }
  auto emitError = [&] {
    return param.emitOpError() << "\"" << param.getName() << "\": ";
  };
  return PackedType::getChecked(
      emitError, param.getContext(), dense.getDimSize(0), dense.getDimSize(1),
      chosen, blockSize != 0 ? blockSize : format::defaultBlockSize(chosen),
      doubleQuant.getValue());
}

LogicalResult QuantizePass::quantize(ModelOp model, format::Scheme chosen) {
  FailureOr<Selection> selection = Selection::parse(
      blocks, components, model.getLayers(), [&] { return model.emitError(); });
  SelectedUses selected;
  if (failed(selection) || failed(collect(model, *selection, selected)))
    return failure();
  if (selected.empty())
    return model.emitError()
           << "the selection (blocks '" << blocks << "', components '"
           << components << "') matches no layer of this model";
  if (chosen == format::Scheme::None) {
    if (blockSize != 0)
      return model.emitError("scheme none has no block size");
    if (doubleQuant)
      return model.emitError("scheme none has no double quantization");
    return success();
  }

  SmallVector<ParamOp> quantized;
  for (auto &[op, uses] : selected) {
    auto param = cast<ParamOp>(op);
    PackedType type = packedTypeFor(param, chosen);
    if (!type)
      return failure();
    bool shared = !llvm::all_of(param->getUses(), [&](OpOperand &use) {
      return llvm::is_contained(uses, &use);
    });
    if (shared) {
      OpBuilder builder(param->getContext());
      builder.setInsertionPointAfter(param);
      param = cast<ParamOp>(builder.clone(*param));
      for (OpOperand *use : uses)
        use->set(param.getResult());
    }
    if (!param.getSource())
      param.setSource(param.getResult().getType());
    param.getResult().setType(type);
    quantized.push_back(param);
  }
  return joinParts(quantized);
}

} // namespace qzc::qz
