//===- Weights.cuh - Reading stored weights in 16-byte chunks -------------===//
//
// Kernels take the storage of their weights as a template argument and read
// them through Weights<Storage, Block>, one struct a storage in Schemes/. Flat
// elements are counted in the order of the weight, which elementNumber knows.
// Layouts: Format/Scheme.h.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_KERNELS_WEIGHTS_CUH
#define QZC_KERNELS_WEIGHTS_CUH

#include "Common.cuh"

namespace qzc::kernels {

/// Weights of storage `S`; `Block` elements share a scale (code books only).
///   kPerChunk  elements that 16 bytes hold
///   Chunk      16 bytes of one row and what gives the scale they share
///   load(data, scales, i)
///              the chunk at flat element i, a multiple of kPerChunk
///   zero()     a chunk of scale 0
///   entry()    what a lane keeps to decode
///   decode(chunk, entry, out)
///              without the scale; all lanes of the warp must take part
///   scale(chunk)
///   kAffine    whether minimum(chunk) is added to decoded · scale
///   loadCodes(data, i), setScale(chunk, bits)
///              load in two steps, where chunks have scales (hasChunkScales)
///   move(data, scales, chunk)
///              makes a chunk a row's first, where matvecTensor gains by it
///   at(data, scales, i)
///              any one element with its block's scale, without the row's
///   rowScale(scales, row)
///              1 where scales are of blocks
template <Storage S, int Block> struct Weights;

/// Where the rows of a view of a weight are, from the view's first one on.
template <RunsConfig Runs> QZC_DEVICE int storedRow(int row) {
  if constexpr (Runs.run == 0)
    return row;
  else
    return row / Runs.run * Runs.stride + row % Runs.run;
}

template <WeightConfig Weight>
using WeightsOf = Weights<Weight.storage, Weight.block>;

/// The number of a row's piece `index` of `Pieces`, where kTileChunks chunks
/// are `OfGroup` pieces.
template <WeightOrder InOrder, int Pieces, int OfGroup, class Number>
QZC_DEVICE Number pieceNumber(Number row, unsigned index) {
  if constexpr (InOrder == WeightOrder::Rows)
    return row * Pieces + index;
  static_assert(InOrder == WeightOrder::Rows || Pieces % OfGroup == 0,
                "rows are whole groups");
  const Number group = row / kTileHeight * (Pieces / OfGroup) + index / OfGroup;
  return (group * kTileHeight + row % kTileHeight) * OfGroup + index % OfGroup;
}
/// Of chunks. They are counted in 32 bits, whose products take few
/// instructions.
template <WeightConfig Weight, int K>
QZC_DEVICE unsigned chunkNumber(int row, int chunk) {
  return pieceNumber<Weight.order, K / WeightsOf<Weight>::kPerChunk,
                     kTileChunks>(static_cast<unsigned>(row),
                                  static_cast<unsigned>(chunk));
}
/// Where element k of a row of K is among those of the weight.
template <WeightConfig Weight, int K>
QZC_DEVICE long long elementNumber(int row, int k) {
  return static_cast<long long>(
      pieceNumber<Weight.order, K, kTileChunks * WeightsOf<Weight>::kPerChunk>(
          static_cast<unsigned long long>(row), static_cast<unsigned>(k)));
}

/// For storages whose lanes keep nothing.
struct NoEntry {
  QZC_DEVICE static float entry() { return 0.0f; }
};
/// For storages whose values are codes times scales.
struct NoMinimum {
  static constexpr bool kAffine = false;
};
/// For storages without scales of rows.
struct NoRowScale {
  QZC_DEVICE static float rowScale(const void *, int) { return 1.0f; }
};

/// The 16 bytes of chunk number `index`.
QZC_DEVICE uint4 loadChunk(const void *data, long long index) {
  return loadStreaming(static_cast<const char *>(data) + index * 16);
}

QZC_DEVICE unsigned word(const uint4 &v, int i) {
  return i == 0 ? v.x : i == 1 ? v.y : i == 2 ? v.z : v.w;
}

/// Byte `i` of four as a float: 2^23 + byte, made by putting the byte in the
/// mantissa, minus 2^23 and `offset`.
QZC_DEVICE float byteToFloat(unsigned bytes, int i, float offset) {
  return __uint_as_float(__byte_perm(bytes, 0x4b000000u, 0x7440 + i)) -
         (8388608.0f + offset);
}

} // namespace qzc::kernels

#include "Schemes/CodeBook.cuh"
#include "Schemes/Dense.cuh"
#include "Schemes/Fp8.cuh"
#include "Schemes/Int8.cuh"
#include "Schemes/Int8g.cuh"
#include "Schemes/Planar.cuh"
#include "Schemes/Q4_0.cuh"
#include "Schemes/Q8_0.cuh"

#endif // QZC_KERNELS_WEIGHTS_CUH
