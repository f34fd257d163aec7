//===- SchedLaunch.cpp - sched.launch: verifier, effects, assembly --------===//
//
// The numbers in parentheses are those of the constraints in SchedOps.td.
//
//===----------------------------------------------------------------------===//

#include "qzc/Dialect/Sched/IR/LaunchParams.h"
#include "qzc/Dialect/Sched/IR/SchedDialect.h"

#include "mlir/IR/OpImplementation.h"

using namespace mlir;
using namespace qzc::sched;
namespace format = qzc::format;
namespace qz = qzc::qz;
using qzc::format::Opcode;

//===----------------------------------------------------------------------===//
// Assembly: the opcode as a bare keyword
//===----------------------------------------------------------------------===//

static ParseResult parseOpcode(OpAsmParser &parser, OpcodeAttr &opcode) {
  StringRef keyword;
  SMLoc where = parser.getCurrentLocation();
  if (parser.parseKeyword(&keyword))
    return failure();
  std::optional<Opcode> value =
      format::parseOpcode({keyword.data(), keyword.size()});
  if (!value)
    return parser.emitError(where) << "unknown opcode '" << keyword << "'";
  opcode = OpcodeAttr::get(parser.getContext(), *value);
  return success();
}

static void printOpcode(OpAsmPrinter &printer, Operation *, OpcodeAttr opcode) {
  printer << format::name(opcode.getValue());
}

#define GET_OP_CLASSES
#include "qzc/Dialect/Sched/IR/SchedOps.cpp.inc"

//===----------------------------------------------------------------------===//
// Effects
//===----------------------------------------------------------------------===//

void LaunchOp::getEffects(
    SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>>
        &effects) {
  for (OpOperand &input : getInputsMutable())
    effects.emplace_back(MemoryEffects::Read::get(), &input);
  for (OpOperand &output : getOutputsMutable())
    effects.emplace_back(MemoryEffects::Write::get(), &output);
  if (getOpcode().getValue() == Opcode::Attention) {
    effects.emplace_back(MemoryEffects::Read::get(), KvCacheResource::get());
    effects.emplace_back(MemoryEffects::Write::get(), KvCacheResource::get());
  }
}

//===----------------------------------------------------------------------===//
// Verifier
//===----------------------------------------------------------------------===//

namespace {

/// C3: the extents of one launch, one opcode family at a time.
class ExtentVerifier {
public:
  explicit ExtentVerifier(LaunchOp launch) : Launch(launch) {
    for (Value input : launch.getInputs())
      Ins.push_back(resolveColumns(input).columns);
    Out = resolveColumns(launch.getOutputs().front()).columns;
    for (Value weight : launch.getWeights())
      Weights.push_back(*qz::packedShapeOf(weight.getType()));
  }

  /// What has no weights.
  template <typename Params> LogicalResult operator()(const Params &) {
    return elementwise();
  }
  LogicalResult operator()(const format::EmbedParams &) {
    return expect("the output", Out, Weights[0].cols);
  }
  LogicalResult operator()(const format::AddPositionsParams &params) {
    if (failed(elementwise()) ||
        failed(expect("the table", Weights[0].cols, Out)))
      return failure();
    if (params.offset >= Weights[0].rows)
      return Launch.emitOpError("has an offset of ")
             << params.offset << " in a table of " << Weights[0].rows
             << " rows (C3)";
    return success();
  }
  LogicalResult operator()(const format::NormParams &params) {
    if (failed(elementwise()))
      return failure();
    if (Out % params.heads != 0)
      return Launch.emitOpError("cannot share ")
             << Out << " columns among " << params.heads << " heads (C3)";
    for (const format::PackedShape &weight : Weights)
      if (failed(expectVector(weight, Out / params.heads)))
        return failure();
    if (params.unitOffset && Weights.empty())
      return Launch.emitOpError("has a unit_offset but no weight (C2)");
    return success();
  }
  LogicalResult operator()(const format::LinearParams &params);
  LogicalResult operator()(const format::AttentionParams &params);

private:
  LogicalResult expect(StringRef what, int64_t has, int64_t needs) {
    if (has == needs)
      return success();
    return Launch.emitOpError() << what << " has " << has << " columns where "
                                << needs << " are needed (C3)";
  }
  LogicalResult expectVector(const format::PackedShape &weight, int64_t needs) {
    if (weight.rows == 1 && weight.cols == needs &&
        weight.scheme == format::Scheme::None)
      return success();
    return Launch.emitOpError("needs an unquantized vector of ")
           << needs << " where a weight has " << weight.rows << "x"
           << weight.cols << " (C3)";
  }
  LogicalResult elementwise() {
    for (int64_t columns : Ins)
      if (failed(expect("an input", columns, Out)))
        return failure();
    return success();
  }

