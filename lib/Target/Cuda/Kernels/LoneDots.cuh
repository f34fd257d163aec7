//===- LoneDots.cuh - Tiles of rows times one input -----------------------===//
//
// What layers on tensor cores share, whichever operands their codes become.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_KERNELS_LONEDOTS_CUH
#define QZC_KERNELS_LONEDOTS_CUH

#include "ByteDots.cuh"
#include "HalfDots.cuh"

namespace qzc::kernels {

/// Neighbouring chunks of rows of so many elements that share a scale, up to
/// two; where ByteDots makes use of it.
template <WeightConfig Weight> constexpr int sharersOf(int columns) {
  constexpr int two = 2 * WeightsOf<Weight>::kPerChunk;
  return hasBook(Weight.storage) && Weight.block % two == 0 &&
                 columns % two == 0
             ? 2
             : 1;
}

/// Of so many elements each of rows of `Inputs`, beginning at multiples, which
/// teams of warps share.
template <WeightConfig Weight, int Columns, int Teams, int Inputs>
struct DotsOfColumns {
  static constexpr int kSharers =
      sharersOf<Weight>(Inputs) == 2 ? sharersOf<Weight>(Columns) : 1;
  static constexpr int kOfGroup = 4 * WeightsOf<Weight>::kPerChunk;
  static constexpr int kGroups = (Columns + kOfGroup - 1) / kOfGroup;
  using Type = typename Choose<hasByteCodes(Weight.storage),
                               ByteDots<Weight, kGroups, Teams, kSharers>,
                               HalfDots<Weight, kGroups, Teams>>::Type;
};
template <WeightConfig Weight, int Columns, int Teams, int Inputs = Columns>
using DotsOf = typename DotsOfColumns<Weight, Columns, Teams, Inputs>::Type;

/// A lane's chunk of a group in two rows of a tile, 8 apart.
template <class W> struct ChunkPair {
  typename W::Chunk low, high;

  QZC_DEVICE static ChunkPair zero() { return {W::zero(), W::zero()}; }
};

/// Where a tile's scales come with its chunks.
template <class W> struct OwnScales {
  QZC_DEVICE static typename W::Chunk loadChunk(const MatvecRow &row,
                                                unsigned chunk) {
    return W::load(row.data, row.scales,
                   static_cast<long long>(chunk) * W::kPerChunk);
  }
};

/// Where they come by words of two chunks (hasChunkScales), which take as long
/// to load as one scale: rows of `Chunks`, `Groups` of which are a tile's. Lane
/// t of the four that share the rows loads word t of each two groups.
template <class W, WeightOrder InOrder, int Chunks, int Groups>
struct PairedScales {
  static_assert(Chunks % 2 == 0 && Groups % 2 == 0, "whole words");
  unsigned low[Groups / 2], high[Groups / 2];

  QZC_DEVICE static typename W::Chunk loadChunk(const MatvecRow &row,
                                                unsigned chunk) {
    return W::loadCodes(row.data, static_cast<long long>(chunk) * W::kPerChunk);
  }
  /// Of the groups from chunk `first` of the rows on; beyond these, where there
  /// may be such, zeros.
  template <bool MayBeBeyond>
  QZC_DEVICE void load(const MatvecRow &lowRow, const MatvecRow &highRow,
                       int first) {
#pragma unroll
    for (int i = 0; i < Groups / 2; ++i) {
      const int number = first / 2 + 4 * i + lane();
      const bool isThere = !MayBeBeyond || number < Chunks / 2;
      low[i] = isThere ? wordOf(lowRow, number) : 0;
      high[i] = isThere ? wordOf(highRow, number) : 0;
    }
  }
  /// Gives the chunks of a group their scales.
  QZC_DEVICE void put(ChunkPair<W> &pair, int group) const {
    const int from = threadIdx.x % kWarp / 4 * 4 + group % 2 * 2 + lane() / 2;
    W::setScale(pair.low, ofLane(low[group / 2], from));
    W::setScale(pair.high, ofLane(high[group / 2], from));
  }

private:
  QZC_DEVICE static int lane() { return threadIdx.x % 4; }
  QZC_DEVICE static unsigned wordOf(const MatvecRow &row, int number) {
    const unsigned index = pieceNumber<InOrder, Chunks / 2, kTileChunks / 2>(
        static_cast<unsigned>(row.stored), static_cast<unsigned>(number));
    return loadNearWord(static_cast<const unsigned *>(row.scales) + index);
  }
  QZC_DEVICE static unsigned short ofLane(unsigned word, int from) {
    const unsigned both = __shfl_sync(QZC_FULL_WARP, word, from);
    return static_cast<unsigned short>(lane() % 2 ? both >> 16 : both);
  }
};

/// What chunks of two rows come to.
struct ChunkPairSums {
  float low = 0.0f;
  float high = 0.0f;

  template <class Dots>
  QZC_DEVICE void add(const Dots &dots, const ChunkPair<typename Dots::W> &pair,
                      int group) {
    using W = typename Dots::W;
    float first, second;
    dots.dot(pair.low, pair.high, group, first, second);
    low = fmaf(first, W::scale(pair.low), low);
    high = fmaf(second, W::scale(pair.high), high);
    if constexpr (W::kAffine) {
      low = fmaf(W::minimum(pair.low), dots.sum(group), low);
      high = fmaf(W::minimum(pair.high), dots.sum(group), high);
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

} // namespace qzc::kernels

#endif // QZC_KERNELS_LONEDOTS_CUH
