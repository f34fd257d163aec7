//===- Interpreter.cpp - Walks a model and evaluates its operations -------===//

#include "qzc/Interpreter/Interpreter.h"

#include "Operations.h"
#include "Weights.h"

#include "qzc/Support/Error.h"

#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/TypeSwitch.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

using namespace mlir;

namespace qzc::interpreter {

namespace {
/// One evaluation of one model.
class Evaluation {
public:
  Evaluation(qz::ModelOp model, const std::vector<int32_t> &tokens,
             const std::string &folder, uint64_t seed)
      : Model(model), Tokens(tokens), Params(model, folder, seed) {}

  Matrix run();

private:
  void run(Operation &op);
  void run(qz::BlockOp block);

  void evaluate(qz::ParamOp op) { set(op, Params.read(op)); }
  void evaluate(qz::RowsOp op) {
    set(op, selectRows(get(op.getWeight()), op.getRowRanges()));
  }
  void evaluate(qz::EmbedOp op) { set(op, embed(Tokens, get(op.getTable()))); }
  void evaluate(qz::AddPositionsOp op);
  void evaluate(qz::RmsNormOp op);
  void evaluate(qz::LayerNormOp op);
  void evaluate(qz::LinearOp op);
  void evaluate(qz::LinearGroupOp op);
  void evaluate(qz::GatedLinearOp op);
  void evaluate(qz::RopeOp op);
  void evaluate(qz::AttentionOp op);
  void evaluate(qz::AddOp op);
  void evaluate(qz::MulOp op);
  void evaluate(qz::ActivateOp op);
  void evaluate(qz::ScaleOp op);
  void evaluate(qz::ClampOp op);
  void evaluate(qz::SoftCapOp op);

  /// A value that was computed before; the verifier has made sure that it was.
  const Matrix &get(Value value) const { return Values.find(value)->second; }
  /// The same for operands that may be absent.
  const Matrix *find(Value value) const {
    return value ? &get(value) : nullptr;
  }
  void set(Value value, Matrix result) { Values[value] = std::move(result); }

