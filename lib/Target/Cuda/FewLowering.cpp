//===- FewLowering.cpp - Linear layers of up to eight tokens --------------===//
//
// One launch a layer, whose blocks make the columns that they need
// (Kernels/MatvecFew.cuh).
//
//===----------------------------------------------------------------------===//

#include "Lowerer.h"

#include "Kernels/ClusterTile.h"
#include "Kernels/FewTile.h"
#include "Kernels/Matvec.h"

#include <optional>

using namespace qzc;
using namespace qzc::cuda;
using format::Launch;

/// Blocks that share the groups of a row, at most: the last one adds their sums
/// up, all loaded at once.
static constexpr int kMostSplits = 8;

/// Tiles of rows of a warp, at most.
static constexpr int kMostRowTiles = 2;

bool qzc::cuda::keepsCodes(const format::PackedShape &shape) {
  return shape.scales == format::ScaleCodec::Plain &&
         shape.blockSize % 64 == 0 && shape.cols % 64 == 0;
}

/// The same of a layer: where lanes exchange codes or keep a residual,
/// registers suffice for one.
static int mostRowTiles(const format::PackedShape &shape, bool hasResidual) {
  if (hasResidual)
    return 1;
  switch (shape.scheme) {
  case format::Scheme::None:
  case format::Scheme::Int8:
    return kMostRowTiles;
  case format::Scheme::Nf4:
  case format::Scheme::Fp4:
    return keepsCodes(shape) ? kMostRowTiles : 1;
  default:
    return 1;
  }
}

/// About the cycles that a layer takes: of a group of a block's 16 warps in a
/// tile of rows, and in two, of a byte of columns through L2, of a pass, and of
/// blocks that wait for others' sums.
static int64_t costOf(const FewTile &tile) {
  constexpr int64_t perUnit[kMostRowTiles] = {1600, 2700};
  constexpr int64_t columnBytesPerCycle = 24;
  constexpr int64_t perPass = 800;
  constexpr int64_t perSplit = 3500;
  return perUnit[tile.rowTiles - 1] * tile.units() * tile.passes +
         tile.columnBytes() / columnBytesPerCycle + perPass * tile.passes +
         (tile.splitK > 1 ? perSplit : 0);
}

/// How a layer of `rows` outputs is spread over a block for each processor;
/// none where a block's columns are too many.
static std::optional<FewTile> chooseFewTile(const format::PackedShape &shape,
                                            int64_t rows, bool gated,
                                            bool isNormed, bool hasResidual,
                                            const Gpu &gpu) {
  const int64_t tiles = ceilDiv(rows, gated ? kTileRows / 2 : kTileRows);
  const int64_t mostBytes = mostSharedBytes(gpu) - operandTableBytes(shape);
  std::optional<FewTile> best;
  FewTile tile = {};
  tile.groups = static_cast<int>(ceilDiv(shape.cols, 4 * perChunk(shape)));
  tile.steps = static_cast<int>(perChunk(shape) / 4);
  // Of equals the one with more blocks.
  for (tile.rowTiles = mostRowTiles(shape, hasResidual); tile.rowTiles > 0;
       --tile.rowTiles)
    for (tile.warpsN = kFewWarps; tile.warpsN > 0; tile.warpsN /= 2) {
      const int64_t blocks = ceilDiv(tiles, tile.rowTiles * tile.warpsN);
      const int mostSplits = isNormed ? 1 : kMostSplits;
      for (int splits = 1; splits <= mostSplits; ++splits) {
        if (splits > 1 && blocks * splits > gpu.processors)
          break;
        // As few blocks as share the groups evenly.
        tile.splitK = FewTile::ceilDiv(tile.groups,
                                       FewTile::ceilDiv(tile.groups, splits));
        tile.passes = static_cast<int>(ceilDiv(blocks, gpu.processors));
        if (tile.rows() <= kFewRows && tile.elementsOfBlock() <= kFewElements &&
            tile.sharedBytes() <= mostBytes &&
            (!best || costOf(tile) <= costOf(*best)))
          best = tile;
      }
    }
  return best;
}

/// The same of a cluster: its blocks send each other their sums, and where
/// blocks leave room on their processors the launch behind has begun by then.
static int64_t costOf(const ClusterTile &tile, bool leavesRoom) {
  constexpr int64_t perUnit[kMostRowTiles] = {1600, 2700};
  constexpr int64_t columnBytesPerCycle = 24;
  constexpr int64_t perMeeting = 1000;
  constexpr int64_t perBeginning = 2000;
  return perUnit[tile.rowTiles - 1] * tile.units() +
         tile.columnBytes() / columnBytesPerCycle + perMeeting -
         (leavesRoom ? perBeginning : 0);
}

/// Blocks of clusters that run at once. Two are on a pair of processors, of
/// which none is left over; smaller blocks on all of these were slower.
static int64_t mostBlocksAtOnce(const ClusterTile &tile, const Gpu &gpu) {
  if (tile.blocks == 2 && tile.warps == kFewWarps)
    return gpu.processors;
  return mostClusterBlocks(gpu) * (kFewWarps / tile.warps);
}

