//===- TileRows.cuh - A cluster's layers on tensor cores: sm_90a ----------===//
//
// LaneRows and LaneOutputs for layers whose codes cost more than their bytes:
// 16 rows are a tile, multiplied as matvecTensor multiplies it. All weights of
// a block are in registers before they are needed.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_KERNELS_TILEROWS_CUH
#define QZC_KERNELS_TILEROWS_CUH

#include "ClusterLayer.cuh"
#include "LoneDots.cuh"

#ifdef QZC_HAS_WGMMA

namespace qzc::kernels {

/// The chunk of two rows with this number.
template <LinearConfig L>
QZC_DEVICE ChunkPair<WeightsOf<L.weight>>
loadPair(const MatvecRow &low, const MatvecRow &high, unsigned number) {
  return {loadChunkOf<L>(low, number), loadChunkOf<L>(high, number)};
}

/// A norm that each block also leaves to itself, in shared memory.
template <class Norms> struct SharedNorm : Norms {
  static constexpr bool kKeeps = true;
  float *row;

  QZC_DEVICE bool keeps() const { return true; }
  QZC_DEVICE void keep(int i, const float4 &v) const {
    *reinterpret_cast<float4 *>(row + i) = v;
    if constexpr (Norms::kKeeps)
      if (Norms::keeps())
        Norms::keep(i, v);
  }
};

/// As LaneRows: a warp takes some columns of all tiles, and stages just these.
/// Gated: a tile has 8 gate rows and their 8 up rows. What is shared is the
/// sums of warps, then the input as it is staged, then, where that is a
/// residual, as it is.
template <LinearConfig L, int OfCluster, int Blocks, int Warps,
          class NormsOfInput, bool IsResidual>
struct TileRows {
  using W = WeightsOf<L.weight>;
  using Unit = ChunkPair<W>;
  static constexpr int kThreads = Warps * kWarp;
  static constexpr int kChunks = L.inputs / W::kPerChunk;
  static constexpr int kGroups = (kChunks + 3) / 4;
  static constexpr int kSteps = (kGroups + Warps - 1) / Warps;
  static constexpr int kSides = sidesOf(L);
  static constexpr int kOfTile = 16 / kSides; ///< outputs
  static constexpr int kTiles =
      (OfCluster + kOfTile * Blocks - 1) / (kOfTile * Blocks);
  static constexpr int kOfBlock = kOfTile * kTiles;
  static constexpr int kSums = 16 * kTiles; ///< of a warp
  static constexpr int kSumBytes = Warps * kSums * 4;
  static_assert(kOfBlock <= kThreads, "an output a thread");
  using Dots = DotsOf<L.weight, L.inputs, Warps>;
  using Norms =
      typename Choose<IsResidual, SharedNorm<NormsOfInput>, NormsOfInput>::Type;
  using Stage = LoneStage<L.inputs, Warps, 1, kSteps * 4 * W::kPerChunk,
                          Dots::kPerScale, Norms>;

  float *ofWarps; ///< [Warps, kSums]
  Dots dots;
  int warp, row, chunk;
  int first;
  Unit units[kSteps][kTiles];
  RowEnd<L> ends[kSides]; ///< of output threadIdx.x % kOfBlock
  Stage input;
  float4 quads[Stage::kQuads]; ///< of the input
  // Where the input is without its norm's factor.
  float *squares = nullptr; ///< [Warps], sums
  float epsilon = 0.0f;

