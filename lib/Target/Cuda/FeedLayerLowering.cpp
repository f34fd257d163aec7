//===- FeedLayerLowering.cpp - Feed-forward layers in one launch ----------===//

#include "Lowerer.h"

#include "Kernels/FeedLayer.h"

#include <algorithm>

using namespace qzc;
using namespace qzc::cuda;
using format::Launch;
using format::LinearParams;
using format::Opcode;

/// Both layers of a feedLayer.
namespace {
struct FeedLayers {
  const format::PackedShape &in;
  const format::PackedShape &out;
  bool gated;

  /// Of the second layer's rows: clusters have whole ones.
  int64_t chunks() const { return out.cols / perChunk(out); }
  /// In so many clusters or fewer, which have whole multiples of chunks.
  FeedTile tile(int64_t clusters, int64_t blocks, int64_t multiple = 1) const {
    const int64_t ofCluster =
        ceilDiv(ceilDiv(chunks(), clusters), multiple) * multiple;
    return {toInt(ofCluster * perChunk(out)), toInt(blocks)};
  }
};
} // namespace

/// Clusters with a processor for each block, or else more of them, of blocks
/// that share processors. A row of the second layer has a chunk a lane.
static std::optional<FeedShape> laneShape(const FeedLayers &layers,
                                          const Gpu &gpu) {
  for (const auto &[blocks, minBlocks] :
       {std::pair{mostClusterBlocks(gpu), 1u}, {gpu.processors, 2u}}) {
    const int64_t clusters = blocks / gpu.clusterBlocks;
    if (clusters == 0 || ceilDiv(layers.chunks(), clusters) > 32)
      continue;
    const FeedTile tile = layers.tile(clusters, gpu.clusterBlocks);
    const int64_t rows = (layers.gated ? 2 : 1) * tile.unitsOfWarp();
    if (rows <= kMostRowsOfWarp &&
        fitsClusterBlock(layers.in, rows * kFeedWarps, kFeedWarps))
      return FeedShape{tile, minBlocks, false};
  }
  return std::nullopt;
}

/// As few products of tiles with groups of four chunks a warp as possible,
/// which has all weights in registers.
static std::optional<FeedShape> tensorShape(const FeedLayers &layers,
                                            const Gpu &gpu) {
  constexpr int64_t mostOfWarp = 6;
  if (!hasOperands(layers.in) || !kernels::hasByteCodes(storageOf(layers.in)) ||
      storageOf(layers.in) != storageOf(layers.out))
    return std::nullopt;
  const int64_t inGroups = ceilDiv(layers.in.cols, 4 * perChunk(layers.in));
  // Chunks of a book in pairs, which share columns.
  const int64_t together = kernels::hasBook(storageOf(layers.out)) ? 2 : 1;
  std::optional<FeedShape> best;
  int64_t least = 2 * mostOfWarp;
  for (int64_t blocks = 2; blocks <= gpu.clusterBlocks; ++blocks) {
    const int64_t clusters = mostClusterBlocks(gpu) / blocks;
    if (clusters == 0)
      break;
    const FeedTile tile = layers.tile(clusters, blocks, together);
    const int64_t outGroups = ceilDiv(tile.units, 4 * perChunk(layers.out));
    const int64_t inProducts =
        tile.rowTiles(layers.gated) * ceilDiv(inGroups, kFeedWarps);
    const int64_t outProducts =
        ceilDiv(ceilDiv(layers.out.rows, 16 * blocks), kFeedWarps) * outGroups;
    const bool fits = inProducts <= mostOfWarp && outProducts <= mostOfWarp &&
                      outGroups <= inGroups;
    if (fits && inProducts + outProducts <= least) {
      best = {tile, 1, true};
      least = inProducts + outProducts;
    }
  }
  return best;
}

std::optional<FeedShape> Lowerer::feedShapeOf(const std::vector<Launch> &list,
                                              size_t index,
                                              const FusedNorm &norm) const {
  if (Current != Phase::DecodeBody || Batch > 1 || Target.clusterBlocks < 2 ||
      index + 1 >= list.size() || list[index + 1].opcode != Opcode::Linear)
    return std::nullopt;
  const Launch &in = list[index];
  const Launch &out = list[index + 1];
  const auto &inParams = std::get<LinearParams>(in.params);
  const auto &outParams = std::get<LinearParams>(out.params);
  const bool isChain =
      in.inputs.size() == 1 && outParams.parts == 1 && !outParams.gated &&
      outParams.activation == format::Activation::None &&
      inParams.parts == (inParams.gated ? 2 : 1) &&
      same(out.inputs[0], in.outputs[0]) && onlyNextReads(list, index);
  if (!isChain || partGroups(in).size() != 1 || !isFast(in, norm))
    return std::nullopt;
  if (readsPartOfKept(norm, in, out))
    return std::nullopt;

  const format::PackedShape &inShape = tensor(in.weights[0]).shape;
  const format::PackedShape &outShape = tensor(out.weights[0]).shape;
  const int64_t units = outputsOf(in, partGroups(in)[0]);
  if (outShape.cols != units)
    return std::nullopt;
  if (outShape.cols % perChunk(outShape) != 0)
    return std::nullopt;
  const FeedLayers layers = {inShape, outShape, inParams.gated};
  // Permutations find a book's codes no faster than lanes do, so that tiles
  // gain where lanes need two blocks a multiprocessor.
  const std::optional<FeedShape> byLanes = laneShape(layers, Target);
  if (kernels::hasBook(storageOf(inShape)) && byLanes &&
      byLanes->minBlocks == 1)
    return byLanes;
  const std::optional<FeedShape> byTiles = tensorShape(layers, Target);
  return byTiles ? byTiles : byLanes;
}

bool Lowerer::lowerFeedLayer(const std::vector<Launch> &list, size_t index,
                             const FusedNorm &norm) {
  const std::optional<FeedShape> shape = feedShapeOf(list, index, norm);
  if (!shape)
    return false;
  const FeedTile &tile = shape->tile;
  const Launch &in = list[index];
  const Launch &out = list[index + 1];
  const int64_t clusters =
      ceilDiv(outputsOf(in, partGroups(in)[0]), tile.units);

  const bool gated = std::get<LinearParams>(in.params).gated;

  KernelLaunch<kernels::FeedLayer> feed;
  fillClusterLayer(feed,
                   {clusters, tile.blocks, kFeedWarps, tile.rowTiles(gated),
                    tile.sharedFloats(), shape->hasTiles},
                   list, index + 2, in, out, norm);
  feed.config.units = tile.units;
  // Tiles take so few registers that two blocks would begin on a multiprocessor
  // that is free while the launch before has the others.
  if (shape->hasTiles)
    feed.sharedBytes = std::max(feed.sharedBytes, kBytesOfOnlyBlock);
  feed.minBlocks = shape->minBlocks;
  Builder.add(*Out, feed);
  return true;
}
