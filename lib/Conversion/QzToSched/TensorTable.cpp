//===- TensorTable.cpp - The weights of a program, each once --------------===//

#include "TensorTable.h"

using namespace mlir;

namespace qzc {

FailureOr<Value> TensorTable::lookup(Operation *user, Value weight,
                                     StringRef role) {
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
    if (auto parent = param->getParentOfType<qz::BlockOp>())
      block = Build.getI64IntegerAttr(parent.getIndex());
    entry = Build.create<sched::TensorOp>(
        param.getLoc(), weight.getType(), param.getNameAttr(),
        TypeAttr::get(param.getSourceType()), param.getTransposedAttr(), rows,
        param.getFileAttr(), param.getOffsetAttr(), Build.getStringAttr(role),
        block);
  }
  return entry.getResult();
}

} // namespace qzc
