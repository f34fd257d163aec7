//===- MatvecPair.cuh - Up to 32 tokens through many rows: sm_90a ---------===//
//
// What matvecFew computes, of a layer with more rows than all processors take
// at once. The blocks of a pair make columns of a half of the inputs each, keep
// them, and go through rows with them. Of these a block finishes a half of the
// tokens: what it has of the others it sends, warp by warp, while products of
// the next rows have begun.
//
// What the other block writes to is dynamic, so that it is in one place in
// both.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_KERNELS_MATVECPAIR_CUH
#define QZC_KERNELS_MATVECPAIR_CUH

#include "BatchLayer.cuh"
#include "Choice.cuh"
#include "PairTile.h"
#include "PanelPipeline.cuh"
#include "SliceStage.cuh"

#ifdef QZC_HAS_WGMMA

namespace qzc::kernels {

/// What a block has in shared memory.
template <class Stage> struct PairShared {
  using Sums = float4[kPairWarps][kPairTiles][kWarp];
  Sums received[2]; ///< of rows by turns
  Sums own;
  TokenKey best[kLaneTokens][kPairWarps][kWarp];
  float squares[2][kPanelTiles * kTileTokens];
  float factors[kPanelTiles * kTileTokens]; ///< of the norm
  typename Stage::Found found;
  unsigned long long arrived[2][kPairWarps]; ///< barriers of what is received
};

/// What becomes of sums: a warp has 16 rows, of which a lane has lane / 4 and 8
/// further, and of each tile of tokens two.
template <MatvecPair::Config C, class Shared> struct PairEnd {
  using Layer = BatchLayer<C.layer>;
  /// What the other block's warp sends at once.
  static constexpr int kBytesSent = sizeof(Shared::own) / kPairWarps;

  const MatvecPair::Args<Value> &a;
  Shared &shared;
  int block, firstToken, tokens;
  int lane = static_cast<int>(threadIdx.x) % kWarp;
  int warp = warpOfBlock();

  QZC_DEVICE unsigned barrier(int turn) const {
    return sharedAddress(&shared.arrived[turn][warp]);
  }
  /// Token `t` of this lane's in tile `i` of those that the block finishes.
  QZC_DEVICE int token(int i, int t) const {
    return (block * kPairTiles + i) * kTileTokens + 2 * (lane % 4) + t;
  }
  /// Thread 0, before the cluster meets.
  QZC_DEVICE void prepareBarriers() const {
    for (int i = 0; i < 2 * kPairWarps; ++i) {
      initBarrier(sharedAddress(&shared.arrived[0][i]), 1);
      expectBytes(sharedAddress(&shared.arrived[0][i]), kBytesSent);
    }
    publishBarriers();
  }
  /// Keeps the sums of the tokens that this block finishes, and sends the
  /// others.
  QZC_DEVICE void send(const float (&sums)[kPanelTiles][4], int turn) const {
#pragma unroll
    for (int i = 0; i < kPairTiles; ++i) {
      const auto scaled = [&](int tile) {
        return scaledSums(sums[tile], shared.found.scales + tile * kTileTokens +
                                          2 * (lane % 4));
      };
      const auto put = [&](const float4 &mine, const float4 &other) {
        shared.own[warp][i][lane] = mine;
        storeFourInCluster(&shared.received[turn][warp][i][lane], other,
                           1 - block, barrier(turn));
      };
      if (block == 0)
        put(scaled(i), scaled(kPairTiles + i));
      else
        put(scaled(kPairTiles + i), scaled(i));
    }
  }
  /// The outputs of the warp's rows from `first` on, whose sums come in this
  /// turn, the phase of its barrier having this parity.
  QZC_DEVICE void finish(const typename Layer::Parts &parts, int first,
                         int turn, unsigned parity) const {
    const auto rows = Layer::TileRows::find(parts, first, lane);
    const RowEnd<C.layer> ends[2] = {RowEnd<C.layer>::load(rows.low),
                                     RowEnd<C.layer>::load(rows.high)};
    waitForCluster(barrier(turn), parity);
    // Of the next sums in this turn, which are sent when what this block sends
    // next has arrived.
    if (lane == 0)
      expectBytes(barrier(turn), kBytesSent);
#pragma unroll
    for (int i = 0; i < kPairTiles; ++i) {
      const float4 mine = shared.own[warp][i][lane];
      const float4 other = shared.received[turn][warp][i][lane];
      const float sums[4] = {mine.x + other.x, mine.y + other.y,
                             mine.z + other.z, mine.w + other.w};
#pragma unroll
      for (int t = 0; t < 2; ++t) {
        if (token(i, t) >= tokens)
          continue;
        float factor = 1.0f;
        if constexpr (C.norm.kind != Norm::None)
          factor = shared.factors[token(i, t)];
        float *out = rowOf(a.layer.out, firstToken + token(i, t));
#pragma unroll
        for (int h = 0; h < 2; ++h) {
          const int n = first + lane / 4 + 8 * h;
          if (n >= Layer::kOutputs)
            continue;
          const float y =
              outputOf<C.layer>({ends[h].of(sums[2 * h + t] * factor)});
          out[n] = y;
          if constexpr (C.chooses) {
            TokenKey &best = shared.best[2 * i + t][warp][lane];
            best = greater(best, keyOf(y, n));
          }
        }
      }
    }
  }
  QZC_DEVICE void clearChoice() const {
#pragma unroll
    for (int i = 0; i < kLaneTokens; ++i)
      shared.best[i][warp][lane] = 0;
  }
  /// Joins the likeliest outputs with those that other blocks leave. All
  /// threads.
  QZC_DEVICE void leaveChoice() const {
#pragma unroll
    for (int i = 0; i < kLaneTokens; ++i) {
      TokenKey best = shared.best[i][warp][lane];
#pragma unroll
      for (int mask = 4; mask < kWarp; mask *= 2)
        best = greater(best, __shfl_xor_sync(QZC_FULL_WARP, best, mask));
      shared.best[i][warp][lane] = best;
    }
    __syncthreads();
    // A warp of the first ones takes two tokens of four lanes each.
    const int i = threadIdx.x / 4;
    if (i >= kLaneTokens || token(i / 2, i % 2) >= tokens)
      return;
    TokenKey best = 0;
#pragma unroll
    for (int w = 0; w < kPairWarps; ++w)
      best = greater(best, shared.best[i][w][lane % 4]);
    atomicMax(a.choice + firstToken + token(i / 2, i % 2), best);
  }
};

/// Rows of whole chunks, x 16-byte aligned; a norm without mean and bias that
/// nobody else reads. Grid: pairs, as many as run at once × ceil(T / 32).
/// Dynamic shared memory: pairSharedBytes() and the table.
template <MatvecPair::Config C>
QZC_DEVICE void matvecPair(const MatvecPair::Args<Value> &a) {
  using Layer = BatchLayer<C.layer>;
  using Staged = typename Layer::Staged;
  using O = Operands<Layer::S>;
  using Norms = InputNorm<C.norm>;
  constexpr ClusterTile tile = pairTile(Staged::kGroups, Staged::kSteps);
  constexpr int threads = kPairWarps * kWarp;
  constexpr int units = tile.units();
  constexpr int depth = units > 1 ? 2 : 1;
  constexpr int tiles = (Layer::kOutputs + kPairRows - 1) / kPairRows;
  constexpr int groupBytes = Staged::kSteps / kPanelSteps * 2 * kPanelPartBytes;
  static_assert(!C.layer.gated && !C.layer.end.residual, "rows are outputs");
  static_assert(!C.norm.hasBias, "the factor is of all that is added");
  using Stage =
      SliceStage<Layer::K, Layer::S, Layer::kBlock, tile.elementsOfBlock(),
                 tile.tokens(), 2, kPairWarps, Norms>;
  using Shared = PairShared<Stage>;
  static_assert(tile.columnBytes() + sizeof(Shared) <= pairSharedBytes(tile),
                "the lowering asks for enough");

  QZC_DYNAMIC_SHARED(dynamic);
  // Panels are of whole 1,024 bytes, as is where dynamic memory begins where a
  // kernel has no other.
  auto *columns = reinterpret_cast<uint4 *>(dynamic);
  auto &shared = *reinterpret_cast<Shared *>(dynamic + tile.columnBytes() / 16);
  char *table = reinterpret_cast<char *>(dynamic) + pairSharedBytes(tile);

  launchDependents();
  const int block = blockOfCluster();
  const int firstToken = blockIdx.y * tile.tokens();
  const int tokens = min(a.state->tokens - firstToken, tile.tokens());
  const PairEnd<C, Shared> end = {a, shared, block, firstToken, tokens};
  if (threadIdx.x == 0)
    end.prepareBarriers();
  arriveCluster();

  const auto place = BatchPlace<kPairWarps>::of(tile, block);
  const int pairs = gridDim.x / 2;
  const int firstTile = blockIdx.x / 2;
  const int passes = (tiles - firstTile + pairs - 1) / pairs;
  const auto firstOutput = [&](int pass) {
    return (firstTile + pass * pairs) * kPairRows + place.warpN * kTileRows;
  };
  const typename Layer::Parts parts = {a.layer};
  auto rows = Layer::TileRows::find(parts, firstOutput(0), place.lane);
  typename Layer::Pair ring[depth];
  const auto load = [&](typename Layer::Pair &unit, int group) {
    if (place.firstGroup + group < place.endGroup)
      unit = rows.load(place.firstGroup + group, place.lane);
  };
#pragma unroll
  for (int d = 0; d < depth; ++d)
    load(ring[d], d);
  const Norms norm = {a.norm, nullptr};
  const int firstElement = place.firstGroup * Staged::kGroupElements;
  Stage stage;
  stage.prepare(norm, firstElement);
  O::fill(table, threadIdx.x, threads);
  if constexpr (C.chooses)
    end.clearChoice();
  waitForDependencies();
  stage.run(columns, shared.found, rowOf(a.x, firstToken), a.x.stride, tokens,
            firstElement);
  waitCluster();
  if constexpr (Stage::kIsNormed) {
    const int token = threadIdx.x % tile.tokens();
    if (threadIdx.x < 2 * tile.tokens())
      putInCluster(&shared.squares[block][token], shared.found.squares[token],
                   threadIdx.x / tile.tokens());
    releaseCluster();
    waitCluster();
    if (threadIdx.x < tile.tokens())
      shared.factors[token] =
          Stage::factorOf(shared.squares, token, norm.epsilon);
    __syncthreads();
  }

  PanelPipeline<Layer::K, Layer::S, Layer::kBlock> pipeline;
  // Sums of rows are finished when those of the next ones are there.
#pragma unroll 1
  for (int pass = 0; pass <= passes; ++pass) {
    float sums[kPanelTiles][4];
    if (pass < passes) {
#pragma unroll 1
      for (int unit = 0; unit < units; unit += depth) {
        const bool isLast = unit + depth >= units;
        if (isLast)
          rows =
              Layer::TileRows::find(parts, firstOutput(pass + 1), place.lane);
#pragma unroll
        for (int d = 0; d < depth; ++d) {
          if (unit + d < units && place.firstGroup + unit + d < place.endGroup)
            pipeline.add(ring[d],
                         sharedAddress(columns) + (unit + d) * groupBytes,
                         table, place.lane);
          load(ring[d], (isLast ? 0 : unit + depth) + d);
        }
      }
      pipeline.take(sums);
    }
    if (pass > 0)
      end.finish(parts, firstOutput(pass - 1), (pass - 1) % 2,
                 (pass - 1) / 2 % 2);
    if (pass < passes)
      end.send(sums, pass % 2);
  }
  if constexpr (C.chooses)
    end.leaveChoice();
}

} // namespace qzc::kernels

#endif // QZC_HAS_WGMMA

#endif // QZC_KERNELS_MATVECPAIR_CUH
