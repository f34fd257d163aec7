//===- MatvecSplit.cuh - Up to 32 tokens, by blocks of few inputs: sm_90a -===//
//
// What matvecFew computes. Blocks make columns of a part of the inputs each,
// without a cluster, so that they may be as many as there are processors. Their
// sums meet in scratch, as do what they find of a norm's squares: words that
// are zero until they are there, as in ClusterLayer.cuh.
//
// Each block finishes a share of the rows. It may only wait for blocks that
// have begun: one that finds that some have not leaves its share to the one
// that begins last.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_KERNELS_MATVECSPLIT_CUH
#define QZC_KERNELS_MATVECSPLIT_CUH

#include "BatchLayer.cuh"
#include "PanelPipeline.cuh"
#include "SliceStage.cuh"
#include "SplitTile.h"

#ifdef QZC_HAS_WGMMA

namespace qzc::kernels {

/// Which shares a block finishes, of `Blocks` blocks of the same rows: what
/// thread 0 knows. The counter, zero between launches, has how many have begun,
/// how many of the others than the last have asked, and for which shares.
template <int Blocks> class RowShares {
  static_assert(Blocks <= 16, "numbers and a mask in a word");
  unsigned *counter;
  unsigned own; ///< this block's share
  unsigned atBegin = 0;
  unsigned asked = 0;

  QZC_DEVICE static unsigned begun(unsigned word) { return word % 32; }
  QZC_DEVICE static unsigned askers(unsigned word) { return word / 32 % 32; }
  QZC_DEVICE bool isLast() const { return begun(atBegin) == Blocks - 1; }

public:
  QZC_DEVICE RowShares(unsigned *counter, int block)
      : counter(counter), own(1u << block) {}
  /// Behind the wait for the launch before.
  QZC_DEVICE void begin() { atBegin = atomicAdd(counter, 1u); }
  /// Later, so that blocks that begin together find that all have.
  QZC_DEVICE void ask() {
    if (!isLast())
      asked = atomicAdd(counter, own << 16 | 32u);
  }
  /// The shares, a bit each. Whoever knows that all have asked leaves zero.
  QZC_DEVICE unsigned get() const {
    if (isLast()) {
      if (askers(atBegin) == Blocks - 1)
        *counter = 0;
      return atBegin >> 16 | own;
    }
    if (begun(asked) < Blocks)
      return 0;
    if (askers(asked) == Blocks - 2)
      *counter = 0;
    return own;
  }
};

/// What a block has in shared memory.
template <class Stage, int Splits> struct SplitShared {
  typename Stage::Found found;
  float squares[Splits][kPanelTiles * kTileTokens]; ///< of all blocks
  unsigned shares;
};

/// What blocks of the same rows leave in scratch for those that finish them.
template <int Splits> struct SplitWords {
  static constexpr int kTokens = kPanelTiles * kTileTokens;
  static constexpr int kUnits = kSplitWarps * kPanelTiles;
  static constexpr int kOfShare = (kUnits + Splits - 1) / Splits;
  static_assert(kOfShare <= kSplitWarps, "a warp has one");

  float4 *sums;   ///< [unit][split][lane]
  float *squares; ///< [share][split][token]

  QZC_DEVICE SplitWords(float4 *sums, float *squares, int number)
      : sums(sums + static_cast<long long>(number) * kUnits * Splits * kWarp),
        squares(squares + number * Splits * Splits * kTokens) {}
  QZC_DEVICE void leaveSum(int unit, int split, int lane, const float4 &sum) {
    leaveWords(sums + (unit * Splits + split) * kWarp + lane, sum);
  }
  /// What all blocks leave of a unit, added up in their order.
  QZC_DEVICE float4 takeSum(int unit, int lane) {
    float4 *from = sums + unit * Splits * kWarp + lane;
    float4 parts[Splits];
    bool areThere;
    do {
      areThere = true;
#pragma unroll
      for (int i = 0; i < Splits; ++i)
        parts[i] = wordsLeft(from + i * kWarp);
#pragma unroll
      for (int i = 0; i < Splits; ++i)
        areThere &= areWords(parts[i]);
    } while (!areThere);
#pragma unroll
    for (int i = 0; i < Splits; ++i)
      from[i * kWarp] = float4{0.0f, 0.0f, 0.0f, 0.0f};
#pragma unroll
    for (int i = 1; i < Splits; ++i) {
      parts[0].x += parts[i].x, parts[0].y += parts[i].y;
      parts[0].z += parts[i].z, parts[0].w += parts[i].w;
    }
    return parts[0];
  }
  /// All threads, as is the next.
  QZC_DEVICE void leaveSquares(int split, const float *ofTokens) {
    for (int i = threadIdx.x; i < Splits * kTokens; i += kSplitWarps * kWarp)
      leaveWord(squares + (i / kTokens * Splits + split) * kTokens +
                    i % kTokens,
                ofTokens[i % kTokens]);
  }
  QZC_DEVICE void takeSquares(int share, float (&to)[Splits][kTokens]) {
    for (int i = threadIdx.x; i < Splits * kTokens; i += kSplitWarps * kWarp) {
      float *from = squares + share * Splits * kTokens + i;
      float word;
      do
        word = wordLeft(from);
      while (!isWord(word));
      *from = 0.0f;
      to[i / kTokens][i % kTokens] = word;
    }
    __syncthreads();
  }
};

/// Rows of whole chunks, x 16-byte aligned; a norm without mean and bias that
/// nobody else reads. Grid: `splits` blocks of each 16 tiles of rows (gated:
/// half of them gate rows) × ceil(T / 32). Dynamic shared memory:
/// splitSharedBytes() and the table.
template <MatvecSplit::Config C>
QZC_DEVICE void matvecSplit(const MatvecSplit::Args<Value> &a) {
  using Layer = BatchLayer<C.layer>;
  using Staged = typename Layer::Staged;
  using O = Operands<Layer::S>;
  using Norms = InputNorm<C.norm>;
  using Words = SplitWords<C.splits>;
  constexpr ClusterTile tile =
      splitTile(Staged::kGroups, Staged::kSteps, C.splits);
  constexpr int threads = kSplitWarps * kWarp;
  constexpr int units = tile.units();
  constexpr int depth = units > 1 ? 2 : 1;
  constexpr int groupBytes = Staged::kSteps / kPanelSteps * 2 * kPanelPartBytes;
  static_assert(!C.norm.hasBias, "the factor is of all that is added");
  using Stage =
      SliceStage<Layer::K, Layer::S, Layer::kBlock, tile.elementsOfBlock(),
                 tile.tokens(), C.splits, kSplitWarps, Norms>;
  using Shared = SplitShared<Stage, C.splits>;
  static_assert(tile.columnBytes() + sizeof(Shared) <= splitSharedBytes(tile),
                "the lowering asks for enough");

  QZC_DYNAMIC_SHARED(dynamic);
  // Panels are of whole 1,024 bytes, as is where dynamic memory begins where a
  // kernel has no other.
  auto *columns = reinterpret_cast<uint4 *>(dynamic);
  auto &shared = *reinterpret_cast<Shared *>(dynamic + tile.columnBytes() / 16);
  char *table = reinterpret_cast<char *>(dynamic) + splitSharedBytes(tile);

  launchDependents();
  const int split = blockIdx.x % C.splits;
  const int ofRows = blockIdx.x / C.splits;
  const int number = blockIdx.y * (gridDim.x / C.splits) + ofRows;
  const auto place = BatchPlace<kSplitWarps>::of(tile, split);
  const int firstElement = place.firstGroup * Staged::kGroupElements;
  const auto firstOutput = [&](int tileOfRows) {
    return (ofRows * kSplitWarps + tileOfRows) * Layer::kPerTile;
  };

  const typename Layer::Parts parts = {a.layer};
  const auto rows =
      Layer::TileRows::find(parts, firstOutput(place.warpN), place.lane);
  const auto load = [&](typename Layer::Pair &unit, int group) {
    if (group < units && place.firstGroup + group < place.endGroup)
      unit = rows.load(place.firstGroup + group, place.lane);
  };
  typename Layer::Pair ring[depth];
#pragma unroll
  for (int d = 0; d < depth; ++d)
    load(ring[d], d);
  const Norms norm = {a.norm, nullptr};
  Stage stage;
  stage.prepare(norm, firstElement);
  O::fill(table, threadIdx.x, threads);
  const int firstToken = blockIdx.y * tile.tokens();
  const int tokens = min(a.state->tokens - firstToken, tile.tokens());
  RowShares<C.splits> shares(&a.state->counters[number], split);
  waitForDependencies();
  if (threadIdx.x == 0)
    shares.begin();
  stage.run(columns, shared.found, rowOf(a.x, firstToken), a.x.stride, tokens,
            firstElement);
  if (threadIdx.x == 0)
    shares.ask();
  Words words(reinterpret_cast<float4 *>(a.sums), a.squares, number);
  if constexpr (Stage::kIsNormed)
    words.leaveSquares(split, shared.found.squares);

  PanelPipeline<Layer::K, Layer::S, Layer::kBlock> pipeline;
#pragma unroll 1
  for (int unit = 0; unit < units; unit += depth) {
#pragma unroll
    for (int d = 0; d < depth; ++d) {
      if (unit + d < units && place.firstGroup + unit + d < place.endGroup)
        pipeline.add(ring[d], sharedAddress(columns) + (unit + d) * groupBytes,
                     table, place.lane);
      load(ring[d], unit + d + depth);
    }
  }
  float sums[kPanelTiles][4];
  pipeline.take(sums);

  const int pair = 2 * (place.lane % 4); ///< of a tile's tokens, the first
#pragma unroll
  for (int j = 0; j < kPanelTiles; ++j)
    if (j * kTileTokens < tokens) {
      const float *scales = shared.found.scales + j * kTileTokens + pair;
      words.leaveSum(place.warpN * kPanelTiles + j, split, place.lane,
                     scaledSums(sums[j], scales));
    }
  if (threadIdx.x == 0)
    shared.shares = shares.get();
  __syncthreads();
#pragma unroll 1
  for (int share = 0; share < C.splits; ++share) {
    if ((shared.shares >> share & 1) == 0)
      continue;
    if constexpr (Stage::kIsNormed)
      words.takeSquares(share, shared.squares);
    const int unit = share * Words::kOfShare + place.warpN;
    const int tileOfTokens = unit % kPanelTiles * kTileTokens;
    if (place.warpN < Words::kOfShare && unit < Words::kUnits &&
        tileOfTokens < tokens) {
      auto end = TileEnd<C.layer>::load(parts, firstOutput(unit / kPanelTiles),
                                        tileOfTokens, place.lane);
      end.loadResidual(a.layer.residual, firstToken, tokens);
      const float4 sum = words.takeSum(unit, place.lane);
      end.put(a.layer.out, firstToken, tokens, sum, [&](int token) {
        return Stage::factorOf(shared.squares, token, norm.epsilon);
      });
    }
    if constexpr (Stage::kIsNormed)
      __syncthreads();
  }
}

} // namespace qzc::kernels

#endif // QZC_HAS_WGMMA

#endif // QZC_KERNELS_MATVECSPLIT_CUH
