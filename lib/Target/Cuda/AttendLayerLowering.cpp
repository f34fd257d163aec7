//===- AttendLayerLowering.cpp - Attention with its layers in one launch --===//

#include "Lowerer.h"

#include <algorithm>

using namespace qzc;
using namespace qzc::cuda;
using format::CudaArg;
using format::Launch;
using format::Opcode;
using format::View;

/// Clusters whose sums meet, all loaded at once.
static constexpr int64_t kMostClusters = 64;

static bool isAt(const View &view, const View &buffer, int64_t column,
                 int64_t columns) {
  return view.buffer == buffer.buffer &&
         view.column == buffer.column + column && view.columns == columns;
}

static bool isPlain(const format::LinearParams &p) {
  return !p.gated && p.activation == format::Activation::None;
}

/// How heads are spread over clusters that all run at once: as few rows a warp
/// as that allows.
static std::optional<AttendTile>
chooseAttendTile(const format::AttentionParams &p, const Gpu &gpu) {
  const int64_t perKvHead = p.heads / p.kvHeads;
  const int dim = toInt(p.headDim);
  std::optional<AttendTile> best;
  for (int64_t queries = 1; queries <= perKvHead; ++queries)
    for (int64_t blocks = 2; blocks <= gpu.clusterBlocks; ++blocks) {
      const AttendTile tile = {toInt(queries), toInt(blocks)};
      const int64_t clusters = p.heads / queries;
      if (perKvHead % queries == 0 && clusters <= kMostClusters &&
          clusters * blocks <= mostClusterBlocks(gpu) &&
          tile.rowsOfWarp(dim) <= kMostRowsOfWarp &&
          (!best || tile.rowsOfWarp(dim) < best->rowsOfWarp(dim)))
        best = tile;
    }
  return best;
}

std::optional<AttendTile> Lowerer::attendTileOf(const std::vector<Launch> &list,
                                                size_t index,
                                                const FusedNorm &norm) const {
  if (Current != Phase::DecodeBody || Batch > 1 || Target.clusterBlocks < 2 ||
      index + 2 >= list.size() || list[index + 1].opcode != Opcode::Attention ||
      list[index + 2].opcode != Opcode::Linear)
    return std::nullopt;
  const Launch &in = list[index];
  const Launch &attend = list[index + 1];
  const Launch &out = list[index + 2];
  const auto &p = std::get<format::AttentionParams>(attend.params);
  const auto &inParams = std::get<format::LinearParams>(in.params);
  const auto &outParams = std::get<format::LinearParams>(out.params);
  const int64_t q = p.heads * p.headDim;
  const int64_t kv = p.kvHeads * p.headDim;
  const View &made = in.outputs[0];
  const bool isChain =
      inParams.parts == 3 && outParams.parts == 1 && isPlain(inParams) &&
      isPlain(outParams) && in.inputs.size() == 1 &&
      isAt(attend.inputs[0], made, 0, q) &&
      isAt(attend.inputs[1], made, q, kv) &&
      isAt(attend.inputs[2], made, q + kv, kv) &&
      isAt(out.inputs[0], attend.outputs[0], 0, q) &&
      onlyNextReads(list, index) && onlyNextReads(list, index + 1);
  if (!isChain || readsPartOfKept(norm, in, out) ||
      partGroups(in).size() != 1 || !isFast(in, norm))
    return std::nullopt;

  const std::optional<AttendTile> tile = chooseAttendTile(p, Target);
  if (!tile)
    return std::nullopt;
  const format::PackedShape &inShape = tensor(in.weights[0]).shape;
  const format::PackedShape &outShape = tensor(out.weights[0]).shape;
  const int64_t columns = tile->queries * p.headDim;
  const int64_t rows = ceilDiv(tile->rows(toInt(p.headDim)), tile->blocks);
  const bool fits = columns % perChunk(outShape) == 0 &&
                    columns / perChunk(outShape) <= 32 &&
                    fitsClusterBlock(inShape, rows, kAttendWarps);
  return fits ? tile : std::nullopt;
}

bool Lowerer::lowerAttendLayer(const std::vector<Launch> &list, size_t index,
                               const FusedNorm &norm) {
  const std::optional<AttendTile> tile = attendTileOf(list, index, norm);
  if (!tile)
    return false;
  const Launch &in = list[index];
  const auto &p = std::get<format::AttentionParams>(list[index + 1].params);
  const Launch &out = list[index + 2];
  const int64_t clusters = p.heads / tile->queries;

  KernelLaunch<kernels::AttendLayer> attend;
  attend.config.attention = attentionConfig(p);
  fillClusterLayer(attend, list, index + 3, in, out, norm);
  attend.config.queries = tile->queries;
  attend.config.blocks = tile->blocks;
  attend.args.cache = argOf<CacheView>(CudaArg::Kind::Cache, p.layer);
  attend.args.attention = attentionArgs(p);
  attend.args.partials = Builder.fixedScratch<float>(
      "attendLayer",
      static_cast<uint64_t>(kMostBatch * clusters *
                            outputsOf(out, partGroups(out)[0]) * 4));
  attend.args.rows = tokenRows();
  attend.grid[0] = {clusters * tile->blocks, 0};
  attend.grid[1] = perToken();
  attend.blockThreads = kAttendWarps * 32;
  attend.sharedBytes =
      static_cast<uint32_t>(4 * (tile->sharedFloats(toInt(p.headDim)) +
                                 stagedInputs(tensor(in.weights[0]).shape)));
  attend.clusterBlocks = static_cast<uint32_t>(tile->blocks);
  Builder.add(*Out, attend);
  return true;
}
