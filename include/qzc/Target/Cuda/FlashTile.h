//===- FlashTile.h - Sizes of the prefill attention kernel ------*- C++ -*-===//
//
// What Flash.cuh keeps in shared memory, and how much of it its launches ask
// for. Plain C++ without includes, for the host and for NVRTC.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_TARGET_CUDA_FLASHTILE_H
#define QZC_TARGET_CUDA_FLASHTILE_H

namespace qzc {

constexpr int kFlashThreads = 128;
/// Queries of a block.
constexpr int kFlashQueries = 64;

/// Tiles of keys and of values, in f16, for heads of `headDim` elements.
struct FlashTileSize {
  int padded; ///< elements a row, a multiple of 16
  int keys;   ///< rows
  int stride; ///< halves from row to row: an odd multiple of 16 bytes, free of
              ///< bank conflicts
};
constexpr FlashTileSize flashTileSize(int headDim) {
  const int padded = (headDim + 15) / 16 * 16;
  return {padded, headDim <= 128 ? 64 : 16, padded + 8};
}

/// Dynamic shared memory: the queries and two buffers of keys and values.
constexpr int flashSharedBytes(int headDim) {
  const FlashTileSize tile = flashTileSize(headDim);
  return (kFlashQueries + 4 * tile.keys) * tile.stride * 2;
}

} // namespace qzc

#endif // QZC_TARGET_CUDA_FLASHTILE_H
