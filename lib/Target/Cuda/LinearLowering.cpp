//===- LinearLowering.cpp - Linear layers of one token --------------------===//

#include "Lowerer.h"

#include "qzc/Support/Error.h"

#include <algorithm>

using namespace qzc;
using namespace qzc::cuda;
using format::Launch;
using format::View;

/// The staged input must leave room for the static part in the 99 KiB of
/// shared memory that every supported GPU gives a block.
static constexpr int64_t kMostInputs = 24576;
static constexpr int64_t kMostStreamInputs = 16384;

int64_t qzc::cuda::perChunk(const format::PackedShape &shape) {
  const int64_t unit = encodingUnit(shape);
  const auto bytes = static_cast<int64_t>(partBytes(shape, 0, unit));
  return bytes >= unit ? 16 * unit / bytes : 32;
}

/// Whether weights have minima: Weights<…>::kAffine.
static bool hasMinima(const format::PackedShape &shape) {
  switch (shape.scheme) {
  case format::Scheme::Q4_1:
  case format::Scheme::Q5_1:
  case format::Scheme::Q4_K:
  case format::Scheme::Q5_K:
    return true;
  default:
    return shape.scales == format::ScaleCodec::Asym;
  }
}

bool qzc::cuda::hasOperands(const format::PackedShape &shape) {
  return shape.scheme != format::Scheme::None &&
         shape.scheme != format::Scheme::Q6_K;
}

int64_t qzc::cuda::operandTableBytes(const format::PackedShape &shape) {
  const bool book = shape.scheme == format::Scheme::Nf4 ||
                    shape.scheme == format::Scheme::Fp4;
  return book ? 256 * 16 * 8 : 0;
}

std::string qzc::cuda::runsName(const format::RowView &view) {
  if (view.isOneRun())
    return "OneRun";
  return "EvenRuns<" + std::to_string(view.run) + ", " +
         std::to_string(view.stride) + ">";
}

/// How a matvec is spread over warps and blocks.
namespace {
struct MatvecShape {
  int64_t warps = 4;
  int64_t perWarp = 1;
  int64_t passes = 1;
};
} // namespace

static MatvecShape chooseMatvecShape(int64_t rows, bool gated,
                                     int64_t processors) {
  MatvecShape shape;
  // Few rows: as many blocks as there are processors; many: more bytes in
  // flight a warp, then several passes so that staging the input pays.
  if (rows > processors * 32)
    shape.perWarp = gated ? 1 : 2;
  if (rows > processors * 128)
    shape.perWarp = gated ? 2 : 4;
  if (rows / shape.perWarp >= processors * 8)
    shape.warps = 8;
  const int64_t blocks = ceilDiv(rows, shape.warps * shape.perWarp);
  shape.passes = std::clamp<int64_t>(blocks / (processors * 4), 1, 16);
  return shape;
}

/// How a matvec on tensor cores is spread: SplitK, SplitN and Tiles of
/// Kernels/MatvecTensor.cuh.
namespace {
struct TensorShape {
  int64_t splitK = 0; ///< 0: the layer does without tensor cores
  int64_t splitN = 1;
  int64_t tiles = 1;
};
} // namespace

/// Rows of one tile; gated: outputs, each of a gate and an up row.
static int64_t tileRows(bool gated) { return gated ? 8 : 16; }

/// Bytes of dynamic shared memory of a matvecTensor.
static int64_t tensorSharedBytes(const format::PackedShape &shape,
                                 const TensorShape &spread) {
  const int64_t chunks = ceilDiv(shape.cols, 4 * perChunk(shape)) * 4;
  const int64_t padded = chunks * perChunk(shape);
  const int64_t planes = 2 * 2 * (padded + 16);
  const int64_t partial = spread.splitK * spread.splitN * spread.tiles * 16 * 4;
  const int64_t sums = hasMinima(shape) ? chunks * 4 : 0;
  return planes + operandTableBytes(shape) + partial + sums;
}

