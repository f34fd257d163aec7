//===- PanelLowering.cpp - Linear layers of up to 32 tokens: sm_90a -------===//
//
// One launch a layer, whose clusters make the columns that they need as panels
// of warpgroups (Kernels/MatvecCluster.cuh, Kernels/PanelColumns.cuh), or whose
// pairs keep them and go through many rows (Kernels/MatvecPair.cuh), or whose
// blocks have few inputs each (Kernels/MatvecSplit.cuh).
//
//===----------------------------------------------------------------------===//

#include "Lowerer.h"

#include "Kernels/ClusterTile.h"
#include "Kernels/FewTile.h"
#include "Kernels/Matvec.h"
#include "Kernels/PairTile.h"
#include "Kernels/SplitTile.h"

#include <optional>

using namespace qzc;
using namespace qzc::cuda;
using format::Launch;

/// Warps of a warpgroup.
static constexpr int kGroupWarps = 4;

/// Whether warpgroups take a layer's codes: as f16, without sums of inputs, and
/// where registers suffice.
static bool hasPanels(const format::PackedShape &shape) {
  switch (shape.scheme) {
  case format::Scheme::Int8:
  case format::Scheme::Q4_0:
    return true;
  case format::Scheme::Nf4:
  case format::Scheme::Fp4:
    return keepsCodes(shape);
  default:
    return false;
  }
}

/// About the cycles that a layer takes in blocks that all run at once: of an
/// input of the blocks of a processor, and of a group of its 16 warps.
static int64_t costOf(const ClusterTile &tile) {
  constexpr int64_t perElement = 7;
  constexpr int64_t perUnit = 2700;
  return perElement * tile.elementsOfBlock() * (kFewWarps / tile.warps) +
         perUnit * tile.units();
}

/// How a layer of `rows` outputs is spread over clusters that all run at once;
/// none where it has too many rows. Pairs leave no processor over.
static std::optional<ClusterTile> choosePanels(const format::PackedShape &shape,
                                               int64_t rows, bool gated,
                                               const Gpu &gpu) {
  const int64_t tiles = ceilDiv(rows, gated ? kTileRows / 2 : kTileRows);
  std::optional<ClusterTile> best;
  ClusterTile tile = {};
  tile.groups = static_cast<int>(ceilDiv(shape.cols, 4 * perChunk(shape)));
  tile.steps = static_cast<int>(perChunk(shape) / 4);
  tile.tokenTiles = kPanelTiles;
  tile.rowTiles = 1;
  // Of equals the one with smaller blocks, and with more of them in a cluster.
  for (tile.warps = kFewWarps; tile.warps >= kFewWarps / 2; tile.warps /= 2)
    for (tile.blocks = 2; tile.blocks <= gpu.clusterBlocks; tile.blocks *= 2)
      for (tile.warpsN = tile.warps; tile.warpsN >= kGroupWarps;
           tile.warpsN /= 2) {
        const int64_t ofProcessor = kFewWarps / tile.warps;
        const int64_t atOnce = tile.blocks == 2 && ofProcessor == 1
                                   ? gpu.processors
                                   : mostClusterBlocks(gpu) * ofProcessor;
        const int64_t blocks = ceilDiv(tiles, tile.tiles()) * tile.blocks;
        const int64_t bytes = tile.sharedBytes() + operandTableBytes(shape);
        if (tile.blocks > tile.groups || tile.tiles() % tile.blocks != 0 ||
            tile.sources() > kMostSources || blocks > atOnce ||
            bytes * ofProcessor > gpu.sharedBytes - 1024 * ofProcessor)
          continue;
        if (!best || costOf(tile) <= costOf(*best))
          best = tile;
      }
  return best;
}

/// The same of blocks that share a row's inputs: as many as run at once.
static std::optional<ClusterTile> chooseSplit(const format::PackedShape &shape,
                                              int64_t rows, bool gated,
                                              const Gpu &gpu) {
  const int groups = static_cast<int>(ceilDiv(shape.cols, 4 * perChunk(shape)));
  const int64_t tiles = ceilDiv(rows, gated ? kTileRows / 2 : kTileRows);
  std::optional<ClusterTile> best;
  for (int splits = kFewestSplits; splits <= kMostSplits; ++splits) {
    // As few blocks as share the groups evenly.
    const int even =
        ClusterTile::ceilDiv(groups, ClusterTile::ceilDiv(groups, splits));
    const ClusterTile tile =
        splitTile(groups, static_cast<int>(perChunk(shape) / 4), splits);
    const int64_t bytes = splitSharedBytes(tile) + operandTableBytes(shape);
    if (even == splits &&
        ceilDiv(tiles, tile.tiles()) * splits <= gpu.processors &&
        bytes <= gpu.sharedBytes && (!best || costOf(tile) < costOf(*best)))
      best = tile;
  }
  return best;
}

