//===- Int8.h - The int8 scheme ---------------------------------*- C++ -*-===//
//
// Symmetric 8-bit codes with one scale a row, the weight side of LLM.int8()
// (arXiv:2208.07339):
//
//  * code = round half to even of w · (127 / absmax), multiplied, not divided;
//    codes lie in [-127, 127]. As in bitsandbytes and PyTorch, 127 / absmax is
//    127 · (1 / absmax), rounded twice: ties depend on it.
//  * One f32 scale a row: absmax / 127. Decoded: code · scale in f32.
//  * With absmax: absmax itself is stored, and decoded as bitsandbytes decodes
//    it, (code · absmax) · (1 / 127 in f32). The codes are the same.
//  * A row of zeros has scale 0 and codes 0.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_FORMAT_SCHEMES_INT8_H
#define QZC_FORMAT_SCHEMES_INT8_H

#include "qzc/Format/Portable.h"

namespace qzc::format::int8 {

/// The scale that is stored for a row of this absmax.
QZC_HD float scale(float absmax) { return absmax / 127.0f; }

/// What the elements of a row of this absmax are multiplied with. Limited to
/// the largest f32, so that rows below 2^-121 decode to something finite.
QZC_HD float inverseScale(float absmax) {
  const float largest = 3.402823466e+38f;
  if (absmax == 0.0f)
    return 0.0f;
  const float factor = mulRounded(1.0f / absmax, 127.0f);
  return factor > largest ? largest : factor;
}

/// The code of an element; `inverse` is its row's inverseScale.
QZC_HD int8_t encode(float value, float inverse) {
  // Adding and subtracting 1.5 · 2^23 rounds half to even, as vectors too.
  const float shift = 12582912.0f;
  const float rounded =
      addRounded(addRounded(mulRounded(value, inverse), shift), -shift);
  return static_cast<int8_t>(static_cast<int32_t>(rounded));
}

/// 1 / 127, as bitsandbytes writes it.
inline constexpr float kStep = 7.874015718698502e-3f;

QZC_HD float decodeByAbsmax(int8_t code, float absmax) {
  return mulRounded(mulRounded(static_cast<float>(code), absmax), kStep);
}

QZC_HD float decode(int8_t code, float scale) {
  return mulRounded(static_cast<float>(code), scale);
}

} // namespace qzc::format::int8

#endif // QZC_FORMAT_SCHEMES_INT8_H
