//===- MatvecCluster.cuh - Up to eight tokens, by clusters: sm_90a --------===//
//
// What matvecFew computes. The blocks of a cluster share the columns of its
// rows, so that each makes operands of a part of the inputs only, and send
// their sums to the one that finishes a row. A norm is a weight of each input
// and a factor of each token: of what that is made of, blocks send their parts
// along with the sums.
//
// What others write to is dynamic, so that it is in one place in all blocks.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_KERNELS_MATVECCLUSTER_CUH
#define QZC_KERNELS_MATVECCLUSTER_CUH

#include "BatchLayer.cuh"
#include "ClusterLayer.cuh"
#include "ClusterTile.h"

#ifdef QZC_HAS_WGMMA

namespace qzc::kernels {

/// Makes columns of `Elements` inputs of each of 8 tokens, zero beyond the K
/// that there are, without the factor of their norm. Warps / 8 warps have a
/// token.
template <int K, Storage S, int Block, int Elements, int Blocks, int Warps,
          class NormsOfInput>
struct SliceStage {
  using Norms = NormsOfInput;
  using C = Columns<K, S, Block>;
  static constexpr bool kIsNormed = Norms::kKind != Norm::None;
  static constexpr int kWarps = Warps / kTileTokens; ///< of a token
  static constexpr int kThreads = kWarps * kWarp;
  static constexpr int kQuads = (Elements + 4 * kThreads - 1) / (4 * kThreads);
  static_assert(Norms::kKind != Norm::Layer, "a mean is of whole rows");
  /// Of the tokens, in shared memory.
  struct Found {
    float scales[kTileTokens];
    float squares[kTileTokens]; ///< sums of inputs' squares, where normed
    float scratch[2][Warps];
  };
  typename Norms::Four fours[kQuads];

  QZC_DEVICE static int token() {
    return static_cast<int>(threadIdx.x) / kThreads;
  }
  /// Number of this thread's quad j in the block's range.
  QZC_DEVICE static int quad(int j) {
    return j * kThreads + static_cast<int>(threadIdx.x) % kThreads;
  }
  QZC_DEVICE static bool isColumn(int j) {
    return Elements % (4 * kThreads) == 0 || 4 * quad(j) < Elements;
  }
  QZC_DEVICE static bool isInput(int j, int begin) {
    return isColumn(j) && (K == Blocks * Elements || begin + 4 * quad(j) < K);
  }

