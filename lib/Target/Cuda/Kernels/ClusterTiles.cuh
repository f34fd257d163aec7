//===- ClusterTiles.cuh - A cluster's layers on tensor cores: sm_90a ------===//
//
// LaneRows and LaneOutputs for layers whose codes cost more than their bytes:
// 16 rows are a tile, multiplied as matvecTensor multiplies it. All weights of
// a block are in registers before they are needed.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_KERNELS_CLUSTERTILES_CUH
#define QZC_KERNELS_CLUSTERTILES_CUH

#include "ByteDots.cuh"
#include "ClusterLayer.cuh"
#include "HalfDots.cuh"

#ifdef QZC_HAS_WGMMA

namespace qzc::kernels {

template <WeightConfig Weight, int Groups>
using DotsOf =
    typename Choose<hasByteCodes(Weight.storage), ByteDots<Weight, Groups>,
                    HalfDots<Weight, Groups>>::Type;

/// A lane's chunk of a group in rows `row` and `row` + 8 of a tile.
template <LinearConfig L> struct TileUnit {
  using W = WeightsOf<L.weight>;
  typename W::Chunk low, high;

  QZC_DEVICE static TileUnit zero() { return {W::zero(), W::zero()}; }
  QZC_DEVICE static TileUnit load(const MatvecRow &low, const MatvecRow &high,
                                  int chunk) {
    const auto of = [&](const MatvecRow &row) {
      return W::load(row.data, row.scales,
                     static_cast<long long>(row.stored) * L.inputs +
                         chunk * W::kPerChunk);
    };
    return {of(low), of(high)};
  }
};

/// What chunks of a tile's two rows come to.
struct RowPairSums {
  float low = 0.0f;
  float high = 0.0f;

  template <class Dots, class Unit>
  QZC_DEVICE void add(const Dots &dots, const Unit &unit, int group) {
    using W = typename Dots::W;
    float first, second;
    dots.dot(unit.low, unit.high, group, first, second);
    low = fmaf(first, W::scale(unit.low), low);
    high = fmaf(second, W::scale(unit.high), high);
    if constexpr (W::kAffine) {
      low = fmaf(W::minimum(unit.low), dots.sum(group), low);
      high = fmaf(W::minimum(unit.high), dots.sum(group), high);
    }
  }
  /// The sums of the four lanes that share the rows.
  QZC_DEVICE void join() {
#pragma unroll
    for (int mask = 1; mask < 4; mask *= 2) {
      low += __shfl_xor_sync(QZC_FULL_WARP, low, mask);
      high += __shfl_xor_sync(QZC_FULL_WARP, high, mask);
    }
  }
};

/// As LaneRows: a warp takes some columns of all tiles. What is shared is the
/// sums of warps, then the input as it is staged.
template <LinearConfig L, int OfCluster, int Blocks, int Warps, class Norms>
struct TileRows {
  using W = WeightsOf<L.weight>;
  using Unit = TileUnit<L>;
  static constexpr int kThreads = Warps * kWarp;
  static constexpr int kChunks = L.inputs / W::kPerChunk;
  static constexpr int kGroups = (kChunks + 3) / 4;
  static constexpr int kSteps = (kGroups + Warps - 1) / Warps;
  static constexpr int kTiles = (OfCluster + 16 * Blocks - 1) / (16 * Blocks);
  static constexpr int kOfBlock = 16 * kTiles;
  static constexpr int kSumBytes = Warps * kOfBlock * 4;
  using Dots = DotsOf<L.weight, kGroups>;

  float *ofWarps; ///< [Warps, kOfBlock]
  Dots dots;
  int warp, row, chunk;
  int firstRow;
  Unit units[kSteps][kTiles];
  RowEnd<L> end; ///< of row threadIdx.x % kOfBlock
  RegisterStage<kThreads, L.inputs, Dots::kInput.elements(), W::kPerChunk,
                Norms>
      input;

