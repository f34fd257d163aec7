//===- ScaleInputs.cpp - Finds the inputs of layers that can be scaled ----===//
//
// A scale takes three things: a value that nothing but linear layers use, their
// weights, whose columns can be multiplied, and weights that make the value, of
// which each element or row can be divided without touching anything else.
//
//===----------------------------------------------------------------------===//

#include "qzc/Dialect/Qz/Transforms/Passes.h"

#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SetVector.h"

namespace qzc::qz {

#define GEN_PASS_DEF_QZSCALEINPUTS
#include "qzc/Dialect/Qz/Transforms/Passes.h.inc"

using namespace mlir;
using format::Method;
using format::Scaling;

namespace {
/// A weight whose rows or elements make a value.
struct Maker {
  ParamOp param;
  Scaling scaling; ///< all but its number
};

class InputScaling {
public:
  explicit InputScaling(ModuleOp module) : Module(module) {
    module.walk([&](ParamOp param) { ++Readers[param.getSourceKey()]; });
  }

  void run();

private:
  /// Whether nothing else reads the weight.
  bool isAlone(ParamOp param) const {
    return Readers.lookup(param.getSourceKey()) == 1;
  }
  bool scale(Value input, ArrayRef<LinearOp> layers);
  bool findWeights(Value input, ArrayRef<LinearOp> layers,
                   SetVector<Operation *> &weights) const;
  bool findMakers(Value input, SmallVectorImpl<Maker> &makers) const;
  bool addVector(Value vector, bool unitOffset,
                 SmallVectorImpl<Maker> &makers) const;
  bool addLayer(Value result, const Scaling &scaling,
                SmallVectorImpl<Maker> &makers) const;

