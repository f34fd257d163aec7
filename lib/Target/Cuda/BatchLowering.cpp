//===- BatchLowering.cpp - Linear layers of several tokens ----------------===//
//
// Two launches a layer, of which layers of one input share the first: tokens as
// columns of tensor cores, and products with weights that are decoded once
// (Kernels/Columns.cuh, Kernels/MatvecBatch.cuh).
//
//===----------------------------------------------------------------------===//

#include "Lowerer.h"

#include "qzc/Runtime/Cuda/DeviceState.h"
#include "qzc/Target/Cuda/BatchTile.h"

#include <algorithm>

using namespace qzc;
using namespace qzc::cuda;
using format::Launch;
using format::View;

/// Tiles of tokens of a block, at most.
static constexpr int64_t kMostTokenTiles = 4;
/// Blocks that share the columns of a row, at most: each writes its sums.
static constexpr int64_t kMostSplits = 8;

/// Bytes of columns that the blocks of a layer read together, where it is to be
/// had; at 2.5 TB/s from L2 as long as a launch takes.
static constexpr int64_t kMostColumnBytes = int64_t{17} << 20;

static int64_t blocksOfTokens(int64_t tokens, const BatchTile &tile) {
  return ceilDiv(tokens, tile.tokens());
}

/// How a layer of `rows` outputs is spread.
static BatchTile chooseBatchTile(const format::PackedShape &shape, int64_t rows,
                                 bool gated, int64_t batch,
                                 int64_t processors) {
  const int64_t tiles = ceilDiv(rows, gated ? kTileRows / 2 : kTileRows);
  BatchTile tile = {};
  tile.groups = static_cast<int>(ceilDiv(shape.cols, 4 * perChunk(shape)));
  tile.steps = static_cast<int>(perChunk(shape) / 4);
  tile.tokenTiles =
      static_cast<int>(std::min(kMostTokenTiles, ceilDiv(batch, kTileTokens)));
  // Blocks of many rows read the columns seldom, those of few need not share
  // rows with others: their sums are done where they are.
  tile.warpsN = tiles >= processors * 6 ? 8 : tiles >= processors / 2 ? 4 : 2;
  if (tile.tokenTiles == 1) {
    const int64_t columnBytes = int64_t{tile.groups} * tile.groupBytes();
    const auto isGood = [&](int64_t warpsN) {
      return 2 * ceilDiv(tiles, warpsN) >= 3 * processors;
    };
    const auto readsMuch = [&](int64_t warpsN) {
      return ceilDiv(tiles, warpsN) * columnBytes > kMostColumnBytes;
    };
    tile.warpsN = 8;
    while (tile.warpsN > 1 && !isGood(tile.warpsN))
      tile.warpsN /= 2;
    while (tile.warpsN < 8 && readsMuch(tile.warpsN))
      tile.warpsN *= 2;
  }
  for (;; tile.warpsN *= 2) {
    tile.warpsK = 8 / tile.warpsN;
    const int64_t blocks = ceilDiv(tiles, tile.warpsN);
    const int64_t most =
        std::min<int64_t>(kMostSplits, ceilDiv(tile.groups, tile.warpsK));
    // Nearly as many as there are processors are enough.
    const int64_t splits =
        8 * blocks >= 7 * processors && tile.warpsN < 8
            ? 1
            : std::clamp<int64_t>(2 * processors / blocks, 1, most);
    // As few blocks as share the groups evenly.
    tile.splitK =
        static_cast<int>(ceilDiv(tile.groups, ceilDiv(tile.groups, splits)));
    if (tile.warpsN == 8 ||
        tile.ringBytes() + operandTableBytes(shape) <= kMostSharedBytes)
      return tile;
  }
}

bool Lowerer::isForBatch(const Launch &launch, const FusedNorm &norm,
                         const PartGroup &group) const {
  const format::PackedShape &shape = tensor(launch.weights[group.first]).shape;
  const bool isHalf =
      shape.scheme == format::Scheme::None && shape.dtype != format::DType::F32;
  return Batch > 1 && isFast(launch, norm) && (isHalf || hasOperands(shape));
}

/// The columns of a layer's input, made unless they are there already.
TypedArg Lowerer::stageColumns(const Launch &launch, const FusedNorm &norm,
                               const format::PackedShape &shape,
                               TypedArg &scales) {
  const int64_t padded =
      ceilDiv(shape.cols, 4 * perChunk(shape)) * 4 * perChunk(shape);
  scales = Builder.fixedScratch("columnScales", kMostBatch * 4, kFloatsOut);
  TypedArg columns = Builder.fixedScratch(
      "columns", static_cast<uint64_t>(kMostBatch * padded * 4), "void *");
  LaunchSpec spec;
  spec.kernel = "stageColumns";
  spec.blockThreads = shape.cols > 2048 ? 512 : 256;
  spec.templateArgs = {std::to_string(shape.cols), storageName(shape),
                       std::to_string(shape.blockSize),
                       std::to_string(spec.blockThreads)};
  spec.args = {inputArg(launch, norm), intArg(inputStride(launch, norm))};
  describeNorm(norm.launch, spec.templateArgs, spec.args);
  spec.args.push_back(columns);
  spec.args.push_back(scales);
  spec.grid[0] = perToken();
  convertOnce(launch, norm, spec);
  scales.type = kFloats;
  columns.type = kBytes;
  return columns;
}

void Lowerer::addMatvecBatch(const Launch &launch, const FusedNorm &norm,
                             const PartGroup &group) {
  const auto &p = std::get<format::LinearParams>(launch.params);
  const format::PackedShape &shape = tensor(launch.weights[group.first]).shape;
  const int64_t total = outputsOf(launch, group);
  const BatchTile tile =
      chooseBatchTile(shape, total, p.gated, Batch, Target.processors);
  const int64_t blocks =
      ceilDiv(total, tile.warpsN * (p.gated ? kTileRows / 2 : kTileRows));

  LaunchSpec spec;
  spec.kernel = "matvecBatch";
  describeParts(launch, group, spec.templateArgs);
  for (const std::string &arg :
       {std::string(flag(p.gated)), std::string(flag(p.hasBias)),
        biasStorage(launch, group), std::string(activationName(p.activation)),
        std::string(flag(launch.inputs.size() > 1)),
        std::to_string(tile.tokenTiles), std::to_string(tile.warpsN),
        std::to_string(tile.warpsK), std::to_string(tile.splitK)})
    spec.templateArgs.push_back(arg);
  TypedArg scales;
  const TypedArg columns = stageColumns(launch, norm, shape, scales);
  spec.args = {columns, scales};
  addPartArgs(launch, group, spec.args);
  addOutputArgs(launch, group, spec.args);
  const int64_t sums = blocks * tile.splitK * tile.rows() *
                       blocksOfTokens(kMostBatch, tile) * tile.tokens();
  spec.args.push_back(
      tile.splitK > 1
          ? Builder.fixedScratch("partialSums", static_cast<uint64_t>(sums * 4),
                                 kFloatsOut)
          : unusedArg(kFloatsOut));
  spec.args.push_back(stateArg());
  spec.grid[0] = perToken(tile.tokens());
  spec.grid[1] = {blocks, 0};
  spec.grid[2] = {tile.splitK, 0};
  spec.blockThreads = static_cast<uint32_t>(tile.threads());
  spec.minBlocks = 2;
  spec.sharedBytes =
      static_cast<uint32_t>(tile.ringBytes() + operandTableBytes(shape));
  Builder.add(*Out, spec);
  HasBatchKernels = true;
}
