//===- Lowerer.cpp - Plan to launches: everything but linear layers -------===//

#include "Lowerer.h"

#include "Kernels/Elementwise.h"
#include "Kernels/FlashTile.h"
#include "Kernels/Head.h"

#include "qzc/Dialect/Cuda/Transforms/Passes.h"
#include "qzc/Support/Error.h"
#include "qzc/Target/Cuda/Lowering.h"

#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"

#include <algorithm>
#include <map>

using namespace qzc;
using namespace qzc::cuda;
using format::CudaArg;
using format::Launch;
using format::Opcode;
using format::View;

/// Blocks that look for the largest logit.
static constexpr int kChooseBlocks = 64;
/// A page holds whole tiles of keys.
static constexpr int64_t kPagePositions = 64;
static_assert(kPagePositions % flashTileSize(128).keys == 0 &&
              kPagePositions % flashTileSize(256).keys == 0 &&
              kPagePositions % kPanelKeys == 0);

CudaArg::Kind Lowerer::viewKind() const {
  return isHead() ? CudaArg::Kind::HeadView : CudaArg::Kind::View;
}

int64_t Lowerer::stride(const View &view) const {
  if (view.buffer == format::kHiddenBuffer)
    return M.plan.buffers[static_cast<size_t>(M.plan.hidden.buffer)].columns;
  return buffers()[static_cast<size_t>(view.buffer)].columns;
}

int64_t Lowerer::inputStride(const Launch &launch,
                             const FusedNorm &norm) const {
  if (!norm.launch)
    return stride(launch.inputs[0]);
  const View &from = norm.launch->inputs[0];
  return norm.fromBody
             ? M.plan.buffers[static_cast<size_t>(from.buffer)].columns
             : stride(from);
}

kernels::InRows<Arg> Lowerer::inRows(const View &view, int64_t column) const {
  return {argOf<const float *>(viewKind(), view.buffer, view.column + column),
          intOf(stride(view))};
}

kernels::InRows<Arg> Lowerer::inputRows(const Launch &launch,
                                        const FusedNorm &norm) const {
  if (!norm.launch)
    return inRows(launch.inputs[0]);
  const View &from = norm.launch->inputs[0];
  if (!norm.fromBody)
    return inRows(from);
  return {argOf<const float *>(CudaArg::Kind::View, from.buffer, from.column),
          intOf(inputStride(launch, norm))};
}

kernels::OutRows<Arg> Lowerer::outRows(const View &view, int64_t column) const {
  return {argOf<float *>(viewKind(), view.buffer, view.column + column),
          intOf(stride(view))};
}

/// A tensor's part; unused where it has no such part.
Arg<const void *> Lowerer::tensorArg(int32_t index, size_t part) const {
  if (part >= layout(tensor(index).shape).size())
    return kUnused;
  return argOf<const void *>(CudaArg::Kind::Tensor, index,
                             static_cast<int64_t>(part));
}

kernels::WeightArgs<Arg> Lowerer::weightArgs(int32_t index) const {
  return {tensorArg(index, 0), tensorArg(index, 1)};
}

kernels::NormConfig Lowerer::normConfig(const Launch *norm) const {
  kernels::NormConfig config = {};
  if (!norm)
    return config;
  const auto &weights = norm->weights;
  config.kind = norm->opcode == Opcode::RmsNorm ? kernels::Norm::Rms
                                                : kernels::Norm::Layer;
  config.unitOffset = std::get<format::NormParams>(norm->params).unitOffset;
  config.hasWeight = !weights.empty();
  config.hasBias = weights.size() > 1;
  if (config.hasWeight)
    config.storage = storageOf(tensor(weights[0]).shape);
  if (config.hasBias &&
      tensor(weights[0]).shape.dtype != tensor(weights[1]).shape.dtype)
    throw Error("CUDA lowering: '" + tensor(weights[0]).source.name +
                "' and its bias have different element types; --dtype makes "
                "them one");
  return config;
}

kernels::NormArgs<Arg> Lowerer::normArgs(const Launch *norm) const {
  kernels::NormArgs<Arg> args = {kUnused, kUnused, floatOf(0)};
  if (!norm)
    return args;
  if (!norm->weights.empty())
    args.weight = tensorArg(norm->weights[0], 0);
  if (norm->weights.size() > 1)
    args.bias = tensorArg(norm->weights[1], 0);
  args.epsilon = floatOf(std::get<format::NormParams>(norm->params).epsilon);
  return args;
}

kernels::OutRows<Arg> Lowerer::keptRows(const FusedNorm &norm) const {
  if (norm.keeps)
    return outRows(norm.launch->outputs[0]);
  return {kUnused, intOf(0)};
}

void Lowerer::lowerEmbed(const Launch &launch) {
  const format::PackedShape &table = tensor(launch.weights[0]).shape;
  KernelLaunch<kernels::Embed> embed;
  embed.config = {toInt(table.cols), weightConfigOf(launch.weights[0])};
  embed.args.table = weightArgs(launch.weights[0]);
  embed.args.rows = tokenRows();
  embed.args.out = outRows(launch.outputs[0]);
  embed.grid[0] = {ceilDiv(table.cols, 256), 0};
  embed.grid[1] = perToken();
  Builder.add(*Out, embed);
}

