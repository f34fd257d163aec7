//===- QzComputeOps.cpp - Checks and folders of qz's computations ---------===//

#include "qzc/Dialect/Qz/IR/QzDialect.h"

#include "mlir/IR/Builders.h"
#include "llvm/ADT/SmallSet.h"

#include <cmath>

using namespace mlir;

namespace qzc::qz {

namespace {
bool isPositive(double value) { return std::isfinite(value) && value > 0; }

int64_t lengthOf(Value vector) {
  return cast<RankedTensorType>(vector.getType()).getDimSize(0);
}

/// LinearOp's (C1) to (C3) for one weight of any linear operation.
LogicalResult verifyLinearPart(Operation *op, Value input, Value weight,
                               Value bias, Value result) {
  auto [rows, columns] = extentsOf(weight.getType());
  // (C1)
  if (columns != columnsOf(input.getType()))
    return op->emitOpError()
           << "has a weight of " << columns << " columns for an input of "
           << columnsOf(input.getType()) << " features";
  // (C2)
  if (rows != columnsOf(result.getType()))
    return op->emitOpError()
           << "has a weight of " << rows << " rows for a result of "
           << columnsOf(result.getType()) << " features";
  // (C3)
  if (bias && lengthOf(bias) != rows)
    return op->emitOpError() << "has a bias of " << lengthOf(bias)
                             << " elements for a weight of " << rows << " rows";
  return success();
}
LogicalResult verifyEpsilon(Operation *op, double epsilon) {
  if (isPositive(epsilon))
    return success();
  return op->emitOpError("needs a finite, positive eps");
}

/// Heads share the columns evenly, and vectors are as long as one of them.
LogicalResult verifyHeads(Operation *op, int64_t heads, Value input,
                          ArrayRef<std::pair<StringRef, Value>> vectors) {
  const int64_t columns = columnsOf(input.getType());
  if (heads < 1 || columns % heads != 0)
    return op->emitOpError() << "cannot share " << columns << " features among "
                             << heads << " heads";
  for (auto [what, vector] : vectors) {
    if (!vector)
      continue;
    if (lengthOf(vector) != columns / heads)
      return op->emitOpError()
             << "has a " << what << " of " << lengthOf(vector)
             << " elements for " << (heads == 1 ? "rows" : "heads") << " of "
             << columns / heads;
  }
  return success();
}
} // namespace

//===----------------------------------------------------------------------===//
// Embeddings and norms
//===----------------------------------------------------------------------===//

LogicalResult EmbedOp::verify() {
  auto [rows, columns] = extentsOf(getTable().getType());
  // (C1)
  if (columns != columnsOf(getResult().getType()))
    return emitOpError() << "has a table of " << columns
                         << " columns for a result of "
                         << columnsOf(getResult().getType()) << " features";
  // (C2)
  auto model = (*this)->getParentOfType<ModelOp>();
  if (model && rows < model.getVocab())
    return emitOpError() << "has a table of " << rows
                         << " rows for a vocabulary of " << model.getVocab();
  return success();
}

LogicalResult AddPositionsOp::verify() {
  auto [rows, columns] = extentsOf(getTable().getType());
  // (C1)
  if (columns != columnsOf(getInput().getType()))
    return emitOpError() << "has a table of " << columns
                         << " columns for an input of "
                         << columnsOf(getInput().getType()) << " features";
  // (C2)
  auto model = (*this)->getParentOfType<ModelOp>();
  int64_t context = model ? model.getContext() : 1;
  if (getOffset() < 0 || getOffset() > rows || context > rows - getOffset())
    return emitOpError() << "has a table of " << rows << " rows, too few for "
                         << context << " positions from offset " << getOffset();
  return success();
}

LogicalResult RmsNormOp::verify() {
  // (C1), (C4)
  if (failed(verifyHeads(*this, getHeads(), getInput(),
                         {{"weight", getWeight()}})))
    return failure();
  // (C2)
  if (failed(verifyEpsilon(*this, getEpsilon())))
    return failure();
  // (C3)
  if (getUnitOffset() && !getWeight())
    return emitOpError("has unit_offset without a weight");
  return success();
}

LogicalResult LayerNormOp::verify() {
  // (C1), (C4)
  if (failed(verifyHeads(*this, getHeads(), getInput(),
                         {{"weight", getWeight()}, {"bias", getBias()}})))
    return failure();
  // (C2)
  if (failed(verifyEpsilon(*this, getEpsilon())))
    return failure();
  // (C3)
  if (getBias() && !getWeight())
    return emitOpError("has a bias without a weight");
  return success();
}

//===----------------------------------------------------------------------===//
// Linear layers
//===----------------------------------------------------------------------===//

LogicalResult LinearOp::verify() {
  // (C1), (C2), (C3)
  if (failed(verifyLinearPart(*this, getInput(), getWeight(), getBias(),
                              getResult())))
    return failure();
  // (C4)
  if (getResidual() && getResidual().getType() != getResult().getType())
    return emitOpError() << "has a residual of type " << getResidual().getType()
                         << " for a result of " << getResult().getType();
  // (C5)
  bool inBlock = isa_and_nonnull<BlockOp>((*this)->getParentOp());
  if (isBlockRole(getRole()) != inBlock)
    return emitOpError() << "with role " << stringifyLinearRole(getRole())
                         << (inBlock ? " cannot stand in a decoder block"
                                     : " must stand in a decoder block");
  return success();
}

LinearRole LinearGroupOp::getRole(unsigned index) {
  return cast<LinearRoleAttr>(getRoles()[index]).getValue();
}

LogicalResult LinearGroupOp::verify() {
  // (C1)
  size_t parts = getWeights().size();
  if (parts < 2 || parts > 3 || getRoles().size() != parts ||
      getResults().size() != parts)
    return emitOpError() << "needs two or three weights, with a role and a "
                            "result each";
  // (C2)
  if (!getBiases().empty() && getBiases().size() != parts)
    return emitOpError() << "has " << getBiases().size() << " biases for "
                         << parts << " weights";
  llvm::SmallSet<LinearRole, 4> seen;
  for (size_t i = 0; i < parts; ++i) {
    // (C3)
    Value bias = getBiases().empty() ? Value() : getBiases()[i];
    if (failed(verifyLinearPart(*this, getInput(), getWeights()[i], bias,
                                getResults()[i])))
      return failure();
    // (C4)
    if (!storedAlike(getWeights()[0].getType(), getWeights()[i].getType()))
      return emitOpError() << "mixes weights stored as "
                           << getWeights()[0].getType() << " and "
                           << getWeights()[i].getType();
    // (C5)
    LinearRole role = getRole(i);
    if (!isBlockRole(role) || !seen.insert(role).second)
      return emitOpError() << "cannot have role " << stringifyLinearRole(role)
                           << (isBlockRole(role) ? " twice" : "");
  }
  return success();
}

LogicalResult GatedLinearOp::verify() {
  // (C1)
  if (getGate().getType() != getUp().getType())
    return emitOpError() << "mixes weights of types " << getGate().getType()
                         << " and " << getUp().getType();
  // (C2)
  if (failed(verifyLinearPart(*this, getInput(), getGate(), getGateBias(),
                              getResult())) ||
      failed(verifyLinearPart(*this, getInput(), getUp(), getUpBias(),
                              getResult())))
    return failure();
  if (getResidual() && getResidual().getType() != getResult().getType())
    return emitOpError() << "has a residual of type " << getResidual().getType()
                         << " for a result of " << getResult().getType();
  // (C3)
  if (!getGateBias() != !getUpBias())
    return emitOpError("needs both biases or none");
  if (getGateBias() && getGateBias().getType() != getUpBias().getType())
    return emitOpError() << "mixes biases of types " << getGateBias().getType()
                         << " and " << getUpBias().getType();
  return success();
}

//===----------------------------------------------------------------------===//
// Attention
//===----------------------------------------------------------------------===//

LogicalResult RopeOp::verify() {
  // (C1)
  int64_t columns = columnsOf(getInput().getType());
  if (getHeads() < 1 || columns % getHeads() != 0)
    return emitOpError() << "cannot split " << columns << " columns into "
                         << getHeads() << " heads";
  // (C2)
  if (getRope().getDim() > columns / getHeads())
    return emitOpError() << "turns " << getRope().getDim()
                         << " elements of a head of " << columns / getHeads();
  return success();
}

int64_t AttentionOp::getHeadDim() {
  return columnsOf(getQuery().getType()) / getHeads();
}

LogicalResult AttentionOp::verify() {
  // (C1)
  if (getHeads() < 1 || getKvHeads() < 1 || getHeads() % getKvHeads() != 0)
    return emitOpError() << "has " << getHeads() << " heads, which "
                         << getKvHeads() << " kv_heads do not divide";
  // (C2)
  int64_t columns = columnsOf(getQuery().getType());
  if (columns % getHeads() != 0)
    return emitOpError() << "cannot split " << columns << " columns into "
                         << getHeads() << " heads";
  // (C3)
  int64_t headDim = getHeadDim();
  for (Value operand : {getKey(), getValue()}) {
    int64_t have = columnsOf(operand.getType());
    if (have % getKvHeads() != 0 || have / getKvHeads() != headDim)
      return emitOpError() << "has keys or values of " << have
                           << " columns for " << getKvHeads() << " heads of "
                           << headDim;
  }
  // (C4)
  if (getResult().getType() != getQuery().getType())
    return emitOpError() << "has a result of " << getResult().getType()
                         << " for queries of " << getQuery().getType();
  // (C5)
  if (!isPositive(getScale()))
    return emitOpError("needs a finite, positive scale");
  // (C6)
  if (auto window = getWindow(); window && *window < 1)
    return emitOpError() << "needs a positive window, not " << *window;
  if (auto softCap = getSoftCap(); softCap && !isPositive(*softCap))
    return emitOpError("needs a finite, positive soft_cap");
  if (auto alibi = getAlibi(); alibi && !isPositive(*alibi))
    return emitOpError("needs a finite, positive alibi");
  // (C7)
  if (auto rope = getRope(); rope && rope->getDim() > headDim)
    return emitOpError() << "turns " << rope->getDim()
                         << " elements of a head of " << headDim;
  return success();
}

//===----------------------------------------------------------------------===//
// Elementwise
//===----------------------------------------------------------------------===//

OpFoldResult ActivateOp::fold(FoldAdaptor) {
  if (getActivation() == Activation::None)
    return getInput();
  auto before = getInput().getDefiningOp<ActivateOp>();
  if (before && before.getActivation() == Activation::Relu &&
      getActivation() == Activation::Relu)
    return getInput();
  return {};
}

LogicalResult ScaleOp::verify() {
  // (C1)
  if (!std::isfinite(getFactor()))
    return emitOpError("needs a finite factor");
  return success();
}

OpFoldResult ScaleOp::fold(FoldAdaptor) {
  return getFactor() == 1.0 ? OpFoldResult(getInput()) : OpFoldResult();
}

LogicalResult ClampOp::verify() {
  // (C1)
  if (!isPositive(getLimit()))
    return emitOpError("needs a finite, positive limit");
  return success();
}

OpFoldResult ClampOp::fold(FoldAdaptor) {
  auto before = getInput().getDefiningOp<ClampOp>();
  if (!before)
    return {};
  if (before.getLimit() <= getLimit())
    return getInput();
  // In place: this clamp is the tighter one.
  getInputMutable().assign(before.getInput());
  return getResult();
}

LogicalResult SoftCapOp::verify() {
  // (C1)
  if (!isPositive(getCap()))
    return emitOpError("needs a finite, positive cap");
  return success();
}

} // namespace qzc::qz
