//===- FlashTile.h - Sizes of the prefill attention kernel ------*- C++ -*-===//
//
// What Flash.cuh and PanelFlash.cuh keep in shared memory, and how much of it
// their launches ask for. Plain C++ without includes, for the host and for
// NVRTC.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_KERNELS_FLASHTILE_H
#define QZC_KERNELS_FLASHTILE_H

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

//===----------------------------------------------------------------------===//
// sm_90a: PanelFlash.cuh
//===----------------------------------------------------------------------===//

/// Keys of a tile, and threads of a block that load tiles: a warpgroup.
constexpr int kPanelKeys = 64;
constexpr int kPanelLoaders = 128;

/// Heads whose rows are whole panels, and whose sums registers hold.
constexpr bool hasPanelFlash(int headDim) {
  return headDim == 64 || headDim == 128;
}

/// How many heads a block may have, a warpgroup each, and how registers are
/// shared: on a multiprocessor's 65,536 are `blocks` blocks, whose threads
/// begin with equal parts.
struct PanelFlashShape {
  int heads;
  int blocks;
  int loader;     ///< registers of a thread that loads
  int multiplier; ///< and of one that multiplies

  /// Pieces of eight elements that a thread loads before it stores the first.
  constexpr int together() const { return loader >= 56 ? 4 : 2; }
};
constexpr PanelFlashShape panelFlashShape(int headDim, int heads) {
  constexpr PanelFlashShape narrow[] = {
      {1, 3, 56, 104}, {2, 0, 0, 0}, {3, 1, 80, 144}, {4, 1, 64, 104}};
  constexpr PanelFlashShape wide[] = {{1, 2, 80, 176}, {2, 1, 72, 216}};
  return headDim <= 64 ? narrow[heads - 1] : wide[heads - 1];
}
constexpr int mostPanelFlashHeads(int headDim) { return headDim <= 64 ? 4 : 2; }
constexpr int panelFlashThreads(int heads) {
  return heads * 128 + kPanelLoaders;
}
/// Bytes of a tile of keys, of values or of one head's queries, of one term.
constexpr int panelFlashTileBytes(int headDim) {
  return kPanelKeys * headDim * 2;
}
/// Stages of the ring, which hold two tiles: of keys and of values, or both
/// terms of either.
constexpr int panelFlashStages(int headDim, int heads) {
  if (headDim <= 64)
    return heads == 1 ? 3 : 8;
  return heads == 1 ? 2 : 4;
}
/// Dynamic shared memory: the ring and the queries in two terms, to be aligned
/// to 1,024 bytes.
constexpr int panelFlashSharedBytes(int headDim, int heads) {
  return (panelFlashStages(headDim, heads) + heads) * 2 *
             panelFlashTileBytes(headDim) +
         1024;
}

} // namespace qzc

#endif // QZC_KERNELS_FLASHTILE_H
