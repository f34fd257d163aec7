//===- Terms.h - Operands of a GEMM in several f16 terms --------*- C++ -*-===//
//
// A product of f16 rounds each of its factors by up to 2^-12 of it. Over a few
// inputs that does not average out, and norms behind it may enlarge it, so a
// narrow layer's factors are two f16 each, and its products three: high · high,
// low · high and high · low, one after another in a row of the operands. Plain
// C++ without includes, for the host and for NVRTC.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_KERNELS_TERMS_H
#define QZC_KERNELS_TERMS_H

namespace qzc {

/// Products that stand for one of a layer of so many inputs.
constexpr int gemmTerms(int inputs) { return inputs <= 128 ? 3 : 1; }
/// Which of three terms holds what the first lost, of activations and weights.
constexpr int kRowsRest = 1;
constexpr int kWeightsRest = 2;

/// Columns of one term, whole pieces of 8.
constexpr int termColumns(int inputs) { return (inputs + 7) / 8 * 8; }

} // namespace qzc

#endif // QZC_KERNELS_TERMS_H