static TensorShape chooseTensorShape(const format::PackedShape &shape,
                                     int64_t rows, bool gated,
                                     int64_t processors) {
  const int64_t groups = ceilDiv(shape.cols, 4 * perChunk(shape));
  const int64_t tiles = ceilDiv(rows, tileRows(gated));
  TensorShape spread;
  // Few tiles leave processors idle, short rows leave warps idle.
  if (!hasOperands(shape) || 4 * tiles < 3 * processors || groups < 4)
    return spread;
  spread.splitK = groups >= 64 ? 16 : groups >= 8 ? 8 : 4;
  spread.splitN = spread.splitK == 4 ? 2 : 1;
  spread.tiles =
      std::max<int64_t>(1, ceilDiv(tiles, 2 * processors * spread.splitN));
  return tensorSharedBytes(shape, spread) <= kMostSharedBytes ? spread
                                                              : TensorShape();
}

/// Parts in runs of equal bias type; gated ones are one run.
std::vector<Lowerer::PartGroup>
Lowerer::partGroups(const Launch &launch) const {
  const auto &p = std::get<format::LinearParams>(launch.params);
  const auto parts = static_cast<size_t>(p.parts);
  std::vector<PartGroup> groups;
  int64_t column = 0;
  for (size_t i = 0; i < parts; ++i) {
    const bool join =
        i > 0 &&
        (!p.hasBias || tensor(launch.weights[parts + i]).shape.dtype ==
                           tensor(launch.weights[parts + i - 1]).shape.dtype);
    if (join)
      ++groups.back().count;
    else
      groups.push_back({i, 1, column});
    column += rowsOf(launch, i).rows;
  }
  return groups;
}

format::RowView Lowerer::rowsOf(const Launch &launch, size_t part) const {
  return std::get<format::LinearParams>(launch.params)
      .rowsOf(part, tensor(launch.weights[part]).shape.rows);
}

bool Lowerer::isFast(const Launch &launch, const FusedNorm &norm) const {
  const format::PackedShape &shape = tensor(launch.weights[0]).shape;
  const View &from = norm.launch ? norm.launch->inputs[0] : launch.inputs[0];
  return shape.cols % perChunk(shape) == 0 && from.column % 4 == 0 &&
         inputStride(launch, norm) % 4 == 0 &&
         (from.buffer != format::kHiddenBuffer ||
          M.plan.hidden.column % 4 == 0);
}

int64_t Lowerer::outputsOf(const Launch &launch, const PartGroup &group) const {
  int64_t total = 0;
  for (size_t i = 0; i < group.count; ++i)
    total += rowsOf(launch, group.first + i).rows;
  const bool gated = std::get<format::LinearParams>(launch.params).gated;
  return gated ? total / 2 : total;
}

void Lowerer::describeParts(const Launch &launch, const PartGroup &group,
                            std::vector<std::string> &templateArgs) const {
  format::RowView views[3] = {};
  for (size_t i = 0; i < group.count; ++i)
    views[i] = rowsOf(launch, group.first + i);
  const format::PackedShape &shape = tensor(launch.weights[group.first]).shape;
  templateArgs.push_back(std::to_string(shape.cols));
  for (const format::RowView &view : views)
    templateArgs.push_back(std::to_string(view.rows));
  for (const format::RowView &view : views)
    templateArgs.push_back(runsName(view));
  templateArgs.push_back(storageName(shape));
  templateArgs.push_back(std::to_string(shape.blockSize));
}

void Lowerer::addPartArgs(const Launch &launch, const PartGroup &group,
                          std::vector<TypedArg> &args) const {
  const auto &p = std::get<format::LinearParams>(launch.params);
  const auto parts = static_cast<size_t>(p.parts);
  for (size_t i = 0; i < 3; ++i) {
    const bool present = i < group.count;
    const size_t index = group.first + i;
    args.push_back(present ? partArg(launch.weights[index], 0, kBytes)
                           : unusedArg(kBytes));
    args.push_back(present ? partArg(launch.weights[index], 1, kBytes)
                           : unusedArg(kBytes));
    args.push_back(present && p.hasBias
                       ? partArg(launch.weights[parts + index], 0, kBytes)
                       : unusedArg(kBytes));
    args.push_back(intArg(present ? rowsOf(launch, index).first : 0));
  }
}