  ModuleOp Module;
  DenseMap<Attribute, unsigned> Readers; ///< of the same rows of a tensor
  int64_t Scales = 0;
};
} // namespace

static bool hasMethod(ParamOp param, Method method) {
  return param.getMethod() == StringRef(format::name(method));
}

static bool isF32(ParamOp param) {
  const format::PackedShape shape = param.getPackedShape();
  return shape.scheme == format::Scheme::None &&
         shape.dtype == format::DType::F32;
}

/// Stored as f32 from here on.
static void widen(ParamOp param) {
  auto stored = dyn_cast<RankedTensorType>(param.getResult().getType());
  if (!stored || isF32(param))
    return;
  Type source = param.getSourceType();
  param.getResult().setType(RankedTensorType::get(
      stored.getShape(), Float32Type::get(param.getContext())));
  if (source == param.getResult().getType())
    param.removeSourceAttr();
  else
    param.setSourceAttr(TypeAttr::get(source));
}

static void addScaling(ParamOp param, const Scaling &more) {
  Scaling scaling =
      param.getScaling() ? param.getScalingAttr().toFormat() : Scaling();
  if (more.columns >= 0) {
    scaling.columns = more.columns;
  } else {
    const int64_t columns = scaling.columns;
    scaling = more;
    scaling.columns = columns;
  }
  param.setScalingAttr(ScalingAttr::of(param.getContext(), scaling));
}

/// The weights of the layers, which must be all that uses the value and them.
bool InputScaling::findWeights(Value input, ArrayRef<LinearOp> layers,
                               SetVector<Operation *> &weights) const {
  for (OpOperand &use : input.getUses()) {
    auto linear = dyn_cast<LinearOp>(use.getOwner());
    if (!linear || linear.getResidual() == input)
      return false;
  }
  bool isWanted = false;
  for (LinearOp layer : layers) {
    auto rows = layer.getWeight().getDefiningOp<RowsOp>();
    auto param =
        (rows ? rows.getWeight() : layer.getWeight()).getDefiningOp<ParamOp>();
    if (!param || !isAlone(param) ||
        (!hasMethod(param, Method::Awq) && !isF32(param)))
      return false;
    isWanted |= hasMethod(param, Method::Awq);
    weights.insert(param);
  }
  // Of parts of a fused weight all have to be there.
  const auto isOfLayers = [&](Operation *user) {
    auto linear = dyn_cast<LinearOp>(user);
    return linear && linear.getInput() == input;
  };
  for (Operation *weight : weights)
    for (Operation *user : weight->getUsers())
      if (isa<RowsOp>(user) ? !llvm::all_of(user->getUsers(), isOfLayers)
                            : !isOfLayers(user))
        return false;
  return isWanted;
}

bool InputScaling::addVector(Value vector, bool unitOffset,
                             SmallVectorImpl<Maker> &makers) const {
  auto param = vector.getDefiningOp<ParamOp>();
  if (!param || !param->hasOneUse() || !isAlone(param))
    return false;
  Scaling scaling;
  scaling.unitOffset = unitOffset;
  makers.push_back({param, scaling});
  return true;
}

/// A layer whose result has no other use, and whose rows may be divided.
bool InputScaling::addLayer(Value result, const Scaling &scaling,
                            SmallVectorImpl<Maker> &makers) const {
  auto layer = result.getDefiningOp<LinearOp>();
  if (!layer || !layer->hasOneUse() || layer.getResidual() ||
      layer.getActivation() != Activation::None)
    return false;
  auto param = layer.getWeight().getDefiningOp<ParamOp>();
  // Codes of a checkpoint stay as they are; what is kept as bf16 or f16 would
  // be rounded once more.
  if (!param || !param->hasOneUse() || !isAlone(param) || param.getPacking() ||
      (!isa<PackedType>(param.getResult().getType()) && !isF32(param)))
    return false;
  makers.push_back({param, scaling});
  if (Value bias = layer.getBias()) {
    if (!addVector(bias, /*unitOffset=*/false, makers))
      return false;
    Scaling &ofBias = makers.back().scaling;
    ofBias = scaling;
  }
  return true;
}

bool InputScaling::findMakers(Value input,
                              SmallVectorImpl<Maker> &makers) const {
  Operation *op = input.getDefiningOp();
  if (auto norm = dyn_cast_or_null<RmsNormOp>(op))
    return norm.getHeads() == 1 && norm.getWeight() &&
           addVector(norm.getWeight(), norm.getUnitOffset(), makers);
  if (auto norm = dyn_cast_or_null<LayerNormOp>(op))
    return norm.getHeads() == 1 && norm.getWeight() &&
           addVector(norm.getWeight(), /*unitOffset=*/false, makers) &&
           (!norm.getBias() ||
            addVector(norm.getBias(), /*unitOffset=*/false, makers));
  if (auto product = dyn_cast_or_null<MulOp>(op)) {
    if (addLayer(product.getRhs(), {}, makers))
      return true;
    makers.clear();
    return addLayer(product.getLhs(), {}, makers);
  }
  // relu(x / s) = relu(x) / s
  if (auto activate = dyn_cast_or_null<ActivateOp>(op))
    return activate.getActivation() == Activation::Relu &&
           addLayer(activate.getInput(), {}, makers);
  if (auto attention = dyn_cast_or_null<AttentionOp>(op)) {
    Scaling scaling;
    scaling.width = attention.getHeadDim();
    scaling.repeats = attention.getHeads() / attention.getKvHeads();
    return addLayer(attention.getValue(), scaling, makers);
  }
  return false;
}

/// Biases beside one that is widened, so that layers of one input stay alike.
static void widenBiasesBeside(ParamOp param) {
  for (Operation *user : param->getUsers()) {
    auto layer = dyn_cast<LinearOp>(user);
    if (!layer || layer.getBias() != param.getResult())
      continue;
    for (Operation *beside : layer.getInput().getUsers())
      if (auto other = dyn_cast<LinearOp>(beside))
        if (Value bias = other.getBias())
          if (auto vector = bias.getDefiningOp<ParamOp>())
            widen(vector);
  }
}

bool InputScaling::scale(Value input, ArrayRef<LinearOp> layers) {
  SetVector<Operation *> weights;
  SmallVector<Maker> makers;
  if (!findWeights(input, layers, weights) || !findMakers(input, makers))
    return false;
  Scaling columns;
  columns.columns = Scales;
  for (Operation *weight : weights)
    addScaling(cast<ParamOp>(weight), columns);
  for (Maker &maker : makers) {
    maker.scaling.rows = Scales;
    addScaling(maker.param, maker.scaling);
    widen(maker.param);
    widenBiasesBeside(maker.param);
  }
  ++Scales;
  return true;
}

/// What the weight takes where its columns are not scaled.
static void takeOtherMethod(ParamOp param) {
  if (format::takesMethod(param.getPackedShape().scheme, Method::Mse))
    param.setMethod(format::name(Method::Mse));
  else
    param.removeMethodAttr();
}

void InputScaling::run() {
  llvm::MapVector<Value, SmallVector<LinearOp>> byInput;
  Module.walk(
      [&](LinearOp layer) { byInput[layer.getInput()].push_back(layer); });
  for (auto &[input, layers] : byInput)
    scale(input, layers);
  Module.walk([&](ParamOp param) {
    if (hasMethod(param, Method::Awq) &&
        (!param.getScaling() || param.getScalingAttr().getColumns() < 0))
      takeOtherMethod(param);
  });
}

namespace {
struct ScaleInputsPass : impl::QzScaleInputsBase<ScaleInputsPass> {
  void runOnOperation() override { InputScaling(getOperation()).run(); }
};
} // namespace

} // namespace qzc::qz
