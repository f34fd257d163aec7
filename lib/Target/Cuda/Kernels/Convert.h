//===- Convert.h - Interfaces of Convert.cuh --------------------*- C++ -*-===//

#ifndef QZC_KERNELS_CONVERT_H
#define QZC_KERNELS_CONVERT_H

#include "Common.h"

namespace qzc::kernels {

/// The largest integer whose digits are both signed bytes.
constexpr int kMostDigits = 127 * 256 + 127;

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
    Of<Half *> out;     ///< [T, inputs in terms or digits], in `order`
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
    bool early;      ///< no launch that may still run touches out and scales
    RunsConfig runs; ///< of the view's rows
    QZC_FIELDS(inputs, order, weight, fast, early, runs)
  };
  template <template <class> class Of> struct Args {
    WeightArgs<Of> weight;
    Of<int> first;    ///< row of the weight that the view begins with
    Of<int> firstRow; ///< of the view
    Of<int> rows;
    Of<float> factor;
    Of<int> rowGroup;  ///< behind each so many rows as many are another's
    Of<int> rowOffset; ///< where the first row goes
    Of<int> outRows;
    Of<Half *> out;     ///< [outRows, inputs in terms], in `order`
    Of<float *> scales; ///< [outRows], where they are of rows
    QZC_FIELDS(weight, first, firstRow, rows, factor, rowGroup, rowOffset,
               outRows, out, scales)
  };
};

} // namespace qzc::kernels

#endif // QZC_KERNELS_CONVERT_H