  LaunchOp Launch;
  SmallVector<int64_t> Ins;
  int64_t Out = 0;
  SmallVector<format::PackedShape> Weights;
};

LogicalResult ExtentVerifier::operator()(const format::LinearParams &params) {
  auto parts = static_cast<size_t>(params.parts);
  if (params.parts > 3 || Weights.size() != parts * (params.hasBias ? 2 : 1))
    return Launch.emitOpError("has ")
           << Weights.size() << " weights where " << parts
           << (params.hasBias ? " parts with biases" : " parts")
           << " are asked for (C2)";
  if (params.gated && parts != 2)
    return Launch.emitOpError("is gated and has ")
           << parts << " parts instead of 2 (C2)";
  if (!params.rows.empty() && params.rows.size() != parts)
    return Launch.emitOpError("has rows for ")
           << params.rows.size() << " parts instead of " << parts << " (C2)";
  int64_t rows = 0;
  for (size_t i = 0; i < parts; ++i) {
    if (failed(expect("a matrix", Weights[i].cols, Ins[0])))
      return failure();
    format::RowView view = params.rowsOf(i, Weights[i].rows);
    if (auto wrong = format::checkRowView(view, Weights[i].rows))
      return Launch.emitOpError("has rows of part ")
             << i << " that do not fit: it "
             << StringRef(wrong->data(), wrong->size()) << " (C3)";
    if (params.hasBias && failed(expectVector(Weights[parts + i], view.rows)))
      return failure();
    rows = params.gated ? view.rows : rows + view.rows;
    if (params.gated && failed(expect("the output", Out, rows)))
      return failure();
  }
  if (failed(expect("the output", Out, rows)))
    return failure();
  return Ins.size() == 2 ? expect("the residual", Ins[1], Out) : success();
}

LogicalResult
ExtentVerifier::operator()(const format::AttentionParams &params) {
  // Extents are at most kMaxColumns, so larger factors cannot be right, and
  // the products below cannot overflow.
  int64_t limit = BufferType::kMaxColumns;
  if (params.heads > limit || params.kvHeads > limit || params.headDim > limit)
    return Launch.emitOpError("has heads that no buffer can hold (C2)");
  if (params.heads % params.kvHeads != 0)
    return Launch.emitOpError("cannot share ")
           << params.kvHeads << " kv_heads among " << params.heads
           << " heads (C2)";
  int64_t query = params.heads * params.headDim;
  int64_t key = params.kvHeads * params.headDim;
  if (failed(expect("q", Ins[0], query)) || failed(expect("k", Ins[1], key)) ||
      failed(expect("v", Ins[2], key)) ||
      failed(expect("the output", Out, query)))
    return failure();
  return success();
}

} // namespace

LogicalResult LaunchOp::verify() {
  Opcode opcode = getOpcode().getValue();
  format::OpcodeArity counts = format::arity(opcode);
  // The residual of a linear is the one optional input.
  size_t minInputs = opcode == Opcode::Linear ? 1 : counts.inputs;
  auto check = [&](StringRef what, size_t has, size_t least, size_t most) {
    if (has >= least && has <= most)
      return success();
    InFlightDiagnostic diagnostic = emitOpError(format::name(opcode))
                                    << " has " << has << " " << what
                                    << " where " << least;
    if (most != least)
      diagnostic << " to " << most;
    return LogicalResult(diagnostic << " are needed (C1)");
  };
  if (failed(check("inputs", getInputs().size(), minInputs, counts.inputs)) ||
      failed(check("outputs", getOutputs().size(), counts.outputs,
                   counts.outputs)) ||
      failed(check("weights", getWeights().size(), counts.minWeights,
                   counts.maxWeights)))
    return failure();
  for (Value weight : getWeights())
    if (!weight.getDefiningOp<TensorOp>())
      return emitOpError("has a weight that is no sched.tensor (C1)");

  FailureOr<LaunchParameters> params =
      readParams(opcode, getParams(), [&] { return emitOpError(); });
  if (failed(params))
    return failure();
  if (params->rope) {
    const auto &attention = std::get<format::AttentionParams>(params->values);
    if (params->rope.getDim() > attention.headDim)
      return emitOpError("rotates ")
             << params->rope.getDim() << " elements of heads of "
             << attention.headDim << " (C2)";
  }
  if (failed(std::visit(ExtentVerifier(*this), params->values)))
    return failure();

  Columns output = resolveColumns(getOutputs().front());
  for (Value input : getInputs())
    if (resolveColumns(input).overlaps(output))
      return emitOpError("reads columns that it writes (C4)");
  return success();
}
