//===- TensorTable.cpp - The weights of a program, each once --------------===//

#include "TensorTable.h"

using namespace mlir;

namespace qzc {

FailureOr<TensorUse> TensorTable::lookup(Operation *user, Value weight) {
  TensorUse use;
  if (auto part = weight.getDefiningOp<qz::RowsOp>()) {
    use.rows = part.getRowView();
    weight = part.getWeight();
  }
  auto param = weight.getDefiningOp<qz::ParamOp>();
  if (!param) {
    user->emitOpError("has a weight that is no qz.param");
    return failure();
  }
  auto rows =
      Build.getDenseI64ArrayAttr(param.getRows().value_or(ArrayRef<int64_t>{}));
  sched::TensorOp &entry = Entries[{param.getSourceKey(), weight.getType()}];
  if (!entry) {
    IntegerAttr block;
    if (std::optional<int64_t> index = qz::weightBlock(param))
      block = Build.getI64IntegerAttr(*index);
    entry = Build.create<sched::TensorOp>(
        param.getLoc(), weight.getType(), param.getNameAttr(),
        TypeAttr::get(param.getSourceType()), param.getTransposedAttr(), rows,
        param.getFileAttr(), param.getOffsetAttr(), param.getPackingAttr(),
        Build.getStringAttr(qz::weightRole(weight)), block,
        param.getMethodAttr(), param.getScalingAttr());
  }
  use.tensor = entry.getResult();
  return use;
}

} // namespace qzc
