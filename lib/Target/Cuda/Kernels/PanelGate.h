//===- PanelGate.h - Interfaces of PanelGate.cuh ----------------*- C++ -*-===//

#ifndef QZC_KERNELS_PANELGATE_H
#define QZC_KERNELS_PANELGATE_H

#include "Gemm.h"

namespace qzc::kernels {

/// Rows of the weights of gate and up that follow each other: those of gate,
/// then those of up. A thread's sums are pairs of neighbours in both.
constexpr int kGateRows = 8;

struct GatePanels {
  QZC_KERNEL(GatePanels, gatePanels, "PanelGate.cuh")
  struct Config {
    int columns; ///< of a block, 128 or 256, which divides those of the weights
    int tiles;   ///< of a row, in all launches
    Order order; ///< of the operands, Panels or Digits
    SumScale scale;
    EndConfig end; ///< no residual
    QZC_FIELDS(columns, tiles, order, scale, end)
  };
  template <template <class> class Of> struct Args {
    GemmArgs<Of> gemm; ///< without residual and out
    Of<Half *> panels; ///< [T, outputs of the layer], Order::Panels
    Of<float *> units; ///< [T, tiles], powers of two
    QZC_FIELDS(gemm, panels, units)
  };
};

struct AlignPanels {
  QZC_KERNEL(AlignPanels, alignPanels, "PanelGate.cuh")
  struct Config {
    int tiles;  ///< of a row
    int panels; ///< of a tile
    QZC_FIELDS(tiles, panels)
  };
  template <template <class> class Of> struct Args {
    Of<const float *> units; ///< [T, tiles]
    Of<Half *> panels;
    Of<float *> scales; ///< [T]
    Of<const DeviceState *> state;
    QZC_FIELDS(units, panels, scales, state)
  };
};

} // namespace qzc::kernels

#endif // QZC_KERNELS_PANELGATE_H
