//===- MatvecCluster.cuh - Up to 8 or 32 tokens, by clusters: sm_90a ------===//
//
// What matvecFew computes. The blocks of a cluster share the columns of its
// rows, so that each makes operands of a part of the inputs only, and send
// their sums to the one that finishes a row. A norm is a weight of each input
// and a factor of each token: of what that is made of, blocks send their parts
// along with the sums. Of up to 32 tokens columns are panels of warpgroups.
//
// What others write to is dynamic, so that it is in one place in all blocks.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_KERNELS_MATVECCLUSTER_CUH
#define QZC_KERNELS_MATVECCLUSTER_CUH

#include "BatchLayer.cuh"
#include "ClusterLayer.cuh"
#include "ClusterTile.h"
#include "SliceStage.cuh"

#ifdef QZC_HAS_WGMMA

namespace qzc::kernels {

/// What a block has in shared memory.
template <MatvecCluster::Config C, class Stage> struct MatvecShared {
  static constexpr int kSources = C.blocks * (C.warps / C.warpsN);
  static constexpr int kTiles = C.warpsN * C.rowTiles / C.blocks;
  static constexpr int kTokens = C.tokenTiles * kTileTokens;

  /// Of tiles that it finishes.
  float4 sums[kSources][kTiles][C.tokenTiles][kWarp];
  float squares[C.blocks][kTokens];
  typename Stage::Found found;
  alignas(8) unsigned long long sent; ///< barrier of the sums and the squares

  QZC_DEVICE static constexpr unsigned bytesSent() {
    return sizeof(sums) + (Stage::kIsNormed ? sizeof(squares) : 0);
  }
};

/// Rows of whole chunks, x 16-byte aligned; a norm without mean and bias that
/// nobody else reads. Grid: clusters of `blocks` blocks, of
/// ClusterTile::tiles() tiles of rows (gated: half of them gate rows) × ceil(T
/// / ClusterTile::tokens()). Dynamic shared memory: ClusterTile::sharedBytes()
/// and the table.
template <MatvecCluster::Config C>
QZC_DEVICE void matvecCluster(const MatvecCluster::Args<Value> &a) {
  using Layer = BatchLayer<C.layer>;
  using Staged = typename Layer::Staged;
  using O = OperandsFor<Layer::S, C.tokenTiles>;
  using Norms = InputNorm<C.norm>;
  constexpr ClusterTile tile = {Staged::kGroups, Staged::kSteps, C.tokenTiles,
                                C.rowTiles,      C.warps,        C.warpsN,
                                C.blocks};
  // Few sums are waited for by their bytes, which so many would be slow to
  // count.
  constexpr bool isFew = C.tokenTiles == 1;
  constexpr int threads = C.warps * kWarp;
  constexpr int warpsK = tile.warpsK();
  constexpr int sources = tile.sources();
  constexpr int units = tile.units();
  constexpr int depth =
      !isFew ? (units > 1 ? 2 : 1)
      : isLargeBook<Layer::K, Layer::S, Layer::kBlock>() && tile.depth() > 2
          ? 2
          : tile.depth();
  constexpr int ofBlock = tile.tilesOfBlock();
  constexpr int rounds = (ofBlock * C.tokenTiles + C.warps - 1) / C.warps;
  static_assert(tile.tiles() % C.blocks == 0, "blocks finish as many tiles");
  static_assert(!C.norm.hasBias, "the factor is of all that is added");
  using Stage =
      SliceStage<Layer::K, Layer::S, Layer::kBlock, tile.elementsOfBlock(),
                 tile.tokens(), C.blocks, C.warps, Norms>;
  using Shared = MatvecShared<C, Stage>;
  static_assert(tile.columnBytes() + sizeof(Shared) <= tile.sharedBytes(),
                "the lowering asks for enough");

  QZC_DYNAMIC_SHARED(dynamic);
  // Panels are of whole 1,024 bytes, as is where dynamic memory begins where a
  // kernel has no other.
  auto *columns = reinterpret_cast<uint4 *>(dynamic);
  auto &shared = *reinterpret_cast<Shared *>(dynamic + tile.columnBytes() / 16);
  char *table = reinterpret_cast<char *>(dynamic) + tile.sharedBytes();
  const unsigned sent = sharedAddress(&shared.sent);

  launchDependents();
  // Nobody sends to a block whose barrier is not there.
  if (isFew && threadIdx.x == 0) {
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
  const auto load = [&](Unit &unit, int number) {
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
  // A warp finishes tiles of the block, each of a tile of tokens; a thread what
  // a lane has of them: two rows of two tokens.
  struct Finished {
    int inBlock, tokenTile;
    QZC_DEVICE explicit Finished(int round) {
      const int number =
          round * C.warps + static_cast<int>(threadIdx.x) / kWarp;
      inBlock = number / C.tokenTiles;
      tokenTile = number % C.tokenTiles;
    }
    QZC_DEVICE explicit operator bool() const { return inBlock < ofBlock; }
  };
  const int firstFinished = firstTile + block * ofBlock;
  TileEnd<C.layer> ends[rounds];
#pragma unroll
  for (int i = 0; i < rounds; ++i) {
    const Finished mine(i);
    ends[i] = TileEnd<C.layer>::load(
        parts, (firstFinished + mine.inBlock) * Layer::kPerTile,
        mine.tokenTile * kTileTokens, place.lane);
  }
  const Norms norm = {a.norm, nullptr};
  Stage stage;
  stage.prepare(norm, firstElement);
  O::fill(table, threadIdx.x, threads);
  const int firstToken = blockIdx.y * tile.tokens();
  const int tokens = min(a.state->tokens - firstToken, tile.tokens());
  waitForDependencies();
  stage.run(columns, shared.found, rowOf(a.x, firstToken), a.x.stride, tokens,
            firstElement);

  float sums[C.rowTiles][C.tokenTiles][4] = {};
#pragma unroll 1
  for (int first = 0; first < units; first += depth) {
#pragma unroll
    for (int d = 0; d < depth; ++d) {
      const int group = place.warpK + (first + d) * warpsK;
      if (first + d < units && place.firstGroup + group < place.endGroup) {
        if constexpr (isFew)
          multiplyGroup<Layer::K, Layer::S, Layer::kBlock, C.rowTiles, 1>(
              sums, ring[d], columns + group * (Staged::kSteps * 32), 0, table,
              place.lane);
        else
          multiplyPanelGroup<Layer::K, Layer::S, Layer::kBlock>(
              sums[0], ring[d][0],
              sharedAddress(columns) +
                  group * (Staged::kSteps / kPanelSteps * 2 * kPanelPartBytes),
              table, place.lane);
      }
      load(ring[d], first + d + depth);
    }
  }

  waitCluster();
#pragma unroll
  for (int j = 0; j < C.tokenTiles; ++j) {
    const float *scales =
        shared.found.scales + j * kTileTokens + 2 * (place.lane % 4);
#pragma unroll
    for (int r = 0; r < C.rowTiles; ++r) {
      const int of = place.warpN * C.rowTiles + r;
      const float4 scaled = scaledSums(sums[r][j], scales);
      float4 *to =
          &shared
               .sums[block * warpsK + place.warpK][of % ofBlock][j][place.lane];
      if constexpr (isFew)
        storeFourInCluster(to, scaled, of / ofBlock, sent);
      else
        putFourInCluster(to, scaled, of / ofBlock);
    }
  }
  if constexpr (Stage::kIsNormed)
    for (int i = threadIdx.x; i < C.blocks * tile.tokens(); i += threads) {
      const int token = i % tile.tokens();
      float *to = &shared.squares[block][token];
      const float square = shared.found.squares[token];
      if constexpr (isFew)
        storeInCluster(to, square, i / tile.tokens(), sent);
      else
        putInCluster(to, square, i / tile.tokens());
    }
  if constexpr (!isFew)
    releaseCluster();
#pragma unroll
  for (int i = 0; i < rounds; ++i)
    if (Finished(i))
      ends[i].loadResidual(a.layer.residual, firstToken, tokens);
  if constexpr (isFew)
    awaitSent(sent);
  else
    waitCluster();

#pragma unroll
  for (int i = 0; i < rounds; ++i) {
    const Finished mine(i);
    if (!mine)
      return;
    const float4 sum = joinFours<sources>(
        &shared.sums[0][mine.inBlock][mine.tokenTile][place.lane],
        ofBlock * C.tokenTiles * kWarp, [](const float4 *p) { return *p; });
    ends[i].put(a.layer.out, firstToken, tokens, sum, [&](int token) {
      return Stage::factorOf(shared.squares, token, norm.epsilon);
    });
  }
}

} // namespace qzc::kernels

#endif // QZC_HAS_WGMMA

#endif // QZC_KERNELS_MATVECCLUSTER_CUH
