//===- Gemm.h - Interfaces of linear layers of many tokens ------*- C++ -*-===//

#ifndef QZC_KERNELS_GEMM_H
#define QZC_KERNELS_GEMM_H

#include "Linear.h"

namespace qzc::kernels {

/// What the epilogue needs of each part of the layer.
template <template <class> class Of> struct GemmPartArgs {
  Of<const void *> bias;
  Of<float> scale; ///< undoes the factor of convertWeights, if there is one
  QZC_FIELDS(bias, scale)
};
/// Where sums go. Gated: the weights' rows alternate gate, up, and the layer's
/// column n / 2 is act(gate) · up.
template <template <class> class Of> struct GemmOutputArgs {
  Of<int> columns;     ///< rows of the weights
  Of<int> firstColumn; ///< of the layer, that these begin with
  Of<int> end0, end1;  ///< columns of the layer that parts 0 and 1 end at
  GemmPartArgs<Of> parts[3];
  InRows<Of> residual;
  OutRows<Of> out;
  Of<const float *> scales; ///< [columns], in place of the parts'
  QZC_FIELDS(columns, firstColumn, end0, end1, parts, residual, out, scales)
};
template <template <class> class Of> struct GemmArgs {
  Of<const Half *> rows;       ///< [T, inputs]
  Of<const float *> rowScales; ///< [T]
  Of<const Half *> weights;    ///< [columns, inputs]
  Of<int> inputs;              ///< as they are stored, a multiple of 8; of one
                               ///< digit, where rows are Digits
  GemmOutputArgs<Of> output;
  Of<const DeviceState *> state;
  QZC_FIELDS(rows, rowScales, weights, inputs, output, state)
};

struct Gemm {
  QZC_KERNEL(Gemm, gemm, "Gemm.cuh")
  struct Config {
    int tileM, tileN;   ///< of a block
    int warpsM, warpsN; ///< that share it evenly
    Rows rows;
    bool gated;
    SumScale scale;
    EndConfig end;
    QZC_FIELDS(tileM, tileN, warpsM, warpsN, rows, gated, scale, end)
  };
  template <template <class> class Of> using Args = GemmArgs<Of>;
};

/// Operands in panels, inputs a multiple of 64 (of digits, of 128).
struct GemmPanels {
  QZC_KERNEL(GemmPanels, gemmPanels, "PanelGemm.cuh")
  struct Config {
    int columns; ///< of a block
    Order order; ///< of the operands, Panels or Digits
    bool quads;  ///< rows of out and residual begin at multiples of 16 bytes,
                 ///< columns are whole quads
    Rows rows;
    bool gated;
    SumScale scale;
    EndConfig end;
    QZC_FIELDS(columns, order, quads, rows, gated, scale, end)
  };
  template <template <class> class Of> using Args = GemmArgs<Of>;
};

} // namespace qzc::kernels

#endif // QZC_KERNELS_GEMM_H