  template <class Find>
  QZC_DEVICE TileRows(char *shared, int block, const Find &find,
                      const NormsOfInput &norm)
      : ofWarps(reinterpret_cast<float *>(shared)),
        dots(shared + kSumBytes, warpOfBlock()), warp(warpOfBlock()),
        row(threadIdx.x % kWarp / 4), chunk(threadIdx.x % 4),
        first(block * kOfBlock), input(warp, threadIdx.x % kWarp) {
#pragma unroll
    for (int tile = 0; tile < kTiles; ++tile) {
      const int n = first + kOfTile * tile;
      const MatvecRow low = find(n, 0, row);
      const MatvecRow high = L.gated ? find(n, 1, row) : find(n, 0, row + 8);
#pragma unroll
      for (int step = 0; step < kSteps; ++step) {
        const int index = 4 * group(step) + chunk;
        units[step][tile] = isTile(n) && isChunk(index)
                                ? loadPair<L>(low, high, index)
                                : Unit::zero();
      }
    }
#pragma unroll
    for (int side = 0; side < kSides; ++side)
      ends[side] = RowEnd<L>::load(find(first + threadIdx.x % kOfBlock, side));
    input.prepare(normOf(norm));
  }
  QZC_DEVICE int group(int step) const { return warp * kSteps + step; }
  QZC_DEVICE static bool isTile(int n) {
    return OfCluster % (kOfBlock * Blocks) == 0 || n < OfCluster;
  }
  QZC_DEVICE static bool isChunk(int index) {
    return kChunks == 4 * Warps * kSteps || index < kChunks;
  }
  QZC_DEVICE void load(const float *x) { input.load(quads, x); }
  QZC_DEVICE void stage(float *scratch, const NormsOfInput &norm) {
    const float ofThread = dots.stage(input, quads, scratch, normOf(norm));
    if constexpr (Stage::kLeavesFactor) {
      squares = scratch;
      epsilon = norm.epsilon;
      const float ofWarp = reduceWarp<Sum>(ofThread);
      if (threadIdx.x % kWarp == 0)
        squares[warp] = ofWarp;
    }
  }
  QZC_DEVICE void multiply() {
    ChunkPairSums sums[kTiles];
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
        float *to = ofWarps + warp * kSums + 16 * tile + row;
        to[0] = sums[tile].low;
        to[8] = sums[tile].high;
      }
    }
  }
  template <class Send> QZC_DEVICE void send(const Send &send) {
    __syncthreads();
    constexpr int atOnce = kThreads / kOfBlock;
    const int local = threadIdx.x % kOfBlock;
    const int n = first + local;
    float factor = 1.0f;
    if constexpr (Stage::kLeavesFactor) {
      float square = 0.0f;
#pragma unroll
      for (int w = 0; w < Warps; ++w)
        square += squares[w];
      factor = reciprocalRoot(square / L.inputs + epsilon);
    }
    float y[kSides];
#pragma unroll
    for (int side = 0; side < kSides; ++side) {
      const float *from =
          ofWarps + local / kOfTile * 16 + local % kOfTile + side * 8;
      float sum = 0.0f;
#pragma unroll
      for (int w = 0; w < Warps; ++w)
        sum += from[w * kSums];
      y[side] = ends[side].of(sum * factor);
    }
    const float value = outputOf<L>(y);
    if (threadIdx.x < atOnce * kOfBlock && n < OfCluster)
      for (int to = threadIdx.x / kOfBlock; to < Blocks; to += atOnce)
        send(n, value, to);
  }
  template <bool IsInput>
  QZC_DEVICE const float *residual(const float *row) const {
    static_assert(IsInput == IsResidual);
    return IsInput ? plainInput() : row;
  }
  /// Where the input is.
  QZC_DEVICE char *inputs() const {
    return reinterpret_cast<char *>(ofWarps) + kSumBytes;
  }

private:
  QZC_DEVICE float *plainInput() const {
    return reinterpret_cast<float *>(inputs() + Dots::kSharedBytes);
  }
  QZC_DEVICE Norms normOf(const NormsOfInput &norm) const {
    if constexpr (IsResidual)
      return {norm, plainInput()};
    else
      return norm;
  }
};

/// Tiles of a layer's outputs that each of `blocks` makes.
constexpr int tilesOfBlock(int outputs, int blocks) {
  return (outputs + 16 * blocks - 1) / (16 * blocks);
}

/// As LaneOutputs: a warp takes whole tiles. The columns are staged over the
/// input of a TileRows.
template <LinearConfig L, int Columns, int Blocks, int Warps>
struct TileOutputs
    : OutputRows<L, 16 * tilesOfBlock(L.parts[0].rows, Blocks), Warps> {
  using W = WeightsOf<L.weight>;
  using Unit = ChunkPair<W>;
  static constexpr int kTiles = tilesOfBlock(L.parts[0].rows, Blocks);
  using Rows = OutputRows<L, 16 * kTiles, Warps>;
  using Rows::firstRow, Rows::isRow, Rows::parts;
  static constexpr int kThreads = Warps * kWarp;
  static constexpr int kOfWarp = (kTiles + Warps - 1) / Warps;
  static constexpr int kChunks = Columns / W::kPerChunk;
  static constexpr int kGroups = (kChunks + 3) / 4;
  static_assert(Columns % W::kPerChunk == 0, "columns are whole chunks");
  using Dots = DotsOf<L.weight, Columns, 1, L.inputs>;
  struct Inputs {
    alignas(16) float values[Columns];

    QZC_DEVICE float &at(int i) { return values[i]; }
  };

  unsigned firstChunk;
  int warp, row, chunk;
  Unit units[kOfWarp][kGroups];

  QZC_DEVICE TileOutputs(const LinearArgs<Value> &args, int block,
                         int firstColumn)
      : Rows(args, block),
        firstChunk(static_cast<unsigned>(firstColumn) / W::kPerChunk),
        warp(warpOfBlock()), row(threadIdx.x % kWarp / 4),
        chunk(threadIdx.x % 4) {}
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
        units[t][g] = isRow(tile(t)) && isColumn(index)
                          ? loadPair<L>(low, high, firstChunk + index)
                          : Unit::zero();
      }
    }
  }
  /// The last cluster may have fewer columns.
  QZC_DEVICE bool isColumn(int index) const {
    return index < kChunks && (L.inputs % Columns == 0 ||
                               firstChunk + index < L.inputs / W::kPerChunk);
  }
  QZC_DEVICE void run(float *partial, const Inputs &columns, char *inputs) {
    using None = InputNorm<NormConfig{}>;
    const Dots dots(inputs, 0);
    const LoneStage<Columns, 1, Warps, Dots::kInput.elements(), Dots::kPerScale,
                    None>
        stage(0, threadIdx.x);
    float4 quads[decltype(stage)::kQuads];
    stage.load(quads, columns.values);
    dots.stage(stage, quads, nullptr, None{});
#pragma unroll
    for (int t = 0; t < kOfWarp; ++t) {
      ChunkPairSums sums;
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

#endif // QZC_KERNELS_TILEROWS_CUH
