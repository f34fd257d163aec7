//===- AttentionLowering.cpp - Attention and the cache --------------------===//

#include "Lowerer.h"

#include "Kernels/Attention.h"
#include "Kernels/FlashTile.h"

#include "qzc/Runtime/Cuda/DeviceState.h"
#include "qzc/Support/Error.h"

#include <algorithm>

using namespace qzc;
using namespace qzc::cuda;
using format::CudaArg;
using format::Launch;
using format::View;

/// Ranges of a context in a decode attention launch, at most.
static constexpr int64_t kMostSplits = 64;
static constexpr int64_t kMostQueriesPerBlock = 4;
static constexpr int64_t kMostHeadDim = 256;

/// Heads of a block of flashPanels; 0 where flash takes the layer. Blocks share
/// tiles of keys and values as far as there are enough of them.
int Lowerer::panelFlashHeadsOf(const format::AttentionParams &p, const View &q,
                               const View &out) const {
  const auto isEven = [&](const View &view) {
    return view.column % 2 == 0 && stride(view) % 2 == 0;
  };
  const auto dim = static_cast<int>(p.headDim);
  if (!Target.warpgroups || !hasPanelFlash(dim) || !isEven(q) || !isEven(out))
    return 0;
  const int64_t tiles =
      ceilDiv(std::min(kManyTokens, M.model.context), kFlashQueries);
  int64_t heads =
      std::min<int64_t>(p.heads / p.kvHeads, mostPanelFlashHeads(dim));
  while (heads > 1 &&
         (panelFlashShape(dim, static_cast<int>(heads)).blocks == 0 ||
          p.heads / p.kvHeads % heads != 0 ||
          tiles * (p.heads / heads) < Target.processors))
    --heads;
  return static_cast<int>(heads);
}

void Lowerer::lowerAttention(const Launch &launch) {
  const auto &p = std::get<format::AttentionParams>(launch.params);
  if (p.headDim > kMostHeadDim)
    throw Error("CUDA lowering: attention of layer " + std::to_string(p.layer) +
                " has head_dim " + std::to_string(p.headDim) +
                ", at most 256 is supported");
  if (isDecode()) {
    lowerAttendOne(launch);
  } else {
    lowerAppendCache(launch);
    lowerFlash(launch);
  }
}

static kernels::RopeConfig ropeConfig(const format::Rope *rope) {
  return rope ? kernels::RopeConfig{toInt(rope->dim), rope->interleaved}
              : kernels::RopeConfig{};
}

const format::Rope *Lowerer::ropeOf(const format::AttentionParams &p) const {
  return p.rope ? &M.plan.ropes[static_cast<size_t>(*p.rope)] : nullptr;
}

kernels::AttentionConfig
Lowerer::attentionConfig(const format::AttentionParams &p) const {
  kernels::AttentionConfig config = {};
  config.heads = toInt(p.heads);
  config.kvHeads = toInt(p.kvHeads);
  config.headDim = toInt(p.headDim);
  config.window = toInt(p.window);
  config.softCap = p.softCap != 0;
  config.alibi = p.alibi != 0;
  config.rope = ropeConfig(ropeOf(p));
  return config;
}

Arg<const float *> Lowerer::ropeTable(const format::AttentionParams &p) const {
  if (!p.rope)
    return kUnused;
  return argOf<const float *>(CudaArg::Kind::RopeTable, *p.rope);
}

kernels::AttentionArgs<Arg>
Lowerer::attentionArgs(const format::AttentionParams &p) const {
  return {ropeTable(p), floatOf(p.scale), floatOf(p.softCap), floatOf(p.alibi)};
}

