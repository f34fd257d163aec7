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

/// What both layers of an attendLayer have of a block.
namespace {
struct AttendLayers {
  const format::AttentionParams &attention;
  const format::PackedShape &in;
  const format::PackedShape &out;

  int headDim() const { return toInt(attention.headDim); }
  int64_t columns(const AttendTile &tile) const {
    return tile.queries * attention.headDim;
  }
  int64_t clusters(const AttendTile &tile) const {
    return attention.heads / tile.queries;
  }
};
} // namespace

/// Of the ways to spread heads over clusters that all run at once the one of
/// the least cost(tile), if that is not negative.
template <class Cost>
static std::optional<AttendTile>
chooseAttendTile(const AttendLayers &layers, const Gpu &gpu, const Cost &cost) {
  const int64_t perKvHead = layers.attention.heads / layers.attention.kvHeads;
  std::optional<AttendTile> best;
  for (int64_t queries = 1; queries <= perKvHead; ++queries)
    for (int64_t blocks = 2; blocks <= gpu.clusterBlocks; ++blocks) {
      const AttendTile tile = {toInt(queries), toInt(blocks)};
      const int64_t clusters = layers.clusters(tile);
      if (perKvHead % queries == 0 && clusters <= kMostClusters &&
          clusters * blocks <= mostClusterBlocks(gpu) && cost(tile) >= 0 &&
          layers.columns(tile) % perChunk(layers.out) == 0 &&
          (!best || cost(tile) < cost(*best)))
        best = tile;
    }
  return best;
}

/// As few rows a warp as possible.
static std::optional<AttendTile> laneTile(const AttendLayers &layers,
                                          const Gpu &gpu) {
  const std::optional<AttendTile> tile =
      chooseAttendTile(layers, gpu, [&](const AttendTile &tile) {
        const int64_t rows = tile.rowsOfWarp(layers.headDim());
        return rows <= kMostRowsOfWarp ? rows : -1;
      });
  const bool fits =
      tile && layers.columns(*tile) / perChunk(layers.out) <= 32 &&
      fitsClusterBlock(layers.in,
                       ceilDiv(tile->rows(layers.headDim()), tile->blocks),
                       kAttendWarps);
  return fits ? tile : std::nullopt;
}

/// As few products of tiles with groups of four chunks as possible. A warp has
/// all weights in registers, of more products than these launches of their own
/// take less time.
static std::optional<AttendTile> tensorTile(const AttendLayers &layers,
                                            const Gpu &gpu) {
  constexpr int64_t mostOfWarp = 6;
  if (!hasOperands(layers.in) || storageOf(layers.in) != storageOf(layers.out))
    return std::nullopt;
  const int64_t inGroups = ceilDiv(layers.in.cols, 4 * perChunk(layers.in));
  return chooseAttendTile(layers, gpu, [&](const AttendTile &tile) {
    const int64_t inTiles = tile.rowTiles(layers.headDim());
    const int64_t outTiles = ceilDiv(layers.out.rows, 16 * tile.blocks);
    const int64_t outGroups =
        ceilDiv(layers.columns(tile), 4 * perChunk(layers.out));
    const bool fits =
        inTiles * ceilDiv(inGroups, kAttendWarps) <= mostOfWarp &&
        outGroups * ceilDiv(outTiles, kAttendWarps) <= mostOfWarp &&
        outGroups <= inGroups;
    return fits ? inTiles * inGroups + outTiles * outGroups : -1;
  });
}

std::optional<AttendShape>
Lowerer::attendShapeOf(const std::vector<Launch> &list, size_t index,
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

  const AttendLayers layers = {p, tensor(in.weights[0]).shape,
                               tensor(out.weights[0]).shape};
  if (const std::optional<AttendTile> tile = laneTile(layers, Target))
    return AttendShape{*tile, false};
  if (const std::optional<AttendTile> tile = tensorTile(layers, Target);
      tile && !addsInput(in, out))
    return AttendShape{*tile, true};
  return std::nullopt;
}

std::vector<int32_t> Lowerer::weightsAhead(const std::vector<Launch> &list,
                                           size_t index) const {
  size_t in = index + 1;
  FusedNorm norm;
  if (in < list.size() && (list[in].opcode == Opcode::RmsNorm ||
                           list[in].opcode == Opcode::LayerNorm)) {
    const NormReaders readers = normReaders(list, in);
    if (readers.launches.empty())
      return {};
    norm = {&list[in], false, readers.keep};
    ++in;
  }
  if (in >= list.size() || list[in].opcode != Opcode::Linear ||
      !attendShapeOf(list, in, norm))
    return {};
  const auto parts = std::get<format::LinearParams>(list[in].params).parts;
  std::vector<int32_t> weights(list[in].weights.begin(),
                               list[in].weights.begin() + parts);
  weights.push_back(list[in + 2].weights[0]);
  // Parts of one weight are asked for once.
  weights.erase(std::unique(weights.begin(), weights.end()), weights.end());
  return weights;
}

bool Lowerer::lowerAttendLayer(const std::vector<Launch> &list, size_t index,
                               const FusedNorm &norm) {
  const std::optional<AttendShape> shape = attendShapeOf(list, index, norm);
  if (!shape)
    return false;
  const AttendTile &tile = shape->tile;
  const Launch &in = list[index];
  const auto &p = std::get<format::AttentionParams>(list[index + 1].params);
  const Launch &out = list[index + 2];
  const int64_t clusters = p.heads / tile.queries;
  const int dim = toInt(p.headDim);

  KernelLaunch<kernels::AttendLayer> attend;
  fillClusterLayer(attend,
                   {clusters, tile.blocks, kAttendWarps, tile.rowTiles(dim),
                    tile.sharedFloats(dim), shape->hasTiles},
                   list, index + 3, in, out, norm);
  attend.config.attention = attentionConfig(p);
  attend.config.queries = tile.queries;
  attend.args.cache = argOf<CacheView>(CudaArg::Kind::Cache, p.layer);
  attend.args.attention = attentionArgs(p);
  attend.args.rows = tokenRows();
  Builder.add(*Out, attend);
  return true;
}
