//===- BatchLowering.cpp - Linear layers of several tokens ----------------===//
//
// Two launches a layer, of which layers of one input share the first: tokens as
// columns of tensor cores, and products with weights that are decoded once
// (Kernels/Columns.cuh, Kernels/MatvecBatch.cuh).
//
//===----------------------------------------------------------------------===//

#include "Lowerer.h"

#include "Kernels/BatchTile.h"
#include "Kernels/Matvec.h"

#include <algorithm>

using namespace qzc;
using namespace qzc::cuda;
using format::Launch;
using format::View;

/// Tiles of tokens of a block, at most.
static constexpr int64_t kMostTokenTiles = 4;
/// Blocks that share the columns of a row, at most: each writes its sums, and
/// the last one adds them up, all loaded at once.
static constexpr int kMostSplits = 8;
/// Stages of the ring of columns, where there is room.
static constexpr int kMostStages = 4;

/// About the cycles that a layer takes in blocks that each have a processor: to
/// begin and to end, of a product of 16 columns by all warps, of a group of
/// theirs, of a byte of columns or of sums through L2, and of blocks that wait
/// for others' sums.
static int64_t costOf(const BatchTile &tile) {
  constexpr int64_t perBlock = 2500;
  constexpr int64_t perStep = 80;
  constexpr int64_t perUnit = 300;
  constexpr int64_t bytesPerCycle = 24;
  constexpr int64_t perSplit = 3500;
  const int64_t products =
      tile.units() * (perStep * tile.steps * tile.tokenTiles + perUnit);
  const int64_t columns =
      int64_t{tile.groupsOfBlock()} * tile.groupBytes() / bytesPerCycle;
  const int64_t sums =
      int64_t{tile.splitK} * tile.rows() * tile.tokens() * 4 / bytesPerCycle;
  return perBlock + std::max(products, columns) +
         (tile.splitK > 1 ? perSplit + sums : 0);
}

/// How a layer of `rows` outputs is spread.
static BatchTile chooseBatchTile(const format::PackedShape &shape, int64_t rows,
                                 bool gated, int64_t batch, const Gpu &gpu) {
  const int64_t tiles = ceilDiv(rows, gated ? kTileRows / 2 : kTileRows);
  const int64_t mostBytes = mostSharedBytes(gpu) - operandTableBytes(shape);
  BatchTile best = {};
  int64_t least = 0;
  BatchTile tile = {};
  tile.groups = static_cast<int>(ceilDiv(shape.cols, 4 * perChunk(shape)));
  tile.steps = static_cast<int>(perChunk(shape) / 4);
  tile.tokenTiles =
      static_cast<int>(std::min(kMostTokenTiles, ceilDiv(batch, kTileTokens)));
  for (tile.warpsN = kBatchWarps; tile.warpsN > 0; tile.warpsN /= 2) {
    const int64_t blocks = ceilDiv(tiles, tile.warpsN * kWarpRowTiles);
    for (int splits = 1; splits <= kMostSplits; ++splits) {
      if (splits > 1 && blocks * splits > gpu.processors)
        break;
      // As few blocks as share the groups evenly.
      tile.splitK = BatchTile::ceilDiv(tile.groups,
                                       BatchTile::ceilDiv(tile.groups, splits));
      tile.stages = kMostStages;
      while (tile.stages > 2 && tile.ringBytes() > mostBytes)
        --tile.stages;
      const int64_t cost =
          ceilDiv(blocks * tile.splitK, gpu.processors) * costOf(tile);
      if (tile.ringBytes() <= mostBytes && (least == 0 || cost <= least)) {
        best = tile;
        least = cost;
      }
    }
  }
  return best;
}

bool Lowerer::isForBatch(const Launch &launch, const FusedNorm &norm,
                         const PartGroup &group) const {
  const format::PackedShape &shape = tensor(launch.weights[group.first]).shape;
  const bool isHalf =
      shape.scheme == format::Scheme::None && shape.dtype != format::DType::F32;
  return Batch > 1 && isFast(launch, norm) && (isHalf || hasOperands(shape));
}

/// The columns of a layer's input, made unless they are there already.
Lowerer::Columns Lowerer::stageColumns(const Launch &launch,
                                       const FusedNorm &norm,
                                       const format::PackedShape &shape) {
  const int64_t padded =
      ceilDiv(shape.cols, 4 * perChunk(shape)) * 4 * perChunk(shape);
  KernelLaunch<kernels::StageColumns> stage;
  stage.blockThreads = shape.cols > 2048 ? 512 : 256;
  stage.config.inputs = toInt(shape.cols);
  stage.config.weight = weightConfig(shape);
  stage.config.threads = toInt(stage.blockThreads);
  stage.config.norm = normConfig(norm.launch);
  stage.config.keepsNorm = norm.keeps;
  stage.args.x = inputRows(launch, norm);
  stage.args.norm = normArgs(norm.launch);
  stage.args.kept = keptRows(norm);
  stage.args.scales =
      Builder.fixedScratch<float>("columnScales", kMostBatch * 4);
  stage.args.columns = Builder.fixedScratch<void>(
      "columns", static_cast<uint64_t>(kMostBatch * padded * 4));
  stage.grid[0] = perToken();
  convertOnce(launch, norm, stage);
  return {stage.args.columns, stage.args.scales};
}

Arg<float *> Lowerer::partialSums(int64_t sums) {
  if (sums == 0)
    return kUnused;
  return Builder.fixedScratch<float>("partialSums",
                                     static_cast<uint64_t>(sums * 4));
}

void Lowerer::addMatvecBatch(const Launch &launch, const FusedNorm &norm,
                             const PartGroup &group) {
  const auto &p = std::get<format::LinearParams>(launch.params);
  const format::PackedShape &shape = tensor(launch.weights[group.first]).shape;
  const int64_t total = outputsOf(launch, group);
  const BatchTile tile = chooseBatchTile(shape, total, p.gated, Batch, Target);
  const int64_t blocks = ceilDiv(total, tile.rows() / (p.gated ? 2 : 1));

  const Columns columns = stageColumns(launch, norm, shape);
  KernelLaunch<kernels::MatvecBatch> matvec;
  matvec.config = {linearConfig(launch, group), tile.tokenTiles, tile.warpsN,
                   tile.splitK, tile.stages};
  matvec.args.columns = columns.columns;
  matvec.args.scales = columns.scales;
  matvec.args.layer = linearArgs(launch, group);
  const int64_t sums = blocks * tile.splitK * tile.rows() *
                       ceilDiv(kMostBatch, tile.tokens()) * tile.tokens();
  matvec.args.partial = partialSums(tile.splitK > 1 ? sums : 0);
  matvec.args.state = state();
  matvec.grid[0] = perToken(tile.tokens());
  matvec.grid[1] = {blocks, 0};
  matvec.grid[2] = {tile.splitK, 0};
  matvec.blockThreads = kBatchWarps * 32;
  matvec.sharedBytes =
      static_cast<uint32_t>(tile.ringBytes() + operandTableBytes(shape));
  Builder.add(*Out, matvec);
  HasBatchKernels = true;
}
