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

/// Of rows, or parts of rows, of so many elements.
template <WeightConfig Weight, int Columns> struct DotsOfColumns {
  static constexpr int kOfGroup = 4 * WeightsOf<Weight>::kPerChunk;
  static constexpr int kGroups = (Columns + kOfGroup - 1) / kOfGroup;
  using Type =
      typename Choose<hasByteCodes(Weight.storage),
                      ByteDots<Weight, kGroups, sharersOf<Weight>(Columns)>,
                      HalfDots<Weight, kGroups>>::Type;
};
template <WeightConfig Weight, int Columns>
using DotsOf = typename DotsOfColumns<Weight, Columns>::Type;

/// A lane's chunk of a group in two rows of a tile, 8 apart.
template <class W> struct ChunkPair {
  typename W::Chunk low, high;

  QZC_DEVICE static ChunkPair zero() { return {W::zero(), W::zero()}; }
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