void Lowerer::lowerAttendOne(const Launch &launch) {
  const auto &p = std::get<format::AttentionParams>(launch.params);
  const int64_t perKvHead = p.heads / p.kvHeads;
  int64_t queries = std::min(perKvHead, kMostQueriesPerBlock);
  while (perKvHead % queries != 0)
    --queries;
  const int64_t blocks = p.heads / queries;
  MostBatch =
      std::max<int64_t>(1, std::min(MostBatch, kDeviceCounters / blocks));
  // A block takes most of a multiprocessor's registers; of a batch, ranges that
  // short contexts do not have cost much.
  const int64_t wanted =
      Batch > 1 ? 2 * Target.processors / Batch : Target.processors;
  const int64_t splits =
      blocks > kDeviceCounters
          ? 1
          : std::clamp<int64_t>(wanted / blocks, 1, kMostSplits);
  // Where a multiprocessor has several blocks, two at once.
  const int warps = blocks * Batch > Target.processors ? 4 : 8;
  KernelLaunch<kernels::AttendOne> attend;
  attend.config = {attentionConfig(p), toInt(queries), toInt(splits), warps};
  attend.args.q = inRows(launch.inputs[0]);
  attend.args.k = inRows(launch.inputs[1]);
  attend.args.v = inRows(launch.inputs[2]);
  attend.args.cache = argOf<CacheView>(CudaArg::Kind::Cache, p.layer);
  attend.args.attention = attentionArgs(p);
  attend.args.partials = Builder.fixedScratch<float>(
      "attention", static_cast<uint64_t>(kMostBatch * p.heads * splits *
                                         (p.headDim + 2) * 4));
  attend.args.rows = tokenRows();
  attend.args.state = state();
  attend.args.out = outRows(launch.outputs[0]);
  attend.grid[0] = {blocks, 0};
  // Ranges that short contexts do not have come last: a multiprocessor has
  // room for a block or two, and nobody waits for these.
  attend.grid[1] = perToken();
  attend.grid[2] = {splits, 0};
  attend.blockThreads = static_cast<uint32_t>(warps * 32);
  Builder.add(*Out, attend);
}

void Lowerer::lowerAppendCache(const Launch &launch) {
  const auto &p = std::get<format::AttentionParams>(launch.params);
  KernelLaunch<kernels::AppendCache> append;
  append.config = {toInt(p.kvHeads), toInt(p.headDim), ropeConfig(ropeOf(p))};
  append.args.k = inRows(launch.inputs[1]);
  append.args.v = inRows(launch.inputs[2]);
  append.args.cache = argOf<CacheView>(CudaArg::Kind::Cache, p.layer);
  append.args.ropeTable = ropeTable(p);
  append.args.rows = tokenRows();
  append.args.state = state();
  append.grid[0] = perToken();
  append.blockThreads = 128;
  Builder.add(*Out, append);
}

void Lowerer::lowerFlash(const Launch &launch) {
  const auto &p = std::get<format::AttentionParams>(launch.params);
  const auto dim = static_cast<int>(p.headDim);
  kernels::FlashArgs<Arg> args;
  args.q = inRows(launch.inputs[0]);
  args.cache = argOf<CacheView>(CudaArg::Kind::Cache, p.layer);
  args.attention = attentionArgs(p);
  args.tiles = argOf<const QueryTile *>(CudaArg::Kind::Tiles);
  args.out = outRows(launch.outputs[0]);
  const int perBlock =
      panelFlashHeadsOf(p, launch.inputs[0], launch.outputs[0]);
  if (perBlock == 0) {
    KernelLaunch<kernels::Flash> flash;
    flash.config = {attentionConfig(p)};
    flash.args = args;
    flash.grid[0] = {1, format::kPerTile};
    flash.grid[1] = {p.heads, 0};
    flash.blockThreads = kFlashThreads;
    flash.sharedBytes = static_cast<uint32_t>(flashSharedBytes(dim));
    return Builder.add(*Out, flash);
  }
  KernelLaunch<kernels::FlashPanels> flash;
  flash.config = {attentionConfig(p), perBlock};
  flash.args = args;
  flash.grid[0] = {1, format::kPerTile};
  flash.grid[1] = {p.heads / perBlock, 0};
  flash.blockThreads = static_cast<uint32_t>(panelFlashThreads(perBlock));
  flash.minBlocks =
      static_cast<uint32_t>(panelFlashShape(dim, perBlock).blocks);
  flash.sharedBytes =
      static_cast<uint32_t>(panelFlashSharedBytes(dim, perBlock));
  Builder.add(*Out, flash);
}