  QZC_DEVICE void prepare(const Norms &norm, int begin) {
#pragma unroll
    for (int j = 0; j < kQuads; ++j)
      if (isInput(j, begin))
        fours[j].load(norm, begin + 4 * quad(j));
  }
  /// Elements begin … begin + Elements − 1 of `tokens` tokens, times their
  /// scales. All threads; ends with a barrier.
  QZC_DEVICE void run(uint4 *columns, Found &found, const float *x, int xStride,
                      int tokens, int begin) const {
    float4 v[kQuads];
    const float *row = x + static_cast<long long>(token()) * xStride + begin;
#pragma unroll
    for (int j = 0; j < kQuads; ++j)
      v[j] = token() < tokens && isInput(j, begin)
                 ? *reinterpret_cast<const float4 *>(row + 4 * quad(j))
                 : float4{0.0f, 0.0f, 0.0f, 0.0f};
    if constexpr (kIsNormed) {
      float square = 0.0f;
#pragma unroll
      for (int j = 0; j < kQuads; ++j) {
        square += (v[j].x * v[j].x + v[j].y * v[j].y) +
                  (v[j].z * v[j].z + v[j].w * v[j].w);
        if (isInput(j, begin))
          fours[j].apply(v[j], 1.0f);
      }
      found.squares[token()] =
          reduceWarps<Sum, kWarps>(square, found.scratch[0]);
    }
    float absmax = 0.0f;
#pragma unroll
    for (int j = 0; j < kQuads; ++j)
      absmax = fmaxf(absmax, largestOf(v[j]));
    const float scale =
        columnScale(reduceWarps<Max, kWarps>(absmax, found.scratch[1]));
    const float inverse = inverseOfPower(scale);
#pragma unroll
    for (int j = 0; j < kQuads; ++j)
      if (isColumn(j))
        columns[C::piece(4 * quad(j), token())] = pieceOf<S>(v[j], inverse);
    found.scales[token()] = scale;
    __syncthreads();
  }
};

/// What a block has in shared memory.
template <MatvecCluster::Config C, class Stage> struct MatvecShared {
  static constexpr int kSources = C.blocks * (C.warps / C.warpsN);
  static constexpr int kTiles = C.warpsN * C.rowTiles / C.blocks;

  float4 sums[kSources][kTiles][kWarp]; ///< of tiles that it finishes
  float squares[C.blocks][kTileTokens];
  typename Stage::Found found;
  alignas(8) unsigned long long sent; ///< barrier of the sums and the squares

  QZC_DEVICE static constexpr unsigned bytesSent() {
    return sizeof(sums) + (Stage::kIsNormed ? sizeof(squares) : 0);
  }
};

/// Rows of whole chunks, x 16-byte aligned, at most 8 tokens; a norm without
/// mean and bias that nobody else reads. Grid: clusters of `blocks` blocks, of
/// ClusterTile::tiles() tiles of rows (gated: half of them gate rows). Dynamic
/// shared memory: ClusterTile::sharedBytes() and the table.
template <MatvecCluster::Config C>
QZC_DEVICE void matvecCluster(const MatvecCluster::Args<Value> &a) {
  using Layer = BatchLayer<C.layer>;
  using Staged = typename Layer::Staged;
  using O = OperandsFor<Layer::S, 1>;
  using Norms = InputNorm<C.norm>;
  constexpr ClusterTile tile = {Staged::kGroups, Staged::kSteps, C.rowTiles,
                                C.warps,         C.warpsN,       C.blocks};
  constexpr int threads = C.warps * kWarp;
  constexpr int warpsK = tile.warpsK();
  constexpr int sources = tile.sources();
  constexpr int units = tile.units();
  constexpr int depth =
      isLargeBook<Layer::K, Layer::S, Layer::kBlock>() && tile.depth() > 2
          ? 2
          : tile.depth();
  constexpr int ofBlock = tile.tilesOfBlock();
  static_assert(tile.tiles() % C.blocks == 0, "blocks finish as many tiles");
  static_assert(ofBlock * kWarp <= threads, "a lane's sums for each thread");
  static_assert(!C.norm.hasBias, "the factor is of all that is added");
  using Stage = SliceStage<Layer::K, Layer::S, Layer::kBlock,
                           tile.elementsOfBlock(), C.blocks, C.warps, Norms>;
  using Shared = MatvecShared<C, Stage>;
  static_assert(tile.columnBytes() + sizeof(Shared) <= tile.sharedBytes(),
                "the lowering asks for enough");

  QZC_DYNAMIC_SHARED(dynamic);
  auto *columns = reinterpret_cast<uint4 *>(dynamic);
  auto &shared = *reinterpret_cast<Shared *>(dynamic + tile.columnBytes() / 16);
  char *table = reinterpret_cast<char *>(dynamic) + tile.sharedBytes();
  const unsigned sent = sharedAddress(&shared.sent);

  launchDependents();
  // Nobody sends to a block whose barrier is not there.
  if (threadIdx.x == 0) {
    initBarrier(sent, 1);
    publishBarriers();
    expectBytes(sent, Shared::bytesSent());
  }
  arriveCluster();
  const int block = blockOfCluster();
  const int firstTile = blockIdx.x / C.blocks * tile.tiles();
  const auto place = BatchPlace<C.warpsN>::of(tile, block);
  const int firstElement = place.firstGroup * Staged::kGroupElements;

  const typename Layer::Parts parts = {a.layer};
  using Unit = typename Layer::Pair[C.rowTiles];
  typename Layer::TileRows rows[C.rowTiles];
#pragma unroll
  for (int r = 0; r < C.rowTiles; ++r)
    rows[r] = Layer::TileRows::find(
        parts, (firstTile + place.warpN * C.rowTiles + r) * Layer::kPerTile,
        place.lane);
  auto load = [&](Unit &unit, int number) {
    const int group = place.firstGroup + place.warpK + number * warpsK;
    if (number >= units || group >= place.endGroup)
      return;
#pragma unroll
    for (int r = 0; r < C.rowTiles; ++r)
      unit[r] = rows[r].load(group, place.lane);
  };
  Unit ring[depth];
#pragma unroll
  for (int d = 0; d < depth; ++d)
    load(ring[d], d);
  // A thread finishes what a lane has of a tile: two rows of two tokens.
  const bool finishes = threadIdx.x < ofBlock * kWarp;
  const int mine =
      firstTile + block * ofBlock + static_cast<int>(threadIdx.x) / kWarp;
  const auto ends =
      Layer::TileRows::find(parts, mine * Layer::kPerTile, place.lane);
  const RowEnd<C.layer> endOf[2] = {RowEnd<C.layer>::load(ends.low),
                                    RowEnd<C.layer>::load(ends.high)};
  const Norms norm = {a.norm, nullptr};
  Stage stage;
  stage.prepare(norm, firstElement);
  O::fill(table, threadIdx.x, threads);
  const int tokens = min(a.state->tokens, kTileTokens);
  waitForDependencies();
  stage.run(columns, shared.found, a.x.first, a.x.stride, tokens, firstElement);

  float sums[C.rowTiles][1][4] = {};
#pragma unroll 1
  for (int first = 0; first < units; first += depth) {
#pragma unroll
    for (int d = 0; d < depth; ++d) {
      const int group = place.warpK + (first + d) * warpsK;
      if (first + d < units && place.firstGroup + group < place.endGroup)
        multiplyGroup<Layer::K, Layer::S, Layer::kBlock, C.rowTiles, 1>(
            sums, ring[d], columns + group * (Staged::kSteps * 32), 0, table,
            place.lane);
      load(ring[d], first + d + depth);
    }
  }

  waitCluster();
  const int firstToken = 2 * (place.lane % 4);
  const float scales[2] = {shared.found.scales[firstToken],
                           shared.found.scales[firstToken + 1]};
#pragma unroll
  for (int r = 0; r < C.rowTiles; ++r) {
    const int of = place.warpN * C.rowTiles + r;
    const float(&s)[4] = sums[r][0];
    storeFourInCluster(
        &shared.sums[block * warpsK + place.warpK][of % ofBlock][place.lane],
        {s[0] * scales[0], s[1] * scales[1], s[2] * scales[0],
         s[3] * scales[1]},
        of / ofBlock, sent);
  }
  if constexpr (Stage::kIsNormed)
    if (threadIdx.x < C.blocks * kTileTokens) {
      const int token = threadIdx.x % kTileTokens;
      storeInCluster(&shared.squares[block][token], shared.found.squares[token],
                     threadIdx.x / kTileTokens, sent);
    }
  float added[2][2] = {};
  if (C.layer.end.residual && finishes)
#pragma unroll
    for (int t = 0; t < 2; ++t)
#pragma unroll
      for (int h = 0; h < 2; ++h) {
        const int n = mine * Layer::kPerTile + place.lane / 4 + 8 * h;
        if (firstToken + t < tokens && n < Layer::kOutputs)
          added[h][t] = rowOf(a.layer.residual, firstToken + t)[n];
      }
  awaitSent(sent);
  if (!finishes)
    return;

  const float4 sum =
      joinFours<sources>(&shared.sums[0][0][0] + threadIdx.x, ofBlock * kWarp,
                         [](const float4 *p) { return *p; });
#pragma unroll
  for (int t = 0; t < 2; ++t) {
    const int token = firstToken + t;
    if (token >= tokens)
      continue;
    float factor = 1.0f;
    if constexpr (Stage::kIsNormed) {
      float square = shared.squares[0][token];
#pragma unroll
      for (int b = 1; b < C.blocks; ++b)
        square += shared.squares[b][token];
      factor = 1.0f / sqrtf(square / Layer::K + norm.epsilon);
    }
    const float y[2] = {endOf[0].of((t == 0 ? sum.x : sum.y) * factor),
                        endOf[1].of((t == 0 ? sum.z : sum.w) * factor)};
    float *out = rowOf(a.layer.out, token);
    const int n = mine * Layer::kPerTile + place.lane / 4;
    if constexpr (C.layer.gated) {
      if (n < Layer::kOutputs)
        out[n] = outputOf<C.layer>(y) + added[0][t];
    } else {
#pragma unroll
      for (int h = 0; h < 2; ++h)
        if (n + 8 * h < Layer::kOutputs)
          out[n + 8 * h] = outputOf<C.layer>({y[h]}) + added[h][t];
    }
  }
}

} // namespace qzc::kernels

#endif // QZC_HAS_WGMMA

#endif // QZC_KERNELS_MATVECCLUSTER_CUH
