//===- QzWeightOps.cpp - Checks of weights, and what they are for ---------===//

#include "qzc/Dialect/Qz/IR/QzDialect.h"

#include "mlir/IR/Builders.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;

namespace qzc::qz {

using Ranges = std::vector<std::pair<int64_t, int64_t>>;

/// A flat list of bounds as pairs; an odd one at the end is left out.
static Ranges toRanges(ArrayRef<int64_t> bounds) {
  Ranges ranges;
  for (size_t i = 0; i + 1 < bounds.size(); i += 2)
    ranges.emplace_back(bounds[i], bounds[i + 1]);
  return ranges;
}

/// The rows that the bounds select of `height`, or a diagnostic: they must be
/// pairs, ascending, disjoint, inside the owner of that name.
static FailureOr<int64_t>
countRows(ArrayRef<int64_t> bounds, int64_t height, StringRef owner,
          function_ref<InFlightDiagnostic()> emitError) {
  if (bounds.empty() || bounds.size() % 2 != 0)
    return emitError() << "needs rows as pairs [lo, hi]";
  int64_t selected = 0;
  int64_t end = 0;
  for (auto [low, high] : toRanges(bounds)) {
    if (low < end || high <= low || high > height)
      return emitError() << "rows [" << low << ", " << high
                         << "] are not ascending, disjoint and inside the "
                         << owner << "'s " << height;
    end = high;
    selected += high - low;
  }
  return selected;
}

format::TensorSource tensorSource(StringRef name, Type type, bool transposed,
                                  ArrayRef<int64_t> rows) {
  format::TensorSource source;
  source.name = name.str();
  if (auto packed = dyn_cast<PackedType>(type)) {
    const format::PackedShape shape = packed.getShape();
    source.shape = {shape.rows, shape.cols};
    source.packed = format::StorageSpec{shape.scheme, std::nullopt,
                                        shape.blockSize, shape.scales};
  } else {
    auto tensor = cast<RankedTensorType>(type);
    source.shape = tensor.getShape().vec();
    source.dtype =
        dtypeOf(tensor.getElementType()).value_or(format::DType::F32);
  }
  source.transposed = transposed;
  source.rows = toRanges(rows);
  return source;
}

//===----------------------------------------------------------------------===//
// ParamOp
//===----------------------------------------------------------------------===//

Type ParamOp::getSourceType() {
  return getSource().value_or(getResult().getType());
}

format::PackedShape ParamOp::getSourceShape() {
  return packedShapeOf(getSourceType()).value_or(format::PackedShape());
}

format::PackedShape ParamOp::getPackedShape() {
  return packedShapeOf(getResult().getType()).value_or(format::PackedShape());
}

Ranges ParamOp::getRowRanges() {
  return toRanges(getRows().value_or(ArrayRef<int64_t>{}));
}

format::TensorSource ParamOp::getTensorSource() {
  return tensorSource(getName(), getSourceType(), getTransposed(),
                      getRows().value_or(ArrayRef<int64_t>{}));
}

/// Bytes of a weight tensor, or nothing from 2^62 on.
static std::optional<int64_t> bytesOf(RankedTensorType type) {
  constexpr int64_t limit = int64_t{1} << 62;
  auto bytes = static_cast<int64_t>(format::sizeOf(
      dtypeOf(type.getElementType()).value_or(format::DType::F32)));
  for (int64_t extent : type.getShape()) {
    if (extent > limit / bytes)
      return std::nullopt;
    bytes *= extent;
  }
  return bytes;
}

LogicalResult ParamOp::verifyPacked() {
  // (C10)
  Type type = getSourceType();
  if (getFile() || getTransposed() || (getRows() && isa<PackedType>(type)))
    return emitOpError("has a packing, beside which there is no file, no "
                       "transposing and, of a packed source, no rows");
  // (C3)
  format::PackedShape source = getSourceShape();
  if (!isMatrix(type) ||
      (!isa<PackedType>(type) && source.dtype != format::DType::F32))
    return emitOpError()
           << "has a packing, but a source that is neither packed "
              "nor a matrix of f32: "
           << type;
  // (C6)
  if (auto bounds = getRows()) {
    FailureOr<int64_t> selected = countRows(*bounds, source.rows, "source",
                                            [&] { return emitOpError(); });
    if (failed(selected))
      return failure();
    source.rows = *selected;
  }
  // (C7)
  const format::PackedShape shape = getPackedShape();
  if (!isMatrix(getResult().getType()) || shape.rows != source.rows ||
      shape.cols != source.cols)
    return emitOpError() << "has a result of shape [" << shape.rows << ", "
                         << shape.cols << "], the source gives [" << source.rows
                         << ", " << source.cols << "]";
  return success();
}

LogicalResult ParamOp::verifyScaling() {
  // (C11)
  if (!getScaling())
    return success();
  const format::Scaling scaling = getScalingAttr().toFormat();
  const format::PackedShape shape = getPackedShape();
  const bool vector = isVector(getResult().getType());
  if (auto wrong =
          format::checkScaling(scaling, vector ? shape.cols : shape.rows))
    return emitOpError() << *wrong;
  if (scaling.columns >= 0 && vector)
    return emitOpError("is a vector with scaled columns");
  if (scaling.any() && shape.scheme == format::Scheme::None &&
      shape.dtype != format::DType::F32)
    return emitOpError("is scaled, but stored neither packed nor as f32");
  return success();
}

LogicalResult ParamOp::verify() {
  // (C1)
  if (getName().empty())
    return emitOpError("needs the tensor's name");
  if (failed(getPacking() ? verifyPacked() : verifyDense()))
    return failure();
  // (C9)
  if (auto method = getMethod()) {
    auto known = format::parseMethod(*method);
    if (!known || *known == format::Method::Rtn ||
        !format::takesMethod(getPackedShape().scheme, *known))
      return emitOpError() << "has the method '" << *method
                           << "', which its storage does not take";
  }
  return verifyScaling();
}

LogicalResult ParamOp::verifyDense() {
  // (C2)
  if (getFile().has_value() != getOffset().has_value())
    return emitOpError("needs both a file and a byte offset, or neither");
  // (C8)
  Type result = getResult().getType();
  if (isa<PackedType>(result) && !getSource())
    return emitOpError("needs the source's type beside a packed one");
  // (C3)
  Type sourceType = getSourceType();
  if (!isVector(sourceType) && !isDenseMatrix(sourceType))
    return emitOpError() << "needs a source matrix or vector of f32, f16 or "
                            "bf16, not "
                         << sourceType;
  auto source = cast<RankedTensorType>(sourceType);
  if (!bytesOf(source))
    return emitOpError() << "has a source of 2^62 bytes or more: " << source;
  // (C5)
  bool matrix = source.getRank() == 2;
  if (getTransposed() && !matrix)
    return emitOpError("cannot transpose a vector");
  // (C6)
  SmallVector<int64_t, 2> extents(source.getShape());
  if (getTransposed())
    std::swap(extents[0], extents[1]);
  if (auto bounds = getRows()) {
    FailureOr<int64_t> selected =
        countRows(*bounds, extents[0], "source", [&] { return emitOpError(); });
    if (failed(selected))
      return failure();
    extents[0] = *selected;
  }
  // (C7)
  SmallVector<int64_t, 2> stored;
  if (auto packed = dyn_cast<PackedType>(result))
    stored = {packed.getRows(), packed.getCols()};
  else
    stored.append(cast<RankedTensorType>(result).getShape().begin(),
                  cast<RankedTensorType>(result).getShape().end());
  if (stored != extents)
    return emitOpError() << "has a result of shape [" << stored
                         << "], the source gives [" << extents << "]";
  return success();
}

Attribute ParamOp::getTensorKey() {
  Builder build(getContext());
  Attribute none = build.getUnitAttr();
  auto present = [&](Attribute attr) { return attr ? attr : none; };
  return build.getArrayAttr(
      {getNameAttr(), present(getFileAttr()), present(getOffsetAttr()),
       present(getPackingAttr()), TypeAttr::get(getSourceType()),
       build.getBoolAttr(getTransposed())});
}

Attribute ParamOp::getSourceKey() {
  Builder build(getContext());
  return build.getArrayAttr(
      {getTensorKey(),
       build.getDenseI64ArrayAttr(getRows().value_or(ArrayRef<int64_t>{}))});
}

LogicalResult ParamOp::verifySymbolUses(SymbolTableCollection &symbols) {
  // The graph between is no symbol table, but isolated.
  auto model = (*this)->getParentOfType<ModelOp>();
  auto lookup = [&](FlatSymbolRefAttr file) {
    auto target = model ? dyn_cast_or_null<FileOp>(
                              symbols.lookupSymbolIn(model, file.getAttr()))
                        : FileOp();
    if (!target)
      emitOpError() << "file " << file << " is not a qz.file of the model";
    return target;
  };
  // (C10)
  if (auto packing = getPackingAttr())
    return success(llvm::all_of(packing.getFiles(), lookup));
  auto file = getFileAttr();
  if (!file)
    return success();
  // (C2)
  FileOp target = lookup(file);
  if (!target)
    return failure();
  // (C4)
  std::optional<int64_t> bytes =
      bytesOf(cast<RankedTensorType>(getSourceType()));
  int64_t offset = getOffset().value_or(-1);
  if (!bytes || offset < 0 || offset > target.getSize() ||
      *bytes > target.getSize() - offset)
    return emitOpError() << "\"" << getName() << "\" of " << bytes.value_or(0)
                         << " bytes at " << offset << " lies outside " << file
                         << " of " << target.getSize() << " bytes";
  return success();
}

//===----------------------------------------------------------------------===//
// RowsOp
//===----------------------------------------------------------------------===//

Ranges RowsOp::getRowRanges() { return toRanges(getRows()); }

format::RowView RowsOp::getRowView() {
  return format::viewOfRanges(getRowRanges()).value_or(format::RowView());
}

LogicalResult
RowsOp::inferReturnTypes(MLIRContext *context, std::optional<Location> location,
                         ValueRange operands, DictionaryAttr attributes,
                         OpaqueProperties properties, RegionRange regions,
                         SmallVectorImpl<Type> &types) {
  Adaptor adaptor(operands, attributes, properties, regions);
  auto whole = dyn_cast<PackedType>(adaptor.getWeight().getType());
  if (!whole || !adaptor.getRowsAttr())
    return failure();
  // (C1)
  Location where = location.value_or(UnknownLoc::get(context));
  FailureOr<int64_t> rows =
      countRows(adaptor.getRows(), whole.getRows(), "weight", [&] {
        return mlir::emitError(where) << "'" << getOperationName() << "' op ";
      });
  if (failed(rows))
    return failure();
  types.push_back(RowsType::get(context, *rows, whole));
  return success();
}

LogicalResult RowsOp::verify() {
  // (C2)
  if (!format::viewOfRanges(getRowRanges()))
    return emitOpError("needs rows of one length and one distance");
  return success();
}

//===----------------------------------------------------------------------===//
// What a weight is for
//===----------------------------------------------------------------------===//

/// The role of a weight in one of its uses.
static StringRef roleOfUse(OpOperand &use) {
  Operation *user = use.getOwner();
  if (isa<EmbedOp>(user))
    return "embed";
  if (isa<AddPositionsOp>(user))
    return "position";
  if (auto norm = dyn_cast<LayerNormOp>(user))
    return norm.getWeight() == use.get() ? "norm" : "bias";
  if (isa<RmsNormOp>(user))
    return "norm";
  if (isVector(use.get().getType()))
    return "bias";
  if (auto linear = dyn_cast<LinearOp>(user))
    return stringifyLinearRole(linear.getRole());
  if (auto group = dyn_cast<LinearGroupOp>(user)) {
    unsigned first = group.getWeights().getBeginOperandIndex();
    return stringifyLinearRole(group.getRole(use.getOperandNumber() - first));
  }
  if (auto gated = dyn_cast<GatedLinearOp>(user))
    return &use == &gated.getGateMutable() ? "gate" : "up";
  return "unused";
}

/// Whether a use comes before another in the module. Use lists are in no order
/// to rely on; users are in their region's, and a use in a block is where its
/// block is.
static bool isBefore(OpOperand *a, OpOperand *b) {
  Operation *left = a->getOwner();
  Operation *right = b->getOwner();
  Block *common = left->getBlock();
  while (common && !common->findAncestorOpInBlock(*right))
    common =
        common->getParentOp() ? common->getParentOp()->getBlock() : nullptr;
  if (!common)
    return false;
  left = common->findAncestorOpInBlock(*left);
  right = common->findAncestorOpInBlock(*right);
  if (left == right)
    return a->getOperandNumber() < b->getOperandNumber();
  return left->isBeforeInBlock(right);
}

std::string weightRole(Value weight) {
  SmallVector<OpOperand *> uses;
  for (OpOperand &use : weight.getUses())
    uses.push_back(&use);
  llvm::sort(uses, isBefore);
  SmallVector<std::string> parts;
  for (OpOperand *use : uses) {
    auto rows = dyn_cast<RowsOp>(use->getOwner());
    if (!rows)
      return roleOfUse(*use).str();
    std::string role = weightRole(rows.getResult());
    if (!llvm::is_contained(parts, role))
      parts.push_back(role);
  }
  return parts.empty() ? "unused" : llvm::join(parts, ",");
}

std::optional<int64_t> weightBlock(ParamOp param) {
  if (auto block = dyn_cast<BlockOp>(param->getParentOp()))
    return block.getIndex();
  return std::nullopt;
}

} // namespace qzc::qz
