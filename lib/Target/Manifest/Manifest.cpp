//===- Manifest.cpp - From a sched program to manifest data ---------------===//

#include "qzc/Target/Manifest/Manifest.h"

#include "qzc/Dialect/Sched/IR/LaunchParams.h"
#include "qzc/Dialect/Sched/IR/SchedDialect.h"

#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/MapVector.h"

using namespace mlir;

namespace qzc {

namespace {

FailureOr<sched::ProgramOp> findProgram(ModuleOp module) {
  SmallVector<sched::ProgramOp> programs(module.getOps<sched::ProgramOp>());
  if (programs.size() != 1) {
    module.emitError("expected one sched.program, found ") << programs.size();
    return failure();
  }
  return programs.front();
}

/// Fills the structs from one program.
class Translation {
public:
  explicit Translation(sched::ProgramOp program) : Program(program) {}

  FailureOr<format::Manifest> run() {
    fillModel();
    for (auto tensor : Program.getContent().front().getOps<sched::TensorOp>())
      addTensor(tensor);

    sched::BodyOp body = Program.getBodyOp();
    sched::HeadOp head = Program.getHeadOp();
    format::Plan &plan = Result.plan;
    if (failed(fill(body, body.block(), body.getBytes(), plan.buffers,
                    plan.bytesPerToken, plan.body)))
      return failure();
    plan.hidden = viewOf(body.result());
    Buffers[head.hidden()] = format::kHiddenBuffer;
    if (failed(fill(head, head.block(), head.getBytes(), plan.headBuffers,
                    plan.headBytesPerToken, plan.head)))
      return failure();
    plan.logits = viewOf(head.result());
    if (plan.logits.buffer == format::kHiddenBuffer) {
      head.emitOpError("yields the hidden states as they are");
      return failure();
    }
    for (auto &entry : Ropes)
      plan.ropes.push_back(entry.first.toPlan());
    return std::move(Result);
  }

private:
  void fillModel() {
    format::ModelInfo &model = Result.model;
    model.name = Program.getSymName().str();
    model.family = Program.getFamily().str();
    model.vocab = Program.getVocab();
    model.hidden = Program.getHidden();
    model.layers = Program.getLayers();
    model.context = Program.getContext();
    model.bos = Program.getBos();
    model.eos.assign(Program.getEos().begin(), Program.getEos().end());
    model.addBos = Program.getAddBos();
    model.chatTemplate = Program.getChatTemplate().value_or("").str();
    if (DictionaryAttr tokens = Program.getSpecialTokensAttr())
      for (NamedAttribute token : tokens)
        model.specialTokens[token.getName().str()] =
            cast<StringAttr>(token.getValue()).getValue().str();
  }

  void addTensor(sched::TensorOp op) {
    format::Tensor tensor;
    tensor.shape = *qz::packedShapeOf(op.getType());
    tensor.role = op.getRole().str();
    tensor.block = op.getBlock().value_or(-1);
    tensor.source = op.getTensorSource();
    if (auto method = op.getMethod())
      tensor.method =
          format::parseMethod(*method).value_or(format::Method::Rtn);
    if (qz::ScalingAttr scaling = op.getScalingAttr())
      tensor.scaling = scaling.toFormat();
    Tensors[op.getResult()] = static_cast<int32_t>(Result.tensors.size());
    Result.tensors.push_back(std::move(tensor));
  }

  LogicalResult fill(Operation *owner, Block &block,
                     std::optional<int64_t> bytes,
                     std::vector<format::Buffer> &buffers,
                     uint64_t &bytesPerToken,
                     std::vector<format::Launch> &launches) {
    if (!bytes)
      return owner->emitOpError("has no planned memory: run sched-plan-memory");
    bytesPerToken = static_cast<uint64_t>(*bytes);
    for (Operation &op : block) {
      if (auto buffer = dyn_cast<sched::BufferOp>(op)) {
        Buffers[buffer.getResult()] = static_cast<int32_t>(buffers.size());
        buffers.push_back({buffer.getType().stride(),
                           static_cast<uint64_t>(*buffer.getOffset())});
      } else if (auto launch = dyn_cast<sched::LaunchOp>(op)) {
        FailureOr<format::Launch> translated = toFormat(launch);
        if (failed(translated))
          return failure();
        launches.push_back(std::move(*translated));
      }
    }
    return success();
  }

  format::View viewOf(Value value) {
    sched::Columns columns = sched::resolveColumns(value);
    return {Buffers.lookup(columns.base), columns.column, columns.columns};
  }

  FailureOr<format::Launch> toFormat(sched::LaunchOp op) {
    format::Launch launch;
    launch.opcode = op.getOpcode().getValue();
    for (Value input : op.getInputs())
      launch.inputs.push_back(viewOf(input));
    for (Value output : op.getOutputs())
      launch.outputs.push_back(viewOf(output));
    for (Value weight : op.getWeights())
      launch.weights.push_back(Tensors.lookup(weight));
    FailureOr<sched::LaunchParameters> params = sched::readParams(
        launch.opcode, op.getParams(), [&] { return op.emitOpError(); });
    if (failed(params))
      return failure();
    launch.params = params->values;
    if (params->rope) {
      auto index = static_cast<int64_t>(Ropes.size());
      auto [entry, isNew] = Ropes.try_emplace(params->rope, index);
      std::get<format::AttentionParams>(launch.params).rope = entry->second;
    }
    return launch;
  }

  sched::ProgramOp Program;
  format::Manifest Result;
  DenseMap<Value, int32_t> Tensors;
  DenseMap<Value, int32_t> Buffers;
  llvm::MapVector<qz::RopeAttr, int64_t> Ropes;
};

} // namespace

FailureOr<format::Manifest> translateToManifest(ModuleOp module) {
  FailureOr<sched::ProgramOp> program = findProgram(module);
  if (failed(program))
    return failure();
  return Translation(*program).run();
}

FailureOr<ProgramSources> collectSources(ModuleOp module) {
  FailureOr<sched::ProgramOp> program = findProgram(module);
  if (failed(program))
    return failure();
  ProgramSources sources;
  llvm::StringMap<size_t> indices;
  Block &content = program->getContent().front();
  for (auto file : content.getOps<sched::FileOp>()) {
    indices[file.getSymName()] = sources.files.size();
    sources.files.push_back({file.getPath().str(),
                             static_cast<uint64_t>(file.getSize()),
                             file.getSha256().str()});
  }
  for (auto tensor : content.getOps<sched::TensorOp>()) {
    std::optional<format::WeightRef> ref;
    if (std::optional<StringRef> file = tensor.getFile())
      ref.emplace(indices.lookup(*file),
                  static_cast<uint64_t>(*tensor.getOffset()));
    if (qz::PackingAttr packing = tensor.getPackingAttr())
      ref.emplace(packing.toSource(
          *qz::packedShapeOf(tensor.getSource()),
          [&](StringRef symbol) { return indices.lookup(symbol); }));
    sources.refs.push_back(std::move(ref));
  }
  if (std::optional<StringRef> file = program->getTokenizer())
    sources.tokenizer = indices.lookup(*file);
  return sources;
}

} // namespace qzc
