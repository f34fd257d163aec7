//===- FeedLayerLowering.cpp - Feed-forward layers in one launch ----------===//

#include "Lowerer.h"

#include "Kernels/FeedLayer.h"

#include <algorithm>

using namespace qzc;
using namespace qzc::cuda;
using format::Launch;
using format::LinearParams;
using format::Opcode;

/// `units` outputs of the first layer in so many clusters, in whole chunks of
/// the second layer's rows, one a lane.
static std::optional<FeedTile> feedTile(int64_t units, int64_t chunk,
                                        int64_t clusters, const Gpu &gpu) {
  if (clusters == 0 || units % chunk != 0)
    return std::nullopt;
  const int64_t chunks = ceilDiv(units / chunk, clusters);
  if (chunks > 32)
    return std::nullopt;
  return FeedTile{toInt(chunks * chunk), toInt(gpu.clusterBlocks)};
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
  const int64_t sides = inParams.gated ? 2 : 1;
  // Clusters with a processor for each block, or else more of them, of blocks
  // that share processors.
  for (const auto &[blocks, minBlocks] :
       {std::pair{mostClusterBlocks(Target), 1u}, {Target.processors, 2u}}) {
    const std::optional<FeedTile> tile = feedTile(
        units, perChunk(outShape), blocks / Target.clusterBlocks, Target);
    if (!tile)
      continue;
    const int64_t rows = sides * tile->unitsOfWarp();
    if (rows <= kMostRowsOfWarp &&
        fitsClusterBlock(inShape, rows * kFeedWarps, kFeedWarps))
      return FeedShape{*tile, minBlocks};
  }
  return std::nullopt;
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

  KernelLaunch<kernels::FeedLayer> feed;
  fillClusterLayer(feed, list, index + 2, in, out, norm);
  feed.config.units = tile.units;
  feed.config.blocks = tile.blocks;
  feed.args.partials = Builder.fixedScratch<float>(
      "feedLayer",
      static_cast<uint64_t>(kMostBatch * clusters *
                            outputsOf(out, partGroups(out)[0]) * 4));
  feed.grid[0] = {clusters * tile.blocks, 0};
  feed.grid[1] = perToken();
  feed.blockThreads = kFeedWarps * 32;
  feed.sharedBytes = static_cast<uint32_t>(
      4 * (tile.sharedFloats() + stagedInputs(tensor(in.weights[0]).shape)));
  feed.minBlocks = shape->minBlocks;
  feed.clusterBlocks = static_cast<uint32_t>(tile.blocks);
  Builder.add(*Out, feed);
  return true;
}
