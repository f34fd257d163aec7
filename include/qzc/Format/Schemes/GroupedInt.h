//===- GroupedInt.h - The int2, int3, int4 and int8g schemes ----*- C++ -*-===//
//
// Linear codes of N bits in groups of 32, 64 or 128 of a row, as GPTQ, AWQ and
// compressed-tensors know them:
//
//  * Symmetric: scale = absmax / ((2^N - 1) / 2), rounded to f16; code = x /
//    scale, rounded half to even, between -2^(N-1) and 2^(N-1) - 1.
//  * Asymmetric: of the range of the values and 0, scale = (max - min) / (2^N -
//    1), rounded to f16; zero = -2^(N-1) - min / scale, code = x / scale +
//    zero, both rounded half to even, between the same bounds.
//  * Both are stored with 2^(N-1) added, zero points as f16. Decoded: (code -
//    zero) · scale.
//
// Codes are made by the scale as it is stored; where it is 0 they are those of
// zero. Codes are stored by Planes.h, those of 8 bits as bytes.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_FORMAT_SCHEMES_GROUPEDINT_H
#define QZC_FORMAT_SCHEMES_GROUPEDINT_H

#include "qzc/Format/Portable.h"

namespace qzc::format::groupedint {

/// The code that stands for 0 without a zero point.
QZC_HD constexpr int32_t middle(int bits) { return 1 << (bits - 1); }
QZC_HD constexpr int32_t most(int bits) { return (1 << bits) - 1; }

/// A group with a zero point.
struct ScaleZero {
  uint16_t scale; ///< f16
  uint16_t zero;  ///< f16
};
static_assert(sizeof(ScaleZero) == 4, "the layout of stored scales");

} // namespace qzc::format::groupedint

#endif // QZC_FORMAT_SCHEMES_GROUPEDINT_H
