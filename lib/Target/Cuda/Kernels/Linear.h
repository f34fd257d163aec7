//===- Linear.h - What interfaces of linear layers have in common ---------===//

#ifndef QZC_KERNELS_LINEAR_H
#define QZC_KERNELS_LINEAR_H

#include "Common.h"

namespace qzc::kernels {

/// What becomes of a layer's sums: f(sum + bias) [+ residual].
struct EndConfig {
  bool hasBias;
  Storage bias;
  Activation activation;
  bool residual;
  QZC_FIELDS(hasBias, bias, activation, residual)
};

/// Rows of a weight that a layer takes; none: the part is absent.
struct PartConfig {
  int rows;
  RunsConfig runs;
  QZC_FIELDS(rows, runs)
};
template <template <class> class Of> struct PartArgs {
  WeightArgs<Of> weight;
  Of<const void *> bias; ///< [rows]
  Of<int> begin;         ///< row of the weight that the part's begin with
  QZC_FIELDS(weight, bias, begin)
};

/// A layer of up to three weights of one input, stored alike. Gated: the first
/// two have as many rows as there are outputs, each act(gate) · up.
struct LinearConfig {
  int inputs;
  PartConfig parts[3];
  WeightConfig weight;
  bool gated;
  EndConfig end;
  QZC_FIELDS(inputs, parts, weight, gated, end)
};
template <template <class> class Of> struct LinearArgs {
  PartArgs<Of> parts[3];
  InRows<Of> residual; ///< [T, outputs]
  OutRows<Of> out;     ///< [T, outputs]
  QZC_FIELDS(parts, residual, out)
};

} // namespace qzc::kernels

#endif // QZC_KERNELS_LINEAR_H