  template <class Find>
  QZC_DEVICE TileRows(char *shared, int block, const Find &find,
                      const Norms &norm)
      : ofWarps(reinterpret_cast<float *>(shared)), dots(shared + kSumBytes),
        warp(warpOfBlock()), row(threadIdx.x % kWarp / 4),
        chunk(threadIdx.x % 4), firstRow(block * kOfBlock) {
#pragma unroll
    for (int tile = 0; tile < kTiles; ++tile) {
      const int n = firstRow + 16 * tile;
      const MatvecRow low = find(n + row);
      const MatvecRow high = find(n + row + 8);
#pragma unroll
      for (int step = 0; step < kSteps; ++step) {
        const int index = 4 * group(step) + chunk;
        units[step][tile] = n < OfCluster && index < kChunks
                                ? Unit::load(low, high, index)
                                : Unit::zero();
      }
    }
    end = RowEnd<L>::load(find(firstRow + threadIdx.x % kOfBlock));
    input.prepare(norm);
    dots.fill(threadIdx.x, kThreads);
  }
  QZC_DEVICE int group(int step) const { return warp * kSteps + step; }
  QZC_DEVICE void stage(float *scratch, const float *x, const Norms &norm) {
    dots.stage(input, scratch, x, norm);
  }
  QZC_DEVICE void multiply() {
    RowPairSums sums[kTiles];
#pragma unroll
    for (int step = 0; step < kSteps; ++step)
      if (kGroups % Warps == 0 || group(step) < kGroups)
#pragma unroll
        for (int tile = 0; tile < kTiles; ++tile)
          sums[tile].add(dots, units[step][tile], group(step));
#pragma unroll
    for (int tile = 0; tile < kTiles; ++tile) {
      sums[tile].join();
      if (chunk == 0) {
        float *to = ofWarps + warp * kOfBlock + 16 * tile + row;
        to[0] = sums[tile].low;
        to[8] = sums[tile].high;
      }
    }
  }
  template <class Send> QZC_DEVICE void send(const Send &send) {
    __syncthreads();
    constexpr int atOnce = kThreads / kOfBlock;
    const int local = threadIdx.x % kOfBlock;
    const int n = firstRow + local;
    float sum = 0.0f;
#pragma unroll
    for (int w = 0; w < Warps; ++w)
      sum += ofWarps[w * kOfBlock + local];
    const float value = end.of(sum);
    if (threadIdx.x < atOnce * kOfBlock && n < OfCluster)
      for (int to = threadIdx.x / kOfBlock; to < Blocks; to += atOnce)
        send(n, value, to);
  }
  template <bool IsInput>
  QZC_DEVICE const float *residual(const float *row) const {
    static_assert(!IsInput, "the input is staged as digits or halves");
    return row;
  }
  /// Behind what is shared, a table last.
  QZC_DEVICE char *sharedEnd() const {
    return reinterpret_cast<char *>(ofWarps) + kSumBytes + Dots::kSharedBytes;
  }
};

/// Tiles of a layer's outputs that each of `blocks` makes.
constexpr int tilesOfBlock(int outputs, int blocks) {
  return (outputs + 16 * blocks - 1) / (16 * blocks);
}

/// As LaneOutputs: a warp takes whole tiles. The columns are staged over the
/// input of a TileRows, whose table stays.
template <LinearConfig L, int Columns, int Blocks, int Warps>
struct TileOutputs
    : OutputRows<L, 16 * tilesOfBlock(L.parts[0].rows, Blocks), Warps> {
  using W = WeightsOf<L.weight>;
  using Unit = TileUnit<L>;
  static constexpr int kTiles = tilesOfBlock(L.parts[0].rows, Blocks);
  using Rows = OutputRows<L, 16 * kTiles, Warps>;
  using Rows::firstRow, Rows::isRow, Rows::parts;
  static constexpr int kThreads = Warps * kWarp;
  static constexpr int kOfWarp = (kTiles + Warps - 1) / Warps;
  static constexpr int kChunks = Columns / W::kPerChunk;
  static constexpr int kGroups = (kChunks + 3) / 4;
  static_assert(Columns % W::kPerChunk == 0, "columns are whole chunks");
  using Dots = DotsOf<L.weight, kGroups>;
  struct Inputs {
    alignas(16) float values[Columns];

    QZC_DEVICE float &at(int i) { return values[i]; }
  };

  int firstColumn;
  int warp, row, chunk;
  Unit units[kOfWarp][kGroups];

  QZC_DEVICE TileOutputs(const LinearArgs<Value> &args, int block,
                         int firstColumn)
      : Rows(args, block), firstColumn(firstColumn), warp(warpOfBlock()),
        row(threadIdx.x % kWarp / 4), chunk(threadIdx.x % 4) {}
  /// The block's row that a tile of the warp begins with.
  QZC_DEVICE int tile(int t) const { return 16 * (t * Warps + warp); }
  QZC_DEVICE void prepare() {
#pragma unroll
    for (int t = 0; t < kOfWarp; ++t) {
      const int n = firstRow + tile(t) + row;
      const MatvecRow low = parts.find(n, 0);
      const MatvecRow high = parts.find(n + 8, 0);
#pragma unroll
      for (int g = 0; g < kGroups; ++g) {
        const int index = 4 * g + chunk;
        units[t][g] =
            isRow(tile(t)) && index < kChunks
                ? Unit::load(low, high, firstColumn / W::kPerChunk + index)
                : Unit::zero();
      }
    }
  }
  QZC_DEVICE void run(float *partial, const Inputs &columns, char *sharedEnd) {
    using None = InputNorm<NormConfig{}>;
    const Dots dots(sharedEnd - Dots::kSharedBytes);
    const RegisterStage<kThreads, Columns, Dots::kInput.elements(),
                        W::kPerChunk, None>
        stage = {};
    dots.stage(stage, nullptr, columns.values, None{});
#pragma unroll
    for (int t = 0; t < kOfWarp; ++t) {
      RowPairSums sums;
#pragma unroll
      for (int g = 0; g < kGroups; ++g)
        sums.add(dots, units[t][g], g);
      sums.join();
      const int local = tile(t) + row + 8 * chunk;
      if (chunk < 2 && isRow(local))
        leaveWord(partial + firstRow + local,
                  chunk == 0 ? sums.low : sums.high);
    }
  }
};

} // namespace qzc::kernels

#endif // QZC_HAS_WGMMA

#endif // QZC_KERNELS_CLUSTERTILES_CUH
