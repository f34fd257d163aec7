//===- QzScaling.cpp - #qz.scaling ----------------------------------------===//

#include "qzc/Dialect/Qz/IR/QzDialect.h"

using namespace mlir;

namespace qzc::qz {

LogicalResult ScalingAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                  int64_t columns, int64_t rows,
                                  bool unitOffset, int64_t width,
                                  int64_t repeats) {
  // (C1), (C2): what follows from no weight's rows.
  const format::Scaling scaling = {columns, rows, unitOffset, width, repeats};
  if (auto wrong = format::checkScaling(scaling, width))
    return emitError() << "a scaling that " << *wrong;
  if (!scaling.any() || (width != 0 && rows < 0))
    return emitError() << "a scaling of nothing";
  return success();
}

format::Scaling ScalingAttr::toFormat() const {
  return {getColumns(), getRows(), getUnitOffset(), getWidth(), getRepeats()};
}

ScalingAttr ScalingAttr::of(MLIRContext *context,
                            const format::Scaling &scaling) {
  return get(context, scaling.columns, scaling.rows, scaling.unitOffset,
             scaling.width, scaling.repeats);
}

} // namespace qzc::qz