void Lowerer::lowerAddPositions(const Launch &launch) {
  const format::PackedShape &table = tensor(launch.weights[0]).shape;
  KernelLaunch<kernels::AddPositions> add;
  add.config = {toInt(table.cols), weightConfig(table)};
  add.args.in = inRows(launch.inputs[0]);
  add.args.table = weightArgs(launch.weights[0]);
  add.args.offset =
      intOf(std::get<format::AddPositionsParams>(launch.params).offset);
  add.args.rows = tokenRows();
  add.args.out = outRows(launch.outputs[0]);
  add.grid[0] = {ceilDiv(table.cols, 256), 0};
  add.grid[1] = perToken();
  Builder.add(*Out, add);
}

void Lowerer::lowerNorm(const Launch &launch) {
  const int64_t heads = std::get<format::NormParams>(launch.params).heads;
  KernelLaunch<kernels::NormRows> norm;
  norm.config = {toInt(launch.inputs[0].columns / heads), normConfig(&launch)};
  norm.args.in = inRows(launch.inputs[0]);
  norm.args.norm = normArgs(&launch);
  norm.args.out = outRows(launch.outputs[0]);
  norm.grid[0] = perToken();
  norm.grid[1] = {heads, 0};
  Builder.add(*Out, norm);
}

static kernels::ElementwiseOp elementwiseOp(Opcode opcode) {
  using kernels::ElementwiseOp;
  switch (opcode) {
  case Opcode::Activate:
    return ElementwiseOp::Activate;
  case Opcode::Add:
    return ElementwiseOp::Add;
  case Opcode::Mul:
    return ElementwiseOp::Mul;
  case Opcode::Scale:
    return ElementwiseOp::Scale;
  case Opcode::Clamp:
    return ElementwiseOp::Clamp;
  default:
    return ElementwiseOp::SoftCap;
  }
}

void Lowerer::lowerElementwise(const Launch &launch) {
  const View &out = launch.outputs[0];
  KernelLaunch<kernels::Elementwise> step;
  step.config.op = elementwiseOp(launch.opcode);
  if (launch.opcode == Opcode::Activate)
    step.config.activation = activationOf(
        std::get<format::ActivateParams>(launch.params).activation);
  step.args.a = inRows(launch.inputs[0]);
  step.args.b = launch.inputs.size() > 1
                    ? inRows(launch.inputs[1])
                    : kernels::InRows<Arg>{kUnused, intOf(0)};
  step.args.value = floatOf(format::scalarOf(launch.params));
  step.args.out = outRows(out);
  step.args.columns = intOf(out.columns);
  step.grid[0] = {(out.columns + 255) / 256, 0};
  step.grid[1] = perToken();
  Builder.add(*Out, step);
}

void Lowerer::forgetConverted(const Launch &launch) {
  for (const View &written : launch.outputs)
    if (Converted && overlap(written, Converted->from))
      Converted.reset();
}

void Lowerer::lowerList(Phase phase, Launches &out) {
  Current = phase;
  Out = &out;
  Converted.reset();
  LastProduct = nullptr;
  Turn = 0;
  HeadChooses = false;
  const std::vector<Launch> &list = isHead() ? M.plan.head : M.plan.body;
  std::map<size_t, FusedNorm> fused;
  for (size_t i = 0; i < list.size(); ++i) {
    const Launch &launch = list[i];
    switch (launch.opcode) {
    case Opcode::Embed:
      lowerEmbed(launch);
      break;
    case Opcode::AddPositions:
      lowerAddPositions(launch);
      break;
    case Opcode::RmsNorm:
    case Opcode::LayerNorm: {
      const NormReaders readers = normReaders(list, i);
      for (size_t reader : readers.launches)
        fused[reader] = {&launch, false, readers.keep};
      const bool forHead = phase == Phase::DecodeBody && i + 1 == list.size() &&
                           headTakesLastNorm();
      if (readers.launches.empty() && !forHead)
        lowerNorm(launch);
      break;
    }
    case Opcode::Linear: {
      FusedNorm norm;
      if (auto found = fused.find(i); found != fused.end())
        norm = found->second;
      else if (phase == Phase::DecodeHead && headTakesLastNorm() &&
               launch.inputs[0].buffer == format::kHiddenBuffer)
        norm = {&M.plan.body.back(), true, false};
      if (lowerAttendLayer(list, i, norm))
        i += 2;
      else if (lowerFeedLayer(list, i, norm) || lowerGatePanels(list, i, norm))
        i += 1;
      else
        lowerLinear(launch, norm, weightsAhead(list, i));
      break;
    }
    case Opcode::Attention:
      lowerAttention(launch);
      break;
    case Opcode::Activate:
    case Opcode::Add:
    case Opcode::Mul:
    case Opcode::Scale:
    case Opcode::Clamp:
    case Opcode::SoftCap:
      if (phase != Phase::Losses) // else part of the product
        lowerElementwise(launch);
      break;
    }
    forgetConverted(launch);
    forgetConverted(list[i]);
  }
}

