//===- PanelTile.h - Sizes of the GEMM of sm_90a ----------------*- C++ -*-===//
//
// What PanelGemm.cuh keeps in shared memory, and how much of it its launches
// ask for. Plain C++ without includes, for the host and for NVRTC.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_KERNELS_PANELTILE_H
#define QZC_KERNELS_PANELTILE_H

namespace qzc {

/// Bytes of a row of a panel, a step's of both operands, and its columns of
/// f16.
constexpr int kPanelRowBytes = 128;
constexpr int kPanelColumns = kPanelRowBytes / 2;
/// Rows of a block, and the warps that multiply; one more copies.
constexpr int kPanelRows = 128;
constexpr int kPanelWarps = 8;
constexpr int kPanelThreads = (kPanelWarps + 1) * 32;
/// Tiles of rows that neighbouring blocks have.
constexpr int kPanelGroup = 16;

/// Of a block of `columns` columns.
constexpr int panelStageBytes(int columns) {
  return (kPanelRows + columns) * kPanelRowBytes;
}
/// Stages of the ring: as many as 192 KiB hold, but no more than eight.
constexpr int panelStages(int columns) {
  const int stages = 192 * 1024 / panelStageBytes(columns);
  return stages < 8 ? stages : 8;
}
/// Dynamic shared memory: the ring, to be aligned to 1,024 bytes.
constexpr int panelSharedBytes(int columns) {
  return panelStages(columns) * panelStageBytes(columns) + 1024;
}

} // namespace qzc

#endif // QZC_KERNELS_PANELTILE_H