void Lowerer::addOutputArgs(const Launch &launch, const PartGroup &group,
                            std::vector<TypedArg> &args) const {
  const bool residual = launch.inputs.size() > 1;
  args.push_back(residual ? viewArg(launch.inputs[1], kFloats, group.column)
                          : unusedArg(kFloats));
  args.push_back(intArg(residual ? stride(launch.inputs[1]) : 0));
  args.push_back(viewArg(launch.outputs[0], kFloatsOut, group.column));
  args.push_back(intArg(stride(launch.outputs[0])));
}

void Lowerer::describeEnd(const Launch &launch, const PartGroup &group,
                          std::vector<std::string> &templateArgs) const {
  const auto &p = std::get<format::LinearParams>(launch.params);
  const auto parts = static_cast<size_t>(p.parts);
  templateArgs.emplace_back(flag(p.hasBias));
  templateArgs.push_back(
      p.hasBias ? storageName(tensor(launch.weights[parts + group.first]).shape)
                : "Storage::F32");
  templateArgs.emplace_back(activationName(p.activation));
  templateArgs.emplace_back(flag(launch.inputs.size() > 1));
}

void Lowerer::addMatvec(const Launch &launch, const FusedNorm &norm,
                        const PartGroup &group) {
  const auto &p = std::get<format::LinearParams>(launch.params);
  const format::PackedShape &shape = tensor(launch.weights[group.first]).shape;
  const int64_t inputs = shape.cols;
  const int64_t total = outputsOf(launch, group);
  const MatvecShape spread =
      chooseMatvecShape(total, p.gated, Target.processors);
  const bool fast = isFast(launch, norm);
  const TensorShape tensors =
      fast ? chooseTensorShape(shape, total, p.gated, Target.processors)
           : TensorShape();
  const bool onTensors = tensors.splitK > 0;

  LaunchSpec spec;
  spec.kernel = onTensors ? "matvecTensor" : "matvec";
  describeParts(launch, group, spec.templateArgs);
  if (!onTensors)
    spec.templateArgs.emplace_back(flag(fast));
  spec.templateArgs.emplace_back(flag(p.gated));
  spec.args = {inputArg(launch, norm), intArg(inputStride(launch, norm))};
  describeNorm(norm.launch, spec.templateArgs, spec.args);
  describeEnd(launch, group, spec.templateArgs);
  for (const int64_t arg : {onTensors ? tensors.splitK : spread.warps,
                            onTensors ? tensors.splitN : spread.perWarp,
                            onTensors ? tensors.tiles : spread.passes})
    spec.templateArgs.push_back(std::to_string(arg));
  addPartArgs(launch, group, spec.args);
  addOutputArgs(launch, group, spec.args);
  const int64_t rowsOfBlock =
      onTensors ? tensors.splitN * tensors.tiles * tileRows(p.gated)
                : spread.warps * spread.perWarp * spread.passes;
  const int64_t warps =
      onTensors ? tensors.splitK * tensors.splitN : spread.warps;
  const int64_t staged =
      fast ? ceilDiv(inputs, 32 * perChunk(shape)) * 32 * perChunk(shape)
           : inputs;
  spec.grid[0] = perToken();
  spec.grid[1] = {ceilDiv(total, rowsOfBlock), 0};
  spec.blockThreads = static_cast<uint32_t>(warps * 32);
  spec.sharedBytes = static_cast<uint32_t>(
      onTensors ? tensorSharedBytes(shape, tensors) : staged * 4);
  Builder.add(*Out, spec);
}

void Lowerer::lowerLinear(const Launch &launch, const FusedNorm &norm) {
  const format::Tensor &first = tensor(launch.weights[0]);
  if (first.shape.cols > kMostInputs)
    throw Error("CUDA lowering: '" + first.source.name + "' has rows of " +
                std::to_string(first.shape.cols) + " elements, at most " +
                std::to_string(kMostInputs) + " are supported");
  for (const PartGroup &group : partGroups(launch)) {
    if (isDecode() && isForBatch(launch, norm, group)) {
      if (!addMatvecFew(launch, norm, group))
        addMatvecBatch(launch, norm, group);
    } else if (isDecode()) {
      addMatvec(launch, norm, group);
    } else {
      addGemms(launch, norm, group);
    }
  }
}