  qz::ModelOp Model;
  const std::vector<int32_t> &Tokens;
  Weights Params;
  DenseMap<Value, Matrix> Values;
};
} // namespace

//===----------------------------------------------------------------------===//
// Structure
//===----------------------------------------------------------------------===//

Matrix Evaluation::run() {
  for (Operation &op : Model.getGraph().getBody().front()) {
    if (auto result = dyn_cast<qz::ReturnOp>(op))
      return get(result.getLogits());
    if (auto block = dyn_cast<qz::BlockOp>(op))
      run(block);
    else
      run(op);
  }
  llvm_unreachable("a graph ends in qz.return");
}

void Evaluation::run(qz::BlockOp block) {
  set(block.getBody().getArgument(0), get(block.getInput()));
  for (Operation &op : block.getBody().front()) {
    if (auto yield = dyn_cast<qz::YieldOp>(op))
      set(block.getOutput(), get(yield.getOutput()));
    else
      run(op);
  }
  // Weights are the bulk of a block's values: one block's at a time are held.
  for (Operation &op : block.getBody().front())
    for (Value result : op.getResults())
      Values.erase(result);
}

void Evaluation::run(Operation &op) {
  TypeSwitch<Operation *>(&op)
      .Case<qz::ParamOp, qz::RowsOp, qz::EmbedOp, qz::AddPositionsOp,
            qz::RmsNormOp, qz::LayerNormOp, qz::LinearOp, qz::LinearGroupOp,
            qz::GatedLinearOp, qz::RopeOp, qz::AttentionOp, qz::AddOp,
            qz::MulOp, qz::ActivateOp, qz::ScaleOp, qz::ClampOp, qz::SoftCapOp>(
          [&](auto typed) { evaluate(typed); })
      .Default([](Operation *other) {
        throw Error("cannot interpret the operation '" +
                    other->getName().getStringRef().str() +
                    "': it is not the qz dialect's");
      });
}

//===----------------------------------------------------------------------===//
// Computations
//===----------------------------------------------------------------------===//

void Evaluation::evaluate(qz::AddPositionsOp op) {
  set(op, addPositions(get(op.getInput()), get(op.getTable()), op.getOffset()));
}

void Evaluation::evaluate(qz::RmsNormOp op) {
  const Matrix &input = get(op.getInput());
  set(op, reshaped(rmsNorm(reshaped(input, input.cols / op.getHeads()),
                           find(op.getWeight()), op.getUnitOffset(),
                           op.getEpsilon()),
                   input.cols));
}

void Evaluation::evaluate(qz::LayerNormOp op) {
  const Matrix &input = get(op.getInput());
  set(op, reshaped(layerNorm(reshaped(input, input.cols / op.getHeads()),
                             find(op.getWeight()), find(op.getBias()),
                             op.getEpsilon()),
                   input.cols));
}

void Evaluation::evaluate(qz::LinearOp op) {
  set(op, linear(get(op.getInput()), get(op.getWeight()), find(op.getBias()),
                 find(op.getResidual()), op.getActivation()));
}

void Evaluation::evaluate(qz::LinearGroupOp op) {
  for (auto [index, result] : llvm::enumerate(op.getResults())) {
    Value bias = op.getBiases().empty() ? Value() : op.getBiases()[index];
    set(result, linear(get(op.getInput()), get(op.getWeights()[index]),
                       find(bias), nullptr, qz::Activation::None));
  }
}

void Evaluation::evaluate(qz::GatedLinearOp op) {
  set(op, gatedLinear(get(op.getInput()), get(op.getGate()), get(op.getUp()),
                      find(op.getGateBias()), find(op.getUpBias()),
                      find(op.getResidual()), op.getActivation()));
}

void Evaluation::evaluate(qz::RopeOp op) {
  set(op, rope(get(op.getInput()), op.getRope(), op.getHeads()));
}

void Evaluation::evaluate(qz::AttentionOp op) {
  AttentionShape shape;
  shape.heads = op.getHeads();
  shape.kvHeads = op.getKvHeads();
  shape.scale = op.getScale();
  shape.window = op.getWindow();
  shape.softCap = op.getSoftCap();
  shape.alibi = op.getAlibi();
  const Matrix &query = get(op.getQuery());
  const Matrix &key = get(op.getKey());
  const Matrix &value = get(op.getValue());
  if (std::optional<qz::RopeAttr> turn = op.getRope())
    set(op, attention(rope(query, *turn, shape.heads),
                      rope(key, *turn, shape.kvHeads), value, shape));
  else
    set(op, attention(query, key, value, shape));
}

void Evaluation::evaluate(qz::AddOp op) {
  set(op, add(get(op.getLhs()), get(op.getRhs())));
}

void Evaluation::evaluate(qz::MulOp op) {
  set(op, mul(get(op.getLhs()), get(op.getRhs())));
}

void Evaluation::evaluate(qz::ActivateOp op) {
  set(op, activate(op.getActivation(), get(op.getInput())));
}

void Evaluation::evaluate(qz::ScaleOp op) {
  set(op, scale(get(op.getInput()), op.getFactor()));
}

void Evaluation::evaluate(qz::ClampOp op) {
  set(op, clamp(get(op.getInput()), op.getLimit()));
}

void Evaluation::evaluate(qz::SoftCapOp op) {
  set(op, softCap(get(op.getInput()), op.getCap()));
}

//===----------------------------------------------------------------------===//
// Interface
//===----------------------------------------------------------------------===//

static void checkTokens(qz::ModelOp model, const std::vector<int32_t> &tokens) {
  if (tokens.empty())
    throw usageError("there are no tokens to run");
  for (int32_t token : tokens)
    if (token < 0 || token >= model.getVocab())
      throw usageError("token " + std::to_string(token) +
                       " is not in the vocabulary of " +
                       std::to_string(model.getVocab()));
  if (static_cast<int64_t>(tokens.size()) > model.getContext())
    throw Error(std::to_string(tokens.size()) +
                " tokens are more than the context of " +
                std::to_string(model.getContext()));
}

Logits interpret(ModuleOp module, const std::vector<int32_t> &tokens,
                 const std::string &folder, uint64_t seed) {
  auto models = module.getOps<qz::ModelOp>();
  if (models.empty() || std::next(models.begin()) != models.end())
    throw Error("the module must hold exactly one qz.model");
  qz::ModelOp model = *models.begin();
  checkTokens(model, tokens);
  Matrix result = Evaluation(model, tokens, folder, seed).run();
  return {result.rows, result.cols, std::move(result.values)};
}

std::string formatLogits(const Logits &logits) {
  constexpr int64_t kShown = 8;
  std::string text;
  for (int64_t t = 0; t < logits.tokens; ++t) {
    const float *row = logits.values.data() + t * logits.vocab;
    text += "row " + std::to_string(t) + ", argmax " +
            std::to_string(std::max_element(row, row + logits.vocab) - row) +
            ":";
    for (int64_t i = 0; i < std::min(kShown, logits.vocab); ++i) {
      std::array<char, 64> digits;
      // Adding 0 after rounding keeps "-0.0000" out of the text.
      const double rounded = std::round(double{row[i]} * 1e4) / 1e4 + 0.0;
      std::snprintf(digits.data(), digits.size(), " %.4f", rounded);
      text += digits.data();
    }
    text += logits.vocab > kShown ? " …\n" : "\n";
  }
  return text;
}

} // namespace qzc::interpreter
