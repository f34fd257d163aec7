//===- Arrange.cuh - Weights in the order of tiles ------------------------===//
//
// Files have weights row by row. Where kernels read them by tiles
// (WeightOrder::Tiles) they are put in that order once, where they were copied
// to.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_KERNELS_ARRANGE_CUH
#define QZC_KERNELS_ARRANGE_CUH

#include "Arrange.h"
#include "Common.cuh"

namespace qzc::kernels {

template <int Bytes> struct UnitOf;
template <> struct UnitOf<2> { using Type = unsigned short; };
template <> struct UnitOf<4> { using Type = unsigned; };
template <> struct UnitOf<8> { using Type = uint2; };
template <> struct UnitOf<16> { using Type = uint4; };

/// Makes rows that follow each other tiles, in place. Grid: rows / kTileHeight
/// blocks of 256 threads. Dynamic shared memory: a tile.
template <ArrangeTiles::Config C>
QZC_DEVICE void arrangeTiles(const ArrangeTiles::Args<Value> &a) {
  using Unit = typename UnitOf<C.unit>::Type;
  QZC_DYNAMIC_SHARED(shared);
  launchDependents();
  waitForDependencies();
  const int ofRow = a.groups * a.units;
  const int ofTile = kTileHeight * ofRow;
  auto *rows = reinterpret_cast<Unit *>(shared);
  Unit *tile =
      static_cast<Unit *>(a.part) + static_cast<long long>(blockIdx.x) * ofTile;
  for (int i = threadIdx.x; i < ofTile; i += blockDim.x)
    rows[i] = tile[i];
  __syncthreads();
  for (int i = threadIdx.x; i < ofTile; i += blockDim.x) {
    const int piece = i / a.units;
    tile[i] = rows[piece % kTileHeight * ofRow + piece / kTileHeight * a.units +
                   i % a.units];
  }
}

} // namespace qzc::kernels

#endif // QZC_KERNELS_ARRANGE_CUH
