//===- QzDialect.cpp - Registration and shared queries of qz --------------===//

#include "qzc/Dialect/Qz/IR/QzDialect.h"

#include "qzc/Dialect/Qz/IR/QzDialect.cpp.inc"
#include "qzc/Dialect/Qz/IR/QzEnums.cpp.inc"

using namespace mlir;

namespace qzc::qz {

namespace {
/// Prints rotary embeddings as `#rope`: every block repeats them.
struct QzAsmInterface : OpAsmDialectInterface {
  using OpAsmDialectInterface::OpAsmDialectInterface;

  AliasResult getAlias(Attribute attribute, raw_ostream &os) const override {
    if (!isa<RopeAttr>(attribute))
      return AliasResult::NoAlias;
    os << "rope";
    return AliasResult::FinalAlias;
  }
};

bool isWeightTensor(Type type, int64_t rank) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor && tensor.getRank() == rank && !tensor.getEncoding() &&
         dtypeOf(tensor.getElementType()) &&
         llvm::all_of(tensor.getShape(), [](int64_t n) { return n > 0; });
}
} // namespace

void QzDialect::initialize() {
  registerTypes();
  registerAttributes();
  addOperations<
#define GET_OP_LIST
#include "qzc/Dialect/Qz/IR/QzOps.cpp.inc"
      >();
  addInterfaces<QzAsmInterface>();
}

bool isTokens(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor && tensor.getRank() == 1 && tensor.isDynamicDim(0) &&
         !tensor.getEncoding() && tensor.getElementType().isSignlessInteger(32);
}

bool isFeatures(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor && tensor.getRank() == 2 && tensor.isDynamicDim(0) &&
         !tensor.isDynamicDim(1) && tensor.getDimSize(1) > 0 &&
         !tensor.getEncoding() && tensor.getElementType().isF32();
}

bool isVector(Type type) { return isWeightTensor(type, 1); }
bool isDenseMatrix(Type type) { return isWeightTensor(type, 2); }
bool isMatrix(Type type) {
  return isa<PackedType>(type) || isDenseMatrix(type);
}

int64_t columnsOf(Type features) {
  return cast<RankedTensorType>(features).getDimSize(1);
}

std::optional<format::DType> dtypeOf(Type element) {
  if (element.isF32())
    return format::DType::F32;
  if (element.isF16())
    return format::DType::F16;
  if (element.isBF16())
    return format::DType::BF16;
  return std::nullopt;
}

Type elementTypeOf(MLIRContext *context, format::DType dtype) {
  switch (dtype) {
  case format::DType::F32:
    return FloatType::getF32(context);
  case format::DType::F16:
    return FloatType::getF16(context);
  case format::DType::BF16:
    return FloatType::getBF16(context);
  }
  llvm_unreachable("every DType is listed");
}

std::optional<format::PackedShape> packedShapeOf(Type weight) {
  format::PackedShape shape;
  if (auto packed = dyn_cast<PackedType>(weight)) {
    shape = packed.getShape();
  } else if (isDenseMatrix(weight) || isVector(weight)) {
    auto tensor = cast<RankedTensorType>(weight);
    shape.dtype = dtypeOf(tensor.getElementType()).value_or(format::DType::F32);
    shape.rows = tensor.getRank() == 2 ? tensor.getDimSize(0) : 1;
    shape.cols = tensor.getShape().back();
  } else {
    return std::nullopt;
  }
  if (format::checkShape(shape))
    return std::nullopt;
  return shape;
}

std::pair<int64_t, int64_t> extentsOf(Type linearWeight) {
  if (auto packed = dyn_cast<PackedType>(linearWeight))
    return {packed.getRows(), packed.getCols()};
  if (auto rows = dyn_cast<RowsType>(linearWeight))
    return {rows.getRows(), rows.getWhole().getCols()};
  auto tensor = cast<RankedTensorType>(linearWeight);
  return {tensor.getDimSize(0), tensor.getDimSize(1)};
}

/// The type of what is stored.
static Type wholeOf(Type linearWeight) {
  if (auto rows = dyn_cast<RowsType>(linearWeight))
    return rows.getWhole();
  return linearWeight;
}

bool storedAlike(Type a, Type b) {
  auto left = packedShapeOf(wholeOf(a));
  auto right = packedShapeOf(wholeOf(b));
  return left && right && format::storedAlike(*left, *right);
}

bool isBlockRole(LinearRole role) {
  return role != LinearRole::Proj && role != LinearRole::Head;
}

} // namespace qzc::qz
