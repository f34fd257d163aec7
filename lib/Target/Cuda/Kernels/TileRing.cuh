//===- TileRing.cuh - Tiles on their way to products: sm_90a --------------===//

#ifndef QZC_KERNELS_TILERING_CUH
#define QZC_KERNELS_TILERING_CUH

#include "Common.cuh"
#include "Hopper.cuh"

#ifdef QZC_HAS_WGMMA

namespace qzc::kernels {

/// A ring of tiles in shared memory and its barriers: a stage is full when all
/// that was announced has come, and empty when all warps have read it.
template <int Stages, int StageBytes> struct TileRing {
  static constexpr int kStages = Stages;
  unsigned tiles;    ///< a multiple of 1,024
  unsigned barriers; ///< 2 · Stages of 8 bytes

  QZC_DEVICE TileRing(const void *shared, const void *barriers)
      : tiles((sharedAddress(shared) + 1023) / 1024 * 1024),
        barriers(sharedAddress(barriers)) {}
  QZC_DEVICE unsigned tile(int step) const {
    return tiles + step % Stages * StageBytes;
  }
  QZC_DEVICE unsigned full(int step) const {
    return barriers + 8 * (step % Stages);
  }
  QZC_DEVICE unsigned empty(int step) const { return full(step) + 8 * Stages; }
  QZC_DEVICE static unsigned parity(int step) { return step / Stages % 2; }

  /// One thread; the block meets before it goes on.
  QZC_DEVICE void init(int writers, int readers) const {
    for (int s = 0; s < Stages; ++s) {
      initBarrier(full(s), writers);
      initBarrier(empty(s), readers);
    }
    publishBarriers();
  }
  /// What the writers of a step call first.
  QZC_DEVICE void waitForRoom(int step) const {
    if (step >= Stages)
      waitBarrier(empty(step), parity(step) ^ 1);
  }
  /// What its readers call first.
  QZC_DEVICE void waitForTile(int step) const {
    waitBarrier(full(step), parity(step));
  }
};

} // namespace qzc::kernels

#endif // QZC_HAS_WGMMA

#endif // QZC_KERNELS_TILERING_CUH