bool Lowerer::addMatvecPanels(const Launch &launch, const FusedNorm &norm,
                              const PartGroup &group) {
  const format::PackedShape &shape = tensor(launch.weights[group.first]).shape;
  if (Target.clusterBlocks < 2 || !isShared(norm) || !hasPanels(shape))
    return false;
  const auto &p = std::get<format::LinearParams>(launch.params);
  const int64_t outputs = outputsOf(launch, group);
  const std::optional<ClusterTile> tile =
      choosePanels(shape, outputs, p.gated, Target);
  const std::optional<ClusterTile> split =
      chooseSplit(shape, outputs, p.gated, Target);
  if (split && (!tile || costOf(*split) < costOf(*tile)))
    addMatvecSplit(launch, norm, group, *split);
  else if (tile)
    addMatvecCluster(launch, norm, group, *tile);
  else
    return addMatvecPair(launch, norm, group);
  return true;
}

void Lowerer::addMatvecSplit(const Launch &launch, const FusedNorm &norm,
                             const PartGroup &group, const ClusterTile &tile) {
  const format::PackedShape &shape = tensor(launch.weights[group.first]).shape;
  const auto &p = std::get<format::LinearParams>(launch.params);
  const int64_t ofRows = ceilDiv(outputsOf(launch, group),
                                 tile.tiles() * kTileRows / (p.gated ? 2 : 1));
  const int64_t numbers = ofRows * ceilDiv(kMostBatch, tile.tokens());
  KernelLaunch<kernels::MatvecSplit> matvec;
  matvec.config = {linearConfig(launch, group), normConfig(norm.launch),
                   tile.blocks};
  matvec.args.x = inputRows(launch, norm);
  matvec.args.norm = normArgs(norm.launch);
  matvec.args.layer = linearArgs(launch, group);
  // Of their own: they are zero between launches.
  matvec.args.sums = Builder.fixedScratch<float>(
      "splitSums", static_cast<uint64_t>(numbers * splitSumBytes(tile)));
  matvec.args.squares = Builder.fixedScratch<float>(
      "splitSquares", static_cast<uint64_t>(numbers * splitSquareBytes(tile)));
  matvec.args.state = state();
  matvec.grid[0] = {ofRows * tile.blocks, 0};
  matvec.grid[1] = perToken(tile.tokens());
  matvec.blockThreads = kSplitWarps * 32;
  matvec.sharedBytes =
      static_cast<uint32_t>(splitSharedBytes(tile) + operandTableBytes(shape));
  matvec.minBlocks = 1;
  Builder.add(*Out, matvec);
  HasBatchKernels = true;
}

bool Lowerer::addMatvecPair(const Launch &launch, const FusedNorm &norm,
                            const PartGroup &group) {
  const format::PackedShape &shape = tensor(launch.weights[group.first]).shape;
  const auto &p = std::get<format::LinearParams>(launch.params);
  const ClusterTile tile =
      pairTile(static_cast<int>(ceilDiv(shape.cols, 4 * perChunk(shape))),
               static_cast<int>(perChunk(shape) / 4));
  const int64_t tiles = ceilDiv(outputsOf(launch, group), kPairRows);
  const int64_t pairs = Target.processors / 2;
  const int64_t bytes = pairSharedBytes(tile) + operandTableBytes(shape);
  if (p.gated || launch.inputs.size() > 1 || tile.groups < tile.blocks ||
      tiles < pairs || bytes > Target.sharedBytes)
    return false;
  HeadChooses = makesLogits(launch);
  KernelLaunch<kernels::MatvecPair> matvec;
  matvec.config = {linearConfig(launch, group), normConfig(norm.launch),
                   HeadChooses};
  matvec.args.x = inputRows(launch, norm);
  matvec.args.norm = normArgs(norm.launch);
  matvec.args.layer = linearArgs(launch, group);
  matvec.args.choice =
      HeadChooses ? choice() : Arg<kernels::TokenKey *>(kUnused);
  matvec.args.state = state();
  matvec.grid[0] = {pairs * tile.blocks, 0};
  matvec.grid[1] = perToken(tile.tokens());
  matvec.blockThreads = kPairWarps * 32;
  matvec.sharedBytes = static_cast<uint32_t>(bytes);
  matvec.minBlocks = 1;
  matvec.clusterBlocks = static_cast<uint32_t>(tile.blocks);
  Builder.add(*Out, matvec);
  HasBatchKernels = true;
  return true;
}
