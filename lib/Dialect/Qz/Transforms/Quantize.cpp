//===- Quantize.cpp - Chooses how selected weights are stored -------------===//

#include "JoinParts.h"
#include "Mixes.h"
#include "StorageRules.h"

#include "qzc/Dialect/Qz/Transforms/Passes.h"
#include "qzc/Dialect/Qz/Transforms/Selection.h"

#include "mlir/IR/Builders.h"
#include "llvm/ADT/MapVector.h"

#include <optional>

namespace qzc::qz {

#define GEN_PASS_DEF_QZQUANTIZE
#include "qzc/Dialect/Qz/Transforms/Passes.h.inc"

using namespace mlir;

namespace {
/// A use of a weight, and the result type that it is to have; null: as it is.
struct Choice {
  OpOperand *use;
  Type type;
};
/// The uses of each weight by layers and embeddings, in the order of the
/// module.
using Choices = llvm::MapVector<Operation *, SmallVector<Choice, 1>>;

/// What is asked for, and what has been found of it.
class Storing {
public:
  Storing(const format::StorageSpec &selected, std::optional<Mix> mix,
          std::vector<StorageRule> &rules, StringRef blocks,
          StringRef components, bool requantize)
      : SelectedStorage(selected), ChosenMix(mix), Rules(rules), Blocks(blocks),
        Components(components), Requantize(requantize) {}

  LogicalResult run(ModelOp model);

private:
  LogicalResult collect(ModelOp model, const Selection &selection,
                        Choices &choices);
  /// Notes the choice for a use of a weight, in a linear layer of that role or
  /// else in an embedding.
  LogicalResult choose(OpOperand &weight, bool selected,
                       std::optional<LinearRole> role, Choices &choices);
  /// The type of the param stored by the spec; null, after a diagnostic, where
  /// there is none.
  Type typeFor(ParamOp param, const format::StorageSpec &spec);

  const format::StorageSpec &SelectedStorage;
  std::optional<Mix> ChosenMix; ///< in place of what is selected
  std::vector<StorageRule> &Rules;
  StringRef Blocks, Components;
  bool Requantize;
  bool AnySelected = false;
};

class QuantizePass : public impl::QzQuantizeBase<QuantizePass> {
public:
  using QzQuantizeBase::QzQuantizeBase;

