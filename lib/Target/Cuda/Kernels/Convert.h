//===- Convert.h - Interfaces of Convert.cuh --------------------*- C++ -*-===//

#ifndef QZC_KERNELS_CONVERT_H
#define QZC_KERNELS_CONVERT_H

#include "Common.h"

namespace qzc::kernels {

/// Orders of a matrix of f16 in pieces of 8 elements, 16 bytes.
///   Rows    as rows, of K padded to a multiple of 8
///   Panels  in panels of 64 columns, K padded to a multiple of 64: any rows of
///           a panel are one run of bytes. Piece p of row r lies at
///           p ^ (r % 8), as wgmma takes it from shared memory.
QZC_ENUM(Order, Rows, Panels)

/// Warps of a block of convertRows.
constexpr int kConvertWarps = 8;
/// Those of a row of so many columns of f16, the fewest that hold it without
/// many registers. The block's others have rows of their own.
constexpr int convertWarpsOf(int columns) {
  int warps = 1;
  while (warps < kConvertWarps && columns > warps * 1024)
    warps *= 2;
  return warps;
}

struct ConvertRows {
  QZC_KERNEL(ConvertRows, convertRows, "Convert.cuh")
  struct Config {
    int inputs;
    Order order; ///< of out
    Rows rows;
    bool aligned; ///< rows of `in` begin at multiples of 16 bytes
    NormConfig norm;
    QZC_FIELDS(inputs, order, rows, aligned, norm)
  };
  template <template <class> class Of> struct Args {
    InRows<Of> in; ///< [T, inputs]
    NormArgs<Of> norm;
    Of<Half *> out;     ///< [T, inputs in terms], in `order`
    Of<float *> scales; ///< [T]
    Of<const DeviceState *> state;
    QZC_FIELDS(in, norm, out, scales, state)
  };
};

struct ConvertWeights {
  QZC_KERNEL(ConvertWeights, convertWeights, "Convert.cuh")
  struct Config {
    int inputs;
    Order order; ///< of out
    WeightConfig weight;
    bool fast;       ///< rows are whole chunks, of one term
    RunsConfig runs; ///< of the view's rows
    QZC_FIELDS(inputs, order, weight, fast, runs)
  };
  template <template <class> class Of> struct Args {
    WeightArgs<Of> weight;
    Of<int> first;    ///< row of the weight that the view begins with
    Of<int> firstRow; ///< of the view
    Of<int> rows;
    Of<float> factor;
    Of<int> rowStep, rowOffset; ///< row r goes to r × rowStep + rowOffset
    Of<int> outRows;
    Of<Half *> out;     ///< [outRows, inputs in terms], in `order`
    Of<float *> scales; ///< [outRows], where they are of rows
    QZC_FIELDS(weight, first, firstRow, rows, factor, rowStep, rowOffset,
               outRows, out, scales)
  };
};

} // namespace qzc::kernels

#endif // QZC_KERNELS_CONVERT_H
