//===- AttendLayer.cuh - q, k, v, attention and o in one launch: sm_90a ---===//
//
// out = o(attention(q, k, v of norm(x))) + residual, for one token of each
// sequence. A cluster of blocks takes a few heads of one kv head: its blocks
// share the rows of q, k and v, give each other what these come to, share the
// positions of the cache, give each other their sums, and share the rows of o.
// That is two meetings of a cluster in place of two launches. What heads
// contribute to a row of o meets in scratch: the last block to arrive adds it
// up, in the order of the heads. Where the residual is norm(x), as with norms
// behind the additions, that block has it: all stage the same.
//
// Everything shared is dynamic, so that blocks know where the others have it.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_KERNELS_ATTENDLAYER_CUH
#define QZC_KERNELS_ATTENDLAYER_CUH

#include "AttendLayer.h"
#include "Hopper.cuh"
#include "Matvec.cuh"
#include "NewestHeads.cuh"
#include "qzc/Target/Cuda/AttendTile.h"

#ifdef QZC_HAS_WGMMA

namespace qzc::kernels {

/// What a block has in shared memory.
template <class Cache, AttendLayer::Config C> struct AttendShared {
  static constexpr int D = C.attention.headDim;
  static constexpr int kPerChunk = WeightsOf<C.out.weight>::kPerChunk;
  static constexpr int kChunks = C.queries * D / kPerChunk;
  static constexpr AttendTile kTile = {C.queries, C.blocks};
  using Record = float[C.queries][D + 2];

  /// The attended heads in chunks of o's columns, which lanes read from
  /// different banks.
  alignas(16) float attended[kChunks * (kPerChunk + 4)];
  alignas(16) Cache latest[2][HeadLanes<D>::kPadded];
  alignas(16) float queries[C.queries * HeadLanes<D>::kPadded];
  float heads[(C.queries + 2) * D]; ///< q, k and v before rotation
  Record ofWarps[kAttendWarps];
  Record ofBlocks[C.blocks];
  float scratch[32];
  alignas(8) unsigned long long headsCame; ///< barriers of what blocks send
  unsigned long long recordsCame;
  Half latestScales[2];
  int flag;

  QZC_DEVICE float &attendedAt(int i) {
    return attended[i / kPerChunk * (kPerChunk + 4) + i % kPerChunk];
  }
};

/// Rows of q, k and v that a warp makes, one weight for all of them.
template <AttendLayer::Config C> struct AttendRows {
  using W = WeightsOf<C.in.weight>;
  static constexpr int D = C.attention.headDim;
  static constexpr int kHeads = C.queries * D;
  static constexpr int kAll = kHeads + 2 * D;
  static constexpr int K = C.in.inputs;
  static constexpr int kRows = AttendTile{C.queries, C.blocks}.rowsOfWarp(D);
  static constexpr int kChunks = K / W::kPerChunk;
  static constexpr int kSteps = (kChunks + kWarp - 1) / kWarp;
  static constexpr int kDepth = pipelineDepth(kSteps, kRows);
  static constexpr int kPadded = kSteps * kWarp * W::kPerChunk;

  int first; ///< of the cluster's
  int lane;
  typename W::Chunk ring[kDepth][kRows];
  MatvecRow rows[kRows];

  QZC_DEVICE AttendRows(const MatvecParts<C.in> &parts, int firstHead,
                        int kvHead, int warpOfCluster)
      : first(warpOfCluster * kRows), lane(threadIdx.x % kWarp) {
#pragma unroll
    for (int r = 0; r < kRows; ++r)
      rows[r] = find(parts, firstHead, kvHead, first + r);
#pragma unroll
    for (int d = 0; d < kDepth; ++d)
      load(d, d);
  }
  /// Row n of the cluster's: of its queries, its key, its value.
  QZC_DEVICE static MatvecRow find(const MatvecParts<C.in> &parts,
                                   int firstHead, int kvHead, int n) {
    constexpr int q = C.attention.heads * D;
    constexpr int kv = C.attention.kvHeads * D;
    return parts.find(n < kHeads       ? firstHead * D + n
                      : n < kHeads + D ? q + kvHead * D + n - kHeads
                                       : q + kv + kvHead * D + n - kHeads - D,
                      0);
  }
  QZC_DEVICE void load(int slot, int step) {
    const int index = step * kWarp + lane;
#pragma unroll
    for (int r = 0; r < kRows; ++r)
      ring[slot][r] = index < kChunks
                          ? W::load(rows[r].data, rows[r].scales,
                                    static_cast<long long>(rows[r].stored) * K +
                                        index * W::kPerChunk)
                          : W::zero();
  }
  /// Each lane's part of the rows' products with the staged input.
  QZC_DEVICE void dot(float (&sums)[kRows], const float4 *staged) {
    const float entry = W::entry();
#pragma unroll
    for (int r = 0; r < kRows; ++r)
      sums[r] = 0.0f;
    constexpr int rounds = (kSteps + kDepth - 1) / kDepth;
#pragma unroll 1
    for (int round = 0; round < rounds; ++round) {
#pragma unroll
      for (int d = 0; d < kDepth; ++d) {
        const int step = round * kDepth + d;
        if (rounds * kDepth > kSteps && step >= kSteps)
          continue;
        float v[W::kPerChunk];
        stagedChunk(v, staged, step, lane);
        const float inputs = W::kAffine ? sumOf(v) : 0.0f;
#pragma unroll
        for (int r = 0; r < kRows; ++r)
          sums[r] += dotChunk<C.in.weight>(ring[d][r], entry, v, inputs);
        if (step + kDepth < kSteps)
          load(d, step + kDepth);
      }
    }
  }
};

/// Rows of o that a warp makes of the cluster's heads: a row has a chunk a
/// lane, a warp several rows at once.
template <AttendLayer::Config C> struct AttendOutputs {
  using W = WeightsOf<C.out.weight>;
  static constexpr int kOutputs = C.out.parts[0].rows;
  static constexpr int kOfBlock =
      AttendTile{C.queries, C.blocks}.outputsOfBlock(kOutputs);
  static constexpr int kChunks = C.queries * C.attention.headDim / W::kPerChunk;
  static constexpr int kLanes = powerOfTwoFrom(kChunks); ///< of a row
  static constexpr int kAtOnce = kWarp / kLanes;
  static constexpr int kSteps =
      (kOfBlock + kAttendWarps * kAtOnce - 1) / (kAttendWarps * kAtOnce);
  static constexpr int kDepth = kSteps < 4 ? kSteps : 4;
  static_assert(kLanes <= kWarp, "a warp has a whole row");

  MatvecParts<C.out> parts;
  int firstRow, firstColumn;
  int warp, chunk, row;
  typename W::Chunk ring[kDepth];

  QZC_DEVICE AttendOutputs(const LinearArgs<Value> &args, int block,
                           int firstHead)
      : parts{args}, firstRow(block * kOfBlock),
        firstColumn(firstHead * C.attention.headDim), warp(warpOfBlock()),
        chunk(threadIdx.x % kLanes), row(threadIdx.x % kWarp / kLanes) {}
  /// Row of a step, counted from the block's first.
  QZC_DEVICE int local(int step) const {
    return (step * kAttendWarps + warp) * kAtOnce + row;
  }
  QZC_DEVICE bool isRow(int local) const {
    return local < kOfBlock && firstRow + local < kOutputs;
  }
  QZC_DEVICE void load(int slot, int step) {
    if (step >= kSteps)
      return;
    const MatvecRow p = parts.find(firstRow + local(step), 0);
    ring[slot] = isRow(local(step)) && chunk < kChunks
                     ? W::load(p.data, p.scales,
                               static_cast<long long>(p.stored) * C.out.inputs +
                                   firstColumn + chunk * W::kPerChunk)
                     : W::zero();
  }
  QZC_DEVICE void prepare() {
#pragma unroll
    for (int d = 0; d < kDepth; ++d)
      load(d, d);
  }
  /// partial[n] of the block's rows n, from the attended heads.
  QZC_DEVICE void run(float *partial, const float *attended) {
    const float entry = W::entry();
    float v[W::kPerChunk];
    const float *from =
        attended + (chunk < kChunks ? chunk : 0) * (W::kPerChunk + 4);
#pragma unroll
    for (int q = 0; q < W::kPerChunk / 4; ++q) {
      const float4 quad = reinterpret_cast<const float4 *>(from)[q];
      v[4 * q] = quad.x, v[4 * q + 1] = quad.y;
      v[4 * q + 2] = quad.z, v[4 * q + 3] = quad.w;
    }
    const float inputs = W::kAffine ? sumOf(v) : 0.0f;
#pragma unroll 1
    for (int begin = 0; begin < kSteps; begin += kDepth) {
#pragma unroll
      for (int d = 0; d < kDepth; ++d) {
        const int step = begin + d;
        if (kSteps % kDepth != 0 && step >= kSteps)
          continue;
        float y = dotChunk<C.out.weight>(ring[d], entry, v, inputs);
#pragma unroll
        for (int offset = 1; offset < kLanes; offset <<= 1)
          y += __shfl_xor_sync(QZC_FULL_WARP, y, offset);
        if (chunk == 0 && isRow(local(step)))
          partial[firstRow + local(step)] = y;
        load(d, step + kDepth);
      }
    }
  }
  /// What all clusters left of the block's rows, added up and finished;
  /// residual(n): of row n.
  template <class Residual>
  QZC_DEVICE void finish(const float *partials, const Residual &residual,
                         float *out) const {
    constexpr int clusters = C.attention.heads / C.queries;
    for (int i = threadIdx.x; isRow(i); i += kAttendWarps * kWarp) {
      const int n = firstRow + i;
      float sum = 0.0f;
#pragma unroll
      for (int c = 0; c < clusters; ++c)
        sum += __ldcg(partials + c * kOutputs + n);
      const MatvecRow p = parts.find(n, 0);
      float y = sum * W::rowScale(p.scales, p.stored);
      if constexpr (C.out.end.hasBias)
        y += element<C.out.end.bias>(p.bias, p.row);
      if constexpr (C.out.end.residual)
        y += residual(n);
      out[n] = y;
    }
  }
};

/// Element i of the staged input.
template <int PerChunk>
QZC_DEVICE float stagedElement(const float4 *staged, int i) {
  return reinterpret_cast<const float *>(staged +
                                         stagedQuad<PerChunk>(i / 4))[i % 4];
}

/// What the blocks of the cluster sent is there for all threads. One warp
/// waits: seeing what other multiprocessors wrote costs each that does.
QZC_DEVICE void awaitSent(unsigned barrier) {
  if (warpOfBlock() == 0)
    waitForCluster(barrier, 0);
  __syncthreads();
}

/// Grid: (heads / queries × blocks) × T, in clusters of `blocks`. Dynamic
/// shared memory: AttendShared, the staged input.
template <class Cache, AttendLayer::Config C>
QZC_DEVICE void attendLayer(const AttendLayer::Args<Value> &a) {
  constexpr int D = C.attention.headDim;
  constexpr int threads = kAttendWarps * kWarp;
  constexpr int groups = C.attention.heads / C.attention.kvHeads / C.queries;
  constexpr int clusters = C.attention.heads / C.queries;
  using Lanes = HeadLanes<D>;
  using Norms = InputNorm<C.norm, C.keepsNorm>;
  using Shared = AttendShared<Cache, C>;
  using Rows = AttendRows<C>;
  using W = WeightsOf<C.in.weight>;
  static_assert(sizeof(Shared) <= 4 * Shared::kTile.sharedFloats(D),
                "the lowering asks for enough");
  QZC_DYNAMIC_SHARED(dynamic);
  Shared &shared = *reinterpret_cast<Shared *>(dynamic);
  float4 *staged = dynamic + (sizeof(Shared) + 15) / 16;

  // Nobody sends to a block whose barriers are not there.
  const unsigned headsCame = sharedAddress(&shared.headsCame);
  const unsigned recordsCame = sharedAddress(&shared.recordsCame);
  if (threadIdx.x == 0) {
    initBarrier(headsCame, 1);
    initBarrier(recordsCame, 1);
    publishBarriers();
    expectBytes(headsCame, sizeof(shared.heads));
    expectBytes(recordsCame, sizeof(shared.ofBlocks));
  }
  arriveCluster();
  const int block = blockOfCluster();
  const int cluster = blockIdx.x / C.blocks;
  const int kvHead = cluster / groups;
  const int firstHead = cluster * C.queries;
  const int token = blockIdx.y;
  const int warp = warpOfBlock();
  const int lane = threadIdx.x % kWarp;
  const int warpOfCluster = block * kAttendWarps + warp;

  const MatvecParts<C.in> parts = {a.in};
  Rows rows(parts, firstHead, kvHead, warpOfCluster);
  // Lane r finishes row r, for one block after the other.
  const int slot = lane % Rows::kRows;
  const int mine = rows.first + slot;
  const MatvecRow finished = Rows::find(parts, firstHead, kvHead, mine);
  const float rowScale = W::rowScale(finished.scales, finished.stored);
  float bias = 0.0f;
  if constexpr (C.in.end.hasBias)
    bias = element<C.in.end.bias>(finished.bias, finished.row);
  const Norms norm = {
      a.norm, C.keepsNorm && blockIdx.x == 0 ? rowOf(a.kept, token) : nullptr};
  RegisterStage<threads, Rows::K, Rows::kPadded, W::kPerChunk, Norms> stage;
  stage.prepare(norm);

  // Rows and pages of a pass are there before its first launch begins.
  const int position = a.rows[token].position;
  const int sequence = a.rows[token].sequence;
  const float *table = a.attention.ropeTable +
                       static_cast<long long>(position) * C.attention.rope.dim;
  NewestHeads<Cache, C.attention, C.queries, kAttendWarps> heads;
  heads.loadAngles(table);
  const GrowingCache<Cache, D> cache = {
      HeadCache<Cache, D>(a.cache, sequence, kvHead), position,
      shared.latest[0], shared.latest[1], shared.latestScales};
  const int begin = firstSeen<C.attention.window>(position);
  constexpr int stride = C.blocks * kAttendWarps;
  const int first = begin + warpOfCluster * Lanes::kPositions;
  CacheBatch<Cache, D> batch;
  batch.find(cache, first, position + 1, stride);
  const unsigned long long newest = cache.stored.page(position);

  waitCluster();
  waitForDependencies();
  stage.run(staged, shared.scratch, rowOf(a.x, token), norm);
  float sums[Rows::kRows];
  rows.dot(sums, staged);

  // On their way while the cluster meets.
  batch.load(cache, first, position + 1, stride);
  batch.find(cache, first + stride * Lanes::kBatch * Lanes::kPositions,
             position + 1, stride);
  AttendOutputs<C> outputs(a.out, block, firstHead);
  outputs.prepare();

  float value = 0.0f;
#pragma unroll
  for (int r = 0; r < Rows::kRows; ++r) {
    const float sum = reduceWarp<Sum>(sums[r]);
    if (slot == r)
      value = sum * rowScale + bias;
  }
  constexpr int atOnce = kWarp / Rows::kRows;
  if (lane < atOnce * Rows::kRows && mine < Rows::kAll)
    for (int to = lane / Rows::kRows; to < C.blocks; to += atOnce)
      storeInCluster(&shared.heads[mine], value, to, headsCame);
  awaitSent(headsCame);

  const float *key = shared.heads + C.queries * D;
  heads.loadValues(shared.heads, key, key + D);
  heads.store(shared.queries,
              queryFactor<C.attention.softCap>(a.attention.scale),
              {shared.latest, shared.latestScales, cache.stored, newest,
               position, true, block == 0 && cluster % groups == 0,
               rangeOf(a.cache, sequence), a.state},
              key, key + D, table);
  __syncthreads();

  OnlineSoftmax<8> softmax[C.queries];
  attendRange<Cache, C.attention>(softmax, shared.queries, cache, batch, first,
                                  position + 1, stride, a.attention, firstHead);
  // Earlier, what the next launch loads would be ahead of keys and values.
  launchDependents();
  storeRecords<D>(shared.ofWarps[warp], softmax);
  __syncthreads();
  // Threads beyond an element each share the blocks that are told of it.
  constexpr int elements = C.queries * D;
  constexpr int sharers = elements < threads ? threads / elements : 1;
  for (int i = threadIdx.x; i < elements * sharers; i += threads) {
    const int g = i % elements / D;
    const int d = i % D;
    const OnlineSoftmax<1> total = mergeRecords<D>(
        kAttendWarps, d, [&](int w, int e) { return shared.ofWarps[w][g][e]; });
    float(&record)[D + 2] = shared.ofBlocks[block][g];
    for (int to = i / elements; to < C.blocks; to += sharers) {
      storeInCluster(&record[d], total.sum[0], to, recordsCame);
      if (d == 0) {
        storeInCluster(&record[D], total.m, to, recordsCame);
        storeInCluster(&record[D + 1], total.l, to, recordsCame);
      }
    }
  }
  awaitSent(recordsCame);
  for (int i = threadIdx.x; i < elements; i += threads) {
    const OnlineSoftmax<1> total =
        mergeRecords<D>(C.blocks, i % D, [&](int b, int e) {
          return shared.ofBlocks[b][i / D][e];
        });
    shared.attendedAt(i) = total.sum[0] / total.l;
  }
  __syncthreads();

  constexpr int outputsOf = AttendOutputs<C>::kOutputs;
  float *partials =
      a.partials + static_cast<long long>(token) * clusters * outputsOf;
  outputs.run(partials + cluster * outputsOf, shared.attended);
  if (arriveLast(&a.state->counters[token * C.blocks + block], clusters,
                 &shared.flag))
    outputs.finish(
        partials,
        [&](int n) {
          if constexpr (C.addsInput)
            return stagedElement<W::kPerChunk>(staged, n);
          else
            return rowOf(a.out.residual, token)[n];
        },
        rowOf(a.out.out, token));
}

} // namespace qzc::kernels

#endif // QZC_HAS_WGMMA

#endif // QZC_KERNELS_ATTENDLAYER_CUH
