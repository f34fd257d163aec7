//===- JoinParts.cpp - One weight of a fused tensor's parts ---------------===//

#include "JoinParts.h"

#include "mlir/IR/Builders.h"
#include "llvm/ADT/MapVector.h"

using namespace mlir;

namespace qzc::qz {

namespace {
using Parts = SmallVector<ParamOp, 3>;
using Ranges = std::vector<std::pair<int64_t, int64_t>>;
} // namespace

/// Whether each row of the source is in some part.
static bool coverAll(ArrayRef<ParamOp> parts, int64_t height) {
  Ranges ranges;
  for (ParamOp part : parts)
    llvm::append_range(ranges, part.getRowRanges());
  llvm::sort(ranges);
  int64_t end = 0;
  for (auto [low, high] : ranges) {
    if (low > end)
      return false;
    end = std::max(end, high);
  }
  return end == height;
}

/// Whether the parts' own codes and scales are those of the whole: nothing is
/// encoded together with elements of two ranges.
static bool encodesAlike(ArrayRef<ParamOp> parts, PackedType whole) {
  format::PackedShape shape = whole.getShape();
  if (shape.scales == format::ScaleCodec::Double)
    return false;
  const int64_t unit = format::encodingUnit(shape);
  auto isEdge = [&](int64_t row) {
    return row == shape.rows || row * shape.cols % unit == 0;
  };
  return llvm::all_of(parts, [&](ParamOp part) {
    return llvm::all_of(part.getRowRanges(), [&](const auto &range) {
      return isEdge(range.first) && isEdge(range.second);
    });
  });
}

static bool areEven(ArrayRef<ParamOp> parts) {
  return llvm::all_of(parts, [](ParamOp part) {
    return format::viewOfRanges(part.getRowRanges()).has_value();
  });
}

/// Where a parameter can stand that all parts can use.
static OpBuilder placeBefore(ArrayRef<ParamOp> parts) {
  ParamOp first = parts.front();
  for (ParamOp part : parts) {
    if (part->getBlock() != first->getBlock()) {
      auto graph = first->getParentOfType<GraphOp>();
      return OpBuilder::atBlockBegin(&graph.getBody().front());
    }
    if (part->isBeforeInBlock(first))
      first = part;
  }
  return OpBuilder(first);
}

static void join(ArrayRef<ParamOp> parts, PackedType type) {
  ParamOp model = parts.front();
  auto whole = cast<ParamOp>(placeBefore(parts).clone(*model));
  whole.removeRowsAttr();
  whole.setSourceAttr(TypeAttr::get(model.getSourceType()));
  whole.getResult().setType(type);
  for (ParamOp part : parts) {
    OpBuilder builder(part);
    Value rows = builder.create<RowsOp>(part.getLoc(), whole.getResult(),
                                        *part.getRows());
    part.getResult().replaceAllUsesWith(rows);
    part.erase();
  }
}

static LogicalResult joinTensor(ArrayRef<ParamOp> parts) {
  ParamOp any = parts.front();
  int64_t height = any.getTensorSource().height();
  if (!coverAll(parts, height))
    return success();
  auto packed = cast<PackedType>(any.getResult().getType());
  auto emitError = [&] {
    return any.emitOpError() << "\"" << any.getName() << "\": ";
  };
  auto whole = PackedType::getChecked(
      emitError, any.getContext(), height, packed.getCols(), packed.getScheme(),
      packed.getBlockSize(), packed.getScales());
  if (!whole)
    return failure();
  if (encodesAlike(parts, whole))
    return success();
  if (!areEven(parts)) {
    any.emitWarning() << "\"" << any.getName()
                      << "\": its parts are quantized each on its own, since "
                         "their rows are not evenly spaced: a tool that "
                         "quantizes the tensor whole gets other values";
    return success();
  }
  join(parts, whole);
  return success();
}

LogicalResult joinParts(ArrayRef<ParamOp> params) {
  llvm::MapVector<Attribute, Parts> tensors;
  for (ParamOp param : params)
    if (param.getRows())
      tensors[param.getTensorKey()].push_back(param);
  for (auto &[key, parts] : tensors)
    if (failed(joinTensor(parts)))
      return failure();
  return success();
}

} // namespace qzc::qz
