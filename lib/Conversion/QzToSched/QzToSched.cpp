//===- QzToSched.cpp - Lower qz models to sched programs ------------------===//

#include "TensorTable.h"

#include "qzc/Conversion/Passes.h"
#include "qzc/Dialect/Sched/IR/LaunchParams.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using qzc::format::Opcode;

namespace qzc {

#define GEN_PASS_DEF_CONVERTQZTOSCHED
#include "qzc/Conversion/Passes.h.inc"

namespace {

/// The two enumerations share their numbers.
format::Activation toFormat(qz::Activation activation) {
  return static_cast<format::Activation>(activation);
}

void read(Attribute attr, int64_t &value) {
  value = cast<IntegerAttr>(attr).getInt();
}
void read(Attribute attr, float &value) {
  value = static_cast<float>(cast<FloatAttr>(attr).getValueAsDouble());
}
void read(Attribute, bool &value) { value = true; }
/// No operation has these: they come from its weights (setRows).
void read(Attribute, std::vector<format::RowView> &) {}
void read(Attribute attr, format::Activation &value) {
  value = toFormat(cast<qz::ActivationAttr>(attr).getValue());
}

/// Parameters of a launch as the operation's attributes of the same names have
/// them; `known` has the rest.
template <typename Params>
sched::LaunchParameters paramsOf(Operation *op, const Params &known = {}) {
  Params values = known;
  sched::LaunchParameters result;
  DictionaryAttr attributes = op->getAttrDictionary();
  format::forEachField<Params>([&](const auto &field) {
    using Value = typename std::decay_t<decltype(field)>::Type;
    Attribute attr = attributes.get(field.name);
    if (!attr)
      return;
    if constexpr (std::is_same_v<Value, std::optional<int64_t>>)
      result.rope = cast<qz::RopeAttr>(attr);
    else
      read(attr, values.*field.member);
  });
  result.values = values;
  return result;
}

/// Fills in LinearParams::rows, where one of the parts' matrices is rows of a
/// larger one.
void setRows(format::LinearParams &linear,
             ArrayRef<std::optional<format::RowView>> views,
             ArrayRef<Value> weights) {
  size_t parts = static_cast<size_t>(linear.parts);
  if (llvm::none_of(views.take_front(parts),
                    [](const auto &view) { return view.has_value(); }))
    return;
  for (size_t i = 0; i < parts; ++i)
    linear.rows.push_back(views[i].value_or(
        format::RowView::all(qz::extentsOf(weights[i].getType()).first)));
}

/// Lowers one model. Values of the graph are followed as what holds them: a
/// buffer, a view of one, or the argument of the head.
class Lowering {
public:
  explicit Lowering(qz::ModelOp model)
      : Model(model), Build(model->getContext()), Tensors(Build) {}

  LogicalResult run();

private:
  /// Makes the program with its files; Build then points into the body.
  void createProgram();
  /// Ends the body at the input of `head`, and goes on in the head.
  LogicalResult enterHead(qz::LinearOp head);
  LogicalResult lowerBlock(qz::BlockOp block);
  LogicalResult lower(Operation *op);

  LogicalResult lower(qz::EmbedOp op);
  LogicalResult lower(qz::AddPositionsOp op);
  LogicalResult lower(qz::RmsNormOp op);
  LogicalResult lower(qz::LayerNormOp op);
  LogicalResult lower(qz::LinearOp op);
  LogicalResult lower(qz::LinearGroupOp op);
  LogicalResult lower(qz::GatedLinearOp op);
  LogicalResult lower(qz::AttentionOp op);

  /// What holds the value; fails where the current list cannot see it.
  FailureOr<Value> holder(Operation *op, Value value);

  /// Adds a launch that writes a new buffer of `columns`, and returns that.
  FailureOr<Value> launch(Operation *op, Opcode opcode, ValueRange inputs,
                          ArrayRef<Value> weights, int64_t columns,
                          sched::LaunchParameters params);