  void runOnOperation() override {
    if (failed(run()))
      signalPassFailure();
  }

private:
  LogicalResult run();
};
} // namespace

LogicalResult QuantizePass::run() {
  auto emitError = [&] { return getOperation().emitError(); };
  FailureOr<format::StorageSpec> spec = parseSpec(scheme, emitError);
  std::vector<StorageRule> parsed;
  if (failed(spec) || failed(parseRules(rules, emitError, parsed)))
    return failure();
  if (blockSize != 0)
    spec->blockSize = blockSize;
  if (doubleQuant)
    spec->scales = format::ScaleCodec::Double;
  if (failed(checkSpec(*spec, emitError)))
    return failure();
  std::optional<Mix> mixed;
  if (!mix.empty()) {
    mixed = parseMix(mix);
    if (!mixed)
      return emitError() << "unknown mix '" << mix << "'; known are "
                         << mixNames();
    if (spec->scheme != format::Scheme::None || spec->dtype ||
        !blocks.empty() || !components.empty())
      return emitError()
             << "a mix chooses for every layer: rules alone go with "
                "it";
  }
  Storing storing(*spec, mixed, parsed, blocks, components, requantize);
  for (auto model : getOperation().getOps<ModelOp>())
    if (failed(storing.run(model)))
      return failure();
  for (const StorageRule &rule : parsed)
    if (!rule.matched)
      return emitError() << "rule '" << rule.text
                         << "' matches no layer or embedding of this model";
  return success();
}

Type Storing::typeFor(ParamOp param, const format::StorageSpec &spec) {
  Type stored = param.getResult().getType();
  if (param.getPacking() ? !Requantize : !isDenseMatrix(stored)) {
    auto diagnostic = param.emitOpError()
                      << "\"" << param.getName() << "\" is quantized already";
    if (param.getPacking())
      diagnostic << ", by who made the checkpoint: leave it out of the "
                    "selection, or decode it first with --requantize";
    return {};
  }
  const auto [rows, cols] = extentsOf(stored);
  if (spec.scheme == format::Scheme::None)
    return RankedTensorType::get(
        {rows, cols}, elementTypeOf(param.getContext(), *spec.dtype));
  auto emitError = [&] {
    return param.emitOpError() << "\"" << param.getName() << "\": ";
  };
  return PackedType::getChecked(emitError, param.getContext(), rows, cols,
                                spec.scheme, spec.blockSize, spec.scales);
}

/// What a mix looks at.
static MixedWeight mixedWeight(ParamOp param, std::optional<LinearRole> role,
                               Operation *user) {
  auto model = param->getParentOfType<ModelOp>();
  MixedWeight weight;
  weight.role = role;
  weight.fused = param.getRows().has_value();
  weight.tied = llvm::any_of(param->getUsers(), [](Operation *other) {
    auto linear = dyn_cast<LinearOp>(other);
    return linear && linear.getRole() == LinearRole::Head;
  });
  if (auto block = dyn_cast<BlockOp>(user->getParentOp()))
    weight.block = block.getIndex();
  weight.blocks = model.getLayers();
  weight.cols = param.getPackedShape().cols;
  weight.family = model.getFamily();
  return weight;
}

LogicalResult Storing::choose(OpOperand &weight, bool selected,
                              std::optional<LinearRole> role,
                              Choices &choices) {
  auto rows = weight.get().getDefiningOp<RowsOp>();
  auto param =
      (rows ? rows.getWeight() : weight.get()).getDefiningOp<ParamOp>();
  const format::StorageSpec *spec = selected ? &SelectedStorage : nullptr;
  AnySelected |= selected || ChosenMix;
  format::StorageSpec ofMix;
  if (ChosenMix && param) {
    ofMix = specOf(*ChosenMix, mixedWeight(param, role, weight.getOwner()));
    spec = &ofMix;
  }
  if (param)
    for (StorageRule &rule : Rules)
      if (rule.regex.match(param.getName())) {
        rule.matched = true;
        spec = &rule.spec;
      }
  const bool keeps =
      !spec || (spec->scheme == format::Scheme::None && !spec->dtype);
  if (!param)
    return keeps ? success()
                 : weight.getOwner()->emitOpError(
                       "has a weight that is no qz.param");
  Type type;
  if (!keeps && !(type = typeFor(param, *spec)))
    return failure();
  choices[param].push_back({&weight, type});
  return success();
}

LogicalResult Storing::collect(ModelOp model, const Selection &selection,
                               Choices &choices) {
  WalkResult result = model.walk([&](Operation *op) {
    LogicalResult chosen = success();
    if (isa<LinearGroupOp, GatedLinearOp>(op))
      chosen = op->emitOpError("is fused already; quantize before fusing");
    if (auto embed = dyn_cast<EmbedOp>(op))
      chosen = choose(embed.getTableMutable(), selection.selectsEmbed(),
                      std::nullopt, choices);
    if (auto linear = dyn_cast<LinearOp>(op)) {
      auto block = dyn_cast<BlockOp>(op->getParentOp());
      auto number =
          block ? std::optional<int64_t>(block.getIndex()) : std::nullopt;
      chosen = choose(linear.getWeightMutable(),
                      selection.selects(linear.getRole(), number),
                      linear.getRole(), choices);
    }
    return failed(chosen) ? WalkResult::interrupt() : WalkResult::advance();
  });
  return failure(result.wasInterrupted());
}

/// Stores a param otherwise, from the same source.
static void retype(ParamOp param, Type type) {
  if (param.getSourceType() == type)
    param.removeSourceAttr();
  else if (!param.getSource())
    param.setSourceAttr(TypeAttr::get(param.getResult().getType()));
  param.getResult().setType(type);
  for (Operation *user : param->getUsers())
    if (auto rows = dyn_cast<RowsOp>(user))
      rows.getResult().setType(RowsType::get(
          param.getContext(), rows.getRowView().rows, cast<PackedType>(type)));
}

/// Whether parts of a fused weight can be stored in these types: all alike, as
/// what they are together.
static LogicalResult checkParts(ParamOp param, ArrayRef<Choice> uses) {
  const bool isFused = llvm::any_of(param->getUsers(), llvm::IsaPred<RowsOp>);
  const bool isAlike = llvm::all_of(
      uses, [&](const Choice &use) { return use.type == uses.front().type; });
  if (!isFused ||
      (isAlike && (!uses.front().type || isa<PackedType>(uses.front().type))))
    return success();
  return param.emitOpError()
         << "\"" << param.getName()
         << "\" is stored as one by who made the checkpoint: choose the same "
            "scheme for all its layers, or for none";
}

LogicalResult Storing::run(ModelOp model) {
  FailureOr<Selection> selection = Selection::parse(
      Blocks, Components, model.getLayers(), [&] { return model.emitError(); });
  Choices choices;
  AnySelected = false;
  if (failed(selection) || failed(collect(model, *selection, choices)))
    return failure();
  if (!AnySelected)
    return model.emitError()
           << "the selection (blocks '" << Blocks << "', components '"
           << Components << "') matches no layer of this model";

  SmallVector<ParamOp> quantized;
  for (auto &[op, uses] : choices) {
    auto param = cast<ParamOp>(op);
    if (failed(checkParts(param, uses)))
      return failure();
    // All uses of one type share a param; the first keeps this one where no
    // other use needs it as it is.
    llvm::MapVector<Type, SmallVector<OpOperand *>> types;
    for (const Choice &choice : uses)
      if (choice.type && choice.type != param.getResult().getType())
        types[choice.type].push_back(choice.use);
    size_t changed = 0;
    for (auto &[type, changing] : types)
      changed += changing.size();
    bool isFree = static_cast<size_t>(std::distance(
                      param->use_begin(), param->use_end())) == changed;
    for (auto &[type, changing] : llvm::reverse(types)) {
      ParamOp stored = param;
      if (!isFree || type != types.front().first) {
        OpBuilder builder(param->getContext());
        builder.setInsertionPointAfter(param);
        stored = cast<ParamOp>(builder.clone(*param));
        for (OpOperand *use : changing)
          use->set(stored.getResult());
      }
      retype(stored, type);
      if (isa<PackedType>(type))
        quantized.push_back(stored);
    }
  }
  return joinParts(quantized);
}

} // namespace qzc::qz