Arg<kernels::TokenKey *> Lowerer::choice() {
  return Builder.fixedScratch<kernels::TokenKey>(
      "choice", kMostBatch * sizeof(kernels::TokenKey));
}

void Lowerer::lowerChoose(Launches &out) {
  const View &logits = M.plan.logits;
  if (HeadChooses) {
    KernelLaunch<kernels::TakeChoice> take;
    take.config = {toInt(logits.columns)};
    take.args.choice = choice();
    take.args.rows = tokenRows();
    take.grid[0] = perToken();
    take.blockThreads = 32;
    Builder.add(out, take);
    return;
  }
  KernelLaunch<kernels::ChooseToken> choose;
  choose.config = {toInt(logits.columns), kChooseBlocks};
  choose.args.logits = inRows(logits);
  choose.args.values = Builder.fixedScratch<float>(
      "chooseValues", kMostBatch * kChooseBlocks * 4);
  choose.args.indices = Builder.fixedScratch<int>(
      "chooseIndices", kMostBatch * kChooseBlocks * 4);
  choose.args.rows = tokenRows();
  choose.args.state = state();
  choose.grid[0] = {kChooseBlocks, 0};
  choose.grid[1] = perToken();
  Builder.add(out, choose);
}

void Lowerer::lowerDraw(Launches &out) {
  const View &logits = M.plan.logits;
  KernelLaunch<kernels::DrawToken> draw;
  draw.config = {toInt(logits.columns), kChooseBlocks};
  draw.args.logits = inRows(logits);
  draw.args.draws = argOf<const Draw *>(CudaArg::Kind::Draws);
  draw.args.candidates = Builder.fixedScratch<kernels::TokenKey>(
      "drawCandidates",
      kMostBatch * kChooseBlocks * kMostDrawn * sizeof(kernels::TokenKey));
  draw.args.rows = tokenRows();
  draw.args.state = state();
  draw.grid[0] = {kChooseBlocks, 0};
  draw.grid[1] = perToken();
  Builder.add(out, draw);
}

/// Decode passes of several sequences, where they are not the one of one.
void Lowerer::lowerBatches() {
  int64_t before = 1;
  for (int64_t size : kBatchSizes) {
    Batch = std::min(size, MostBatch);
    // The last one takes as many blocks of its size as there are sequences.
    const int64_t sequences =
        size == std::rbegin(kBatchSizes)[0] ? MostBatch : Batch;
    if (sequences <= before)
      continue;
    Launches &list = Builder.addList(ListKind::Batch, sequences);
    lowerList(Phase::DecodeBody, list);
    lowerList(Phase::DecodeHead, list);
    if (!HasBatchKernels) {
      list.getParentOp()->erase(); // and kernels that it alone launches go
      break;
    }
    lowerChoose(list);
    before = sequences;
  }
  Batch = 1;
}

mlir::OwningOpRef<ProgramOp> Lowerer::run() {
  ProgramOp program = Builder.program();
  program.setTileQueries(kFlashQueries);
  program.setPagePositions(kPagePositions);
  if (!Tiled.empty())
    lowerArrange(Builder.addList(ListKind::Arrange));
  Launches &decode = Builder.addList(ListKind::Decode);
  lowerList(Phase::DecodeBody, decode);
  lowerList(Phase::DecodeHead, decode);
  lowerChoose(decode);
  program.setDecodeBatch(MostBatch);
  lowerBatches();
  lowerList(Phase::PrefillBody, Builder.addList(ListKind::Prefill));
  lowerList(Phase::PrefillHead, Builder.addList(ListKind::Head));
  lowerScore(Builder.addList(ListKind::Score));
  if (scoresWithoutLogits())
    lowerLosses(Builder.addList(ListKind::Losses));
  lowerDraw(Builder.addList(ListKind::Draw));
  return Builder.finish();
}

mlir::OwningOpRef<ProgramOp> Lowerer::lower(mlir::MLIRContext &context,
                                            const format::Manifest &manifest,
                                            const Gpu &gpu) {
  std::set<int32_t> tiled;
  if (gpu.warpgroups)
    tiled = tiledWeights(context, manifest, gpu);
  return Lowerer(context, manifest, gpu, std::move(tiled)).run();
}

mlir::OwningOpRef<ProgramOp>
qzc::cuda::lowerToCuda(mlir::MLIRContext &context,
                       const format::Manifest &manifest, const Gpu &gpu) {
  mlir::OwningOpRef<ProgramOp> program = Lowerer::lower(context, manifest, gpu);
  std::string wrong;
  const mlir::ScopedDiagnosticHandler handler(
      &context, [&](mlir::Diagnostic &diagnostic) {
        wrong = diagnostic.str();
        return mlir::success();
      });
  mlir::PassManager passes(&context, ProgramOp::getOperationName());
  passes.addPass(mlir::createSymbolDCEPass());
  passes.addPass(createCudaPlanMemory());
  passes.addPass(createCudaPlanScratch());
  passes.addPass(createCudaVerifyMemory());
  if (mlir::failed(passes.run(*program)))
    throw Error("CUDA lowering: " + wrong);
  return program;
}