  /// The same for operations of one result, which the buffer then holds.
  LogicalResult launchResult(Operation *op, Opcode opcode, ValueRange inputs,
                             ArrayRef<Value> weights,
                             sched::LaunchParameters params) {
    Value result = op->getResult(0);
    FailureOr<Value> buffer =
        launch(op, opcode, inputs, weights, qz::columnsOf(result.getType()),
               std::move(params));
    if (failed(buffer))
      return failure();
    Holders[result] = *buffer;
    return success();
  }

  qz::ModelOp Model;
  OpBuilder Build;
  TensorTable Tensors;
  sched::ProgramOp Program;
  sched::HeadOp Head;
  DenseMap<Value, Value> Holders;
};

void Lowering::createProgram() {
  Build.setInsertionPoint(Model);
  Program = Build.create<sched::ProgramOp>(
      Model.getLoc(), Model.getSymNameAttr(), Model.getFamilyAttr(),
      Model.getVocabAttr(), Model.getHiddenAttr(), Model.getLayersAttr(),
      Model.getContextAttr(), Model.getBosAttr(), Model.getEosAttr(),
      Model.getAddBosAttr(), Model.getChatTemplateAttr(),
      Model.getSpecialTokensAttr(), Model.getTokenizerAttr());
  Build.createBlock(&Program.getContent());
  for (auto file : Model.getBody().getOps<qz::FileOp>())
    Build.create<sched::FileOp>(file.getLoc(), file.getSymNameAttr(),
                                file.getPathAttr(), file.getSizeAttr(),
                                file.getSha256Attr());
  auto body = Build.create<sched::BodyOp>(Model.getGraph().getLoc(),
                                          /*bytes=*/IntegerAttr());
  Build.setInsertionPoint(body);
  Tensors = TensorTable(Build);
  Build.createBlock(&body.getContent());
}

LogicalResult Lowering::run() {
  qz::GraphOp graph = Model.getGraph();
  createProgram();
  for (Operation &op : graph.getBody().front()) {
    if (auto block = dyn_cast<qz::BlockOp>(op)) {
      if (failed(lowerBlock(block)))
        return failure();
      continue;
    }
    if (auto result = dyn_cast<qz::ReturnOp>(op)) {
      if (!Head)
        return graph.emitOpError("cannot be lowered: it has no linear layer of "
                                 "role head");
      FailureOr<Value> logits = holder(result, result.getLogits());
      if (failed(logits))
        return failure();
      Build.create<sched::YieldOp>(result.getLoc(), *logits);
      continue;
    }
    auto linear = dyn_cast<qz::LinearOp>(op);
    if (linear && linear.getRole() == qz::LinearRole::Head &&
        failed(enterHead(linear)))
      return failure();
    if (failed(lower(&op)))
      return failure();
  }
  Model.erase();
  return success();
}

LogicalResult Lowering::enterHead(qz::LinearOp head) {
  if (Head)
    return head.emitOpError("cannot be lowered: the graph has a head already");
  FailureOr<Value> hidden = holder(head, head.getInput());
  if (failed(hidden))
    return failure();
  Build.create<sched::YieldOp>(head.getLoc(), *hidden);

  Build.setInsertionPointToEnd(&Program.getContent().front());
  Head = Build.create<sched::HeadOp>(head.getLoc(), /*bytes=*/IntegerAttr());
  auto type = sched::ViewType::get(Build.getContext(),
                                   qz::columnsOf(head.getInput().getType()));
  Block *block = Build.createBlock(&Head.getContent());
  // The head sees nothing of the body but its result.
  Holders.clear();
  Holders[head.getInput()] = block->addArgument(type, head.getLoc());
  return success();
}

LogicalResult Lowering::lowerBlock(qz::BlockOp block) {
  if (Head)
    return block.emitOpError("cannot be lowered: it stands behind the head");
  FailureOr<Value> input = holder(block, block.getInput());
  if (failed(input))
    return failure();
  Holders[block.getBody().getArgument(0)] = *input;
  for (Operation &op : block.getBody().front()) {
    if (auto yield = dyn_cast<qz::YieldOp>(op)) {
      FailureOr<Value> output = holder(yield, yield.getOutput());
      if (failed(output))
        return failure();
      Holders[block.getOutput()] = *output;
    } else if (failed(lower(&op))) {
      return failure();
    }
  }
  return success();
}

FailureOr<Value> Lowering::holder(Operation *op, Value value) {
  if (Value found = Holders.lookup(value))
    return found;
  InFlightDiagnostic diagnostic = op->emitOpError("cannot be lowered: ");
  if (Head)
    diagnostic << "behind the head's linear layer only that layer's input and "
                  "what is computed from it can be used";
  else
    diagnostic << "it uses the tokens as features";
  diagnostic.attachNote(value.getLoc()) << "this value";
  return failure();
}

FailureOr<Value> Lowering::launch(Operation *op, Opcode opcode,
                                  ValueRange inputs, ArrayRef<Value> weights,
                                  int64_t columns,
                                  sched::LaunchParameters params) {
  SmallVector<Value> ins;
  for (Value input : inputs) {
    FailureOr<Value> held = holder(op, input);
    if (failed(held))
      return failure();
    ins.push_back(*held);
  }
  SmallVector<Value> tensors;
  SmallVector<std::optional<format::RowView>> views;
  for (Value weight : weights) {
    FailureOr<TensorUse> use = Tensors.lookup(op, weight);
    if (failed(use))
      return failure();
    tensors.push_back(use->tensor);
    views.push_back(use->rows);
  }
  if (auto *linear = std::get_if<format::LinearParams>(&params.values))
    setRows(*linear, views, weights);
  MLIRContext *context = Build.getContext();
  Value buffer = Build.create<sched::BufferOp>(
      op->getLoc(), sched::BufferType::get(context, columns),
      /*offset=*/IntegerAttr());
  Build.create<sched::LaunchOp>(
      op->getLoc(), sched::OpcodeAttr::get(context, opcode), ins, tensors,
      ValueRange(buffer), sched::writeParams(context, params));
  return buffer;
}

//===----------------------------------------------------------------------===//
// One operation each
//===----------------------------------------------------------------------===//

LogicalResult Lowering::lower(qz::EmbedOp op) {
  if (Head)
    return op.emitOpError("cannot be lowered: it stands behind the head");
  return launchResult(op, Opcode::Embed, {}, op.getTable(),
                      paramsOf<format::EmbedParams>(op));
}

LogicalResult Lowering::lower(qz::AddPositionsOp op) {
  if (Head)
    return op.emitOpError("cannot be lowered: it stands behind the head");
  return launchResult(op, Opcode::AddPositions, op.getInput(), op.getTable(),
                      paramsOf<format::AddPositionsParams>(op));
}

LogicalResult Lowering::lower(qz::RmsNormOp op) {
  SmallVector<Value> weights;
  if (Value weight = op.getWeight())
    weights.push_back(weight);
  return launchResult(op, Opcode::RmsNorm, op.getInput(), weights,
                      paramsOf<format::NormParams>(op));
}

LogicalResult Lowering::lower(qz::LayerNormOp op) {
  SmallVector<Value> weights;
  if (Value weight = op.getWeight())
    weights.push_back(weight);
  if (Value bias = op.getBias())
    weights.push_back(bias);
  return launchResult(op, Opcode::LayerNorm, op.getInput(), weights,
                      paramsOf<format::NormParams>(op));
}

LogicalResult Lowering::lower(qz::LinearOp op) {
  SmallVector<Value> inputs{op.getInput()};
  if (Value residual = op.getResidual())
    inputs.push_back(residual);
  SmallVector<Value> weights{op.getWeight()};
  format::LinearParams params;
  if (Value bias = op.getBias()) {
    params.hasBias = true;
    weights.push_back(bias);
  }
  return launchResult(op, Opcode::Linear, inputs, weights,
                      paramsOf(op, params));
}

LogicalResult Lowering::lower(qz::LinearGroupOp op) {
  SmallVector<Value> weights(op.getWeights());
  format::LinearParams params;
  params.parts = static_cast<int64_t>(op.getWeights().size());
  params.hasBias = !op.getBiases().empty();
  llvm::append_range(weights, op.getBiases());
  int64_t columns = 0;
  for (Value result : op.getResults())
    columns += qz::columnsOf(result.getType());
  FailureOr<Value> buffer = launch(op, Opcode::Linear, op.getInput(), weights,
                                   columns, paramsOf(op, params));
  if (failed(buffer))
    return failure();
  int64_t column = 0;
  for (Value result : op.getResults()) {
    int64_t width = qz::columnsOf(result.getType());
    Holders[result] = Build.create<sched::ViewOp>(
        op.getLoc(), sched::ViewType::get(op.getContext(), width), *buffer,
        column);
    column += width;
  }
  return success();
}

LogicalResult Lowering::lower(qz::GatedLinearOp op) {
  SmallVector<Value> inputs{op.getInput()};
  if (Value residual = op.getResidual())
    inputs.push_back(residual);
  SmallVector<Value> weights{op.getGate(), op.getUp()};
  format::LinearParams params;
  params.parts = 2;
  params.gated = true;
  if (op.getGateBias()) {
    params.hasBias = true;
    weights.push_back(op.getGateBias());
    weights.push_back(op.getUpBias());
  }
  return launchResult(op, Opcode::Linear, inputs, weights,
                      paramsOf(op, params));
}

LogicalResult Lowering::lower(qz::AttentionOp op) {
  auto block = op->getParentOfType<qz::BlockOp>();
  format::AttentionParams params;
  params.layer = block.getIndex();
  params.headDim = op.getHeadDim();
  return launchResult(op, Opcode::Attention,
                      {op.getQuery(), op.getKey(), op.getValue()}, {},
                      paramsOf(op, params));
}

LogicalResult Lowering::lower(Operation *op) {
  auto elementwise = [&](Opcode opcode, auto initial) {
    return launchResult(op, opcode, op->getOperands(), {},
                        paramsOf(op, initial));
  };
  return TypeSwitch<Operation *, LogicalResult>(op)
      .Case<qz::EmbedOp, qz::AddPositionsOp, qz::RmsNormOp, qz::LayerNormOp,
            qz::LinearOp, qz::LinearGroupOp, qz::GatedLinearOp,
            qz::AttentionOp>([&](auto typed) { return lower(typed); })
      // Weights become entries of the tensor table where they are used.
      .Case<qz::ParamOp, qz::RowsOp>([](auto) { return success(); })
      .Case([&](qz::AddOp) {
        return elementwise(Opcode::Add, format::NoParams());
      })
      .Case([&](qz::MulOp) {
        return elementwise(Opcode::Mul, format::NoParams());
      })
      .Case([&](qz::ActivateOp) {
        return elementwise(Opcode::Activate, format::ActivateParams());
      })
      .Case([&](qz::ScaleOp) {
        return elementwise(Opcode::Scale, format::ScaleParams());
      })
      .Case([&](qz::ClampOp) {
        return elementwise(Opcode::Clamp, format::ClampParams());
      })
      .Case([&](qz::SoftCapOp) {
        return elementwise(Opcode::SoftCap, format::SoftCapParams());
      })
      .Case([](qz::RopeOp rope) {
        return rope.emitOpError("cannot be lowered: it must be fused into the "
                                "attention that uses it (qz-fuse-rope)");
      })
      .Default([](Operation *other) {
        return other->emitOpError("cannot be lowered to a launch");
      });
}

struct ConvertQzToSched : impl::ConvertQzToSchedBase<ConvertQzToSched> {
  void runOnOperation() override {
    SmallVector<qz::ModelOp> models(getOperation().getOps<qz::ModelOp>());
    for (qz::ModelOp model : models)
      if (failed(Lowering(model).run()))
        return signalPassFailure();
  }
};

} // namespace

} // namespace qzc
