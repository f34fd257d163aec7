//===- LinearLowering.cpp - Linear layers of one token --------------------===//

#include "Lowerer.h"

#include "Kernels/LoneInput.h"
#include "Kernels/Matvec.h"

#include "qzc/Support/Error.h"

#include <algorithm>

using namespace qzc;
using namespace qzc::cuda;
using format::Launch;
using format::View;

static constexpr int64_t kMostStreamInputs = 16384;

int64_t qzc::cuda::perChunk(const format::PackedShape &shape) {
  const int64_t unit = encodingUnit(shape);
  const auto bytes = static_cast<int64_t>(partBytes(shape, 0, unit));
  return bytes >= unit ? 16 * unit / bytes : 32;
}

int64_t qzc::cuda::stagedInputs(const format::PackedShape &shape) {
  const int64_t step = 32 * perChunk(shape);
  return ceilDiv(shape.cols, step) * step;
}

bool qzc::cuda::fitsClusterBlock(const format::PackedShape &layer, int64_t rows,
                                 int64_t warps) {
  constexpr int64_t mostElements = 1 << 15;
  constexpr int64_t mostQuads = 8; // of the input, that a thread stages
  return ceilDiv(stagedInputs(layer), 4 * warps * 32) <= mostQuads &&
         rows * layer.cols <= mostElements;
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

/// Rows of one tile; gated: outputs, each of a gate and an up row.
static int64_t tileRows(bool gated) { return gated ? 8 : 16; }

/// Bytes that tensor cores have of an input staged by so many teams of warps:
/// of ByteDots or of HalfDots.
static int64_t stagedBytes(const format::PackedShape &shape, int64_t teams) {
  const int64_t groups = ceilDiv(shape.cols, 4 * perChunk(shape));
  const LoneInput input = {toInt(groups), toInt(perChunk(shape)), toInt(teams)};
  return kernels::hasByteCodes(storageOf(shape)) ? input.byteBytes()
                                                 : input.halfBytes();
}

int64_t qzc::cuda::stagedTileBytes(const format::PackedShape &shape,
                                   int64_t warps, int64_t tiles,
                                   bool isResidual) {
  return stagedBytes(shape, warps) + 4 * (warps * 16 * tiles) +
         (isResidual ? 4 * shape.cols : 0);
}

/// Bytes of dynamic shared memory of a matvecTensor.
static int64_t tensorSharedBytes(const format::PackedShape &shape,
                                 const TensorShape &spread) {
  const int64_t sums = spread.splitK * spread.splitN * spread.tiles * 16;
  return stagedBytes(shape, spread.splitK) + 4 * sums;
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
  // A multiprocessor has two blocks of eight warps. Where there is only one, it
  // has 32, or 16 where codes become floats.
  const bool isFew = 2 * tiles < 3 * processors;
  const int64_t ofOnly = kernels::hasByteCodes(storageOf(shape)) ? 32 : 16;
  spread.splitK = isFew && groups >= 64 ? ofOnly : groups >= 8 ? 8 : 4;
  spread.splitN = spread.splitK == 4 ? 2 : 1;
  // The tiles of the busiest one, and a quarter of a tile for each block that
  // stages the input.
  const auto blocksOf = [&](int64_t each) {
    return ceilDiv(ceilDiv(tiles, spread.splitN * each), processors);
  };
  const auto costOf = [&](int64_t each) {
    return blocksOf(each) * (4 * spread.splitN * each + 1);
  };
  const int64_t most = ceilDiv(tiles, 2 * processors * spread.splitN);
  for (int64_t each = 2; each <= most; ++each)
    if (costOf(each) <= costOf(spread.tiles))
      spread.tiles = each;
  // Code books take more registers than three blocks leave.
  const int64_t mostBlocks = kernels::hasBook(storageOf(shape)) ? 2 : 3;
  if (spread.splitK < 16)
    spread.minBlocks =
        spread.tiles > 1 ? 2 : std::clamp<int64_t>(blocksOf(1), 2, mostBlocks);
  // Three blocks of eight warps stage the input three times, and run in two
  // rounds or have few registers each. Codes of 4 bits are not bytes enough to
  // hide that: one block of 16 warps takes all three tiles.
  const int64_t unit = encodingUnit(shape);
  const bool isNarrow =
      2 * static_cast<int64_t>(partBytes(shape, 0, unit)) <= unit;
  if (spread.tiles == 1 && blocksOf(1) == 3 && isNarrow && groups >= 16) {
    spread = TensorShape();
    spread.splitK = 16;
    spread.tiles = 3;
  }
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

kernels::EndConfig Lowerer::endConfig(const Launch &launch,
                                      const PartGroup &group) const {
  const auto &p = std::get<format::LinearParams>(launch.params);
  kernels::EndConfig end = {};
  end.hasBias = p.hasBias;
  if (p.hasBias) {
    const size_t bias = static_cast<size_t>(p.parts) + group.first;
    end.bias = storageOf(tensor(launch.weights[bias]).shape);
  }
  end.activation = activationOf(p.activation);
  end.residual = launch.inputs.size() > 1;
  return end;
}

kernels::LinearConfig Lowerer::linearConfig(const Launch &launch,
                                            const PartGroup &group) const {
  const format::PackedShape &shape = tensor(launch.weights[group.first]).shape;
  kernels::LinearConfig layer = {};
  layer.inputs = toInt(shape.cols);
  for (size_t i = 0; i < group.count; ++i) {
    const format::RowView view = rowsOf(launch, group.first + i);
    layer.parts[i] = {toInt(view.rows), runsOf(view)};
  }
  layer.weight = weightConfigOf(launch.weights[group.first]);
  layer.gated = std::get<format::LinearParams>(launch.params).gated;
  layer.end = endConfig(launch, group);
  return layer;
}

kernels::InRows<Arg> Lowerer::residualRows(const Launch &launch,
                                           const PartGroup &group) const {
  if (launch.inputs.size() > 1)
    return inRows(launch.inputs[1], group.column);
  return {kUnused, intOf(0)};
}

kernels::LinearArgs<Arg> Lowerer::linearArgs(const Launch &launch,
                                             const PartGroup &group) const {
  const auto &p = std::get<format::LinearParams>(launch.params);
  kernels::LinearArgs<Arg> args;
  for (size_t i = 0; i < 3; ++i) {
    args.parts[i] = {{kUnused, kUnused}, kUnused, intOf(0)};
    if (i >= group.count)
      continue;
    const size_t index = group.first + i;
    args.parts[i].weight = weightArgs(launch.weights[index]);
    if (p.hasBias)
      args.parts[i].bias =
          tensorArg(launch.weights[static_cast<size_t>(p.parts) + index], 0);
    args.parts[i].begin = intOf(rowsOf(launch, index).first);
  }
  args.residual = residualRows(launch, group);
  args.out = outRows(launch.outputs[0], group.column);
  return args;
}

bool Lowerer::makesLogits(const Launch &launch) const {
  return Current == Phase::DecodeHead && &launch == &M.plan.head.back() &&
         partGroups(launch).size() == 1 &&
         same(launch.outputs[0], M.plan.logits);
}

kernels::MatvecArgs<Arg> Lowerer::matvecArgs(const Launch &launch,
                                             const FusedNorm &norm,
                                             const PartGroup &group) {
  kernels::MatvecArgs<Arg> args;
  args.x = inputRows(launch, norm);
  args.norm = normArgs(norm.launch);
  args.kept = keptRows(norm);
  args.layer = linearArgs(launch, group);
  args.choice =
      makesLogits(launch) ? choice() : Arg<kernels::TokenKey *>(kUnused);
  return args;
}

kernels::AheadArgs<Arg> Lowerer::aheadArgs(const std::vector<int32_t> &weights,
                                           int64_t blocks) const {
  constexpr size_t parts = 2; // of a weight
  kernels::AheadArgs<Arg> args;
  for (size_t i = 0; i < std::size(args.data); ++i) {
    args.data[i] = kUnused;
    args.bytes[i] = intOf(0);
    if (i / parts >= weights.size())
      continue;
    const int32_t weight = weights[i / parts];
    const format::PackedShape &shape = tensor(weight).shape;
    if (i % parts >= layout(shape).size())
      continue;
    const auto bytes = static_cast<int64_t>(
        partBytes(shape, i % parts, shape.rows * shape.cols));
    args.data[i] = tensorArg(weight, i % parts);
    args.bytes[i] = intOf(bytes / blocks / 16 * 16);
  }
  return args;
}

void Lowerer::addMatvecTensor(const Launch &launch, const FusedNorm &norm,
                              const PartGroup &group, const TensorShape &spread,
                              const std::vector<int32_t> &ahead) {
  const format::PackedShape &shape = tensor(launch.weights[group.first]).shape;
  noteTiles(launch, group);
  KernelLaunch<kernels::MatvecTensor> matvec;
  matvec.config.layer = linearConfig(launch, group);
  matvec.config.norm = normConfig(norm.launch);
  matvec.config.splitK = toInt(spread.splitK);
  matvec.config.splitN = toInt(spread.splitN);
  matvec.config.tiles = toInt(spread.tiles);
  matvec.config.keepsNorm = norm.keeps;
  matvec.config.chooses = makesLogits(launch);
  matvec.config.asksAhead = !ahead.empty();
  const int64_t rowsOfBlock =
      spread.splitN * spread.tiles * tileRows(matvec.config.layer.gated);
  const int64_t blocks = ceilDiv(outputsOf(launch, group), rowsOfBlock);
  matvec.args.matvec = matvecArgs(launch, norm, group);
  matvec.args.ahead = aheadArgs(ahead, blocks);
  matvec.grid[0] = perToken();
  matvec.grid[1] = {blocks, 0};
  matvec.blockThreads =
      static_cast<uint32_t>(spread.splitK * spread.splitN * 32);
  matvec.sharedBytes = static_cast<uint32_t>(tensorSharedBytes(shape, spread));
  matvec.minBlocks = static_cast<uint32_t>(spread.minBlocks);
  Builder.add(*Out, matvec);
}

void Lowerer::addMatvec(const Launch &launch, const FusedNorm &norm,
                        const PartGroup &group,
                        const std::vector<int32_t> &ahead) {
  const auto &p = std::get<format::LinearParams>(launch.params);
  const format::PackedShape &shape = tensor(launch.weights[group.first]).shape;
  const int64_t total = outputsOf(launch, group);
  HeadChooses = makesLogits(launch);
  const bool fast = isFast(launch, norm);
  if (fast)
    if (const TensorShape spread =
            chooseTensorShape(shape, total, p.gated, Target.processors);
        spread.splitK > 0)
      return addMatvecTensor(launch, norm, group, spread, ahead);
  const MatvecShape spread =
      chooseMatvecShape(total, p.gated, Target.processors);

  KernelLaunch<kernels::Matvec> matvec;
  matvec.config.layer = linearConfig(launch, group);
  matvec.config.norm = normConfig(norm.launch);
  matvec.config.fast = fast;
  matvec.config.warps = toInt(spread.warps);
  matvec.config.perWarp = toInt(spread.perWarp);
  matvec.config.passes = toInt(spread.passes);
  matvec.config.keepsNorm = norm.keeps;
  matvec.config.chooses = makesLogits(launch);
  matvec.args = matvecArgs(launch, norm, group);
  const int64_t staged = fast ? stagedInputs(shape) : shape.cols;
  matvec.grid[0] = perToken();
  matvec.grid[1] = {
      ceilDiv(total, spread.warps * spread.perWarp * spread.passes), 0};
  matvec.blockThreads = static_cast<uint32_t>(spread.warps * 32);
  matvec.sharedBytes = static_cast<uint32_t>(staged * 4);
  Builder.add(*Out, matvec);
}

void Lowerer::lowerLinear(const Launch &launch, FusedNorm norm,
                          const std::vector<int32_t> &ahead) {
  const format::Tensor &first = tensor(launch.weights[0]);
  if (first.shape.cols > kMostInputs)
    throw Error("CUDA lowering: '" + first.source.name + "' has rows of " +
                std::to_string(first.shape.cols) + " elements, at most " +
                std::to_string(kMostInputs) + " are supported");
  for (const PartGroup &group : partGroups(launch)) {
    if (isDecode() && isForBatch(launch, norm, group)) {
      if (!addMatvecFew(launch, norm, group) &&
          !addMatvecPanels(launch, norm, group))
        addMatvecBatch(launch, norm, group);
    } else if (isDecode()) {
      addMatvec(launch, norm, group, ahead);
    } else {
      addGemms(launch, group, convertInput(launch, norm));
    }
    norm.keeps = false; // one does it
  }
}