/// How a layer of `rows` outputs is spread over clusters that all run at once;
/// none where it has too many rows, and its cost.
static std::optional<ClusterTile>
chooseClusterTile(const format::PackedShape &shape, int64_t rows, bool gated,
                  bool hasResidual, const Gpu &gpu, int64_t &least) {
  const int64_t tiles = ceilDiv(rows, gated ? kTileRows / 2 : kTileRows);
  const int64_t mostBytes = mostSharedBytes(gpu) - operandTableBytes(shape);
  std::optional<ClusterTile> best;
  ClusterTile tile = {};
  tile.groups = static_cast<int>(ceilDiv(shape.cols, 4 * perChunk(shape)));
  tile.steps = static_cast<int>(perChunk(shape) / 4);
  tile.tokenTiles = 1;
  const int most = mostRowTiles(shape, hasResidual);
  // Of equals the one with smaller blocks, and with more of them in a cluster.
  for (tile.warps = kFewWarps; tile.warps >= kFewWarps / 2; tile.warps /= 2)
    for (tile.blocks = 2; tile.blocks <= gpu.clusterBlocks; tile.blocks *= 2)
      for (tile.rowTiles = 1; tile.rowTiles <= most; ++tile.rowTiles)
        for (tile.warpsN = tile.warps; tile.warpsN > 0; tile.warpsN /= 2) {
          const int64_t blocks = ceilDiv(tiles, tile.tiles()) * tile.blocks;
          const int64_t ofProcessor = kFewWarps / tile.warps;
          if (tile.blocks > tile.groups || tile.tiles() % tile.blocks != 0 ||
              tile.sources() > kMostSources ||
              tile.elementsOfBlock() * ofProcessor > kFewElements ||
              tile.sharedBytes() * ofProcessor > mostBytes ||
              blocks > mostBlocksAtOnce(tile, gpu))
            continue;
          const int64_t cost =
              costOf(tile, tile.warps < kFewWarps && blocks <= gpu.processors);
          if (!best || cost <= least) {
            best = tile;
            least = cost;
          }
        }
  return best;
}

void Lowerer::addMatvecCluster(const Launch &launch, const FusedNorm &norm,
                               const PartGroup &group,
                               const ClusterTile &tile) {
  const auto &p = std::get<format::LinearParams>(launch.params);
  const format::PackedShape &shape = tensor(launch.weights[group.first]).shape;
  KernelLaunch<kernels::MatvecCluster> matvec;
  matvec.config = {linearConfig(launch, group),
                   normConfig(norm.launch),
                   tile.tokenTiles,
                   tile.rowTiles,
                   tile.warps,
                   tile.warpsN,
                   tile.blocks};
  matvec.args.x = inputRows(launch, norm);
  matvec.args.norm = normArgs(norm.launch);
  matvec.args.layer = linearArgs(launch, group);
  matvec.args.state = state();
  const int64_t outputs = tile.tiles() * kTileRows / (p.gated ? 2 : 1);
  matvec.grid[0] = {ceilDiv(outputsOf(launch, group), outputs) * tile.blocks,
                    0};
  matvec.grid[1] = perToken(tile.tokens());
  matvec.blockThreads = static_cast<uint32_t>(tile.warps * 32);
  matvec.sharedBytes =
      static_cast<uint32_t>(tile.sharedBytes() + operandTableBytes(shape));
  matvec.minBlocks = static_cast<uint32_t>(kFewWarps / tile.warps);
  matvec.clusterBlocks = static_cast<uint32_t>(tile.blocks);
  Builder.add(*Out, matvec);
  HasBatchKernels = true;
}

bool Lowerer::isShared(const FusedNorm &norm) {
  return !norm.launch || (norm.launch->opcode == format::Opcode::RmsNorm &&
                          norm.launch->weights.size() < 2 && !norm.keeps);
}

bool Lowerer::addMatvecFew(const Launch &launch, const FusedNorm &norm,
                           const PartGroup &group) {
  if (Batch > kTileTokens)
    return false;
  const auto &p = std::get<format::LinearParams>(launch.params);
  const format::PackedShape &shape = tensor(launch.weights[group.first]).shape;
  const int64_t total = outputsOf(launch, group);
  const bool hasResidual = launch.inputs.size() > 1;
  const std::optional<FewTile> tile = chooseFewTile(
      shape, total, p.gated, norm.launch != nullptr, hasResidual, Target);
  if (isShared(norm)) {
    int64_t cost = 0;
    const std::optional<ClusterTile> shared =
        chooseClusterTile(shape, total, p.gated, hasResidual, Target, cost);
    if (shared && (!tile || cost < costOf(*tile))) {
      addMatvecCluster(launch, norm, group, *shared);
      return true;
    }
  }
  if (!tile)
    return false;
  const int64_t outputs = tile->rows() / (p.gated ? 2 : 1);
  const int64_t blocks = ceilDiv(total, outputs * tile->passes);

  KernelLaunch<kernels::MatvecFew> matvec;
  matvec.config = {linearConfig(launch, group),
                   normConfig(norm.launch),
                   tile->rowTiles,
                   tile->warpsN,
                   tile->splitK,
                   tile->passes,
                   norm.keeps};
  matvec.args.x = inputRows(launch, norm);
  matvec.args.norm = normArgs(norm.launch);
  matvec.args.kept = keptRows(norm);
  matvec.args.layer = linearArgs(launch, group);
  const int64_t sums = blocks * tile->splitK * tile->rows() * kTileTokens;
  matvec.args.partial = partialSums(tile->splitK > 1 ? sums : 0);
  matvec.args.state = state();
  matvec.grid[0] = {blocks, 0};
  matvec.grid[1] = {tile->splitK, 0};
  matvec.blockThreads = kFewWarps * 32;
  matvec.sharedBytes =
      static_cast<uint32_t>(tile->sharedBytes() + operandTableBytes(shape));
  Builder.add(*Out, matvec);
  HasBatchKernels = true;
  return true;
}
