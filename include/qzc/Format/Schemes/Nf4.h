//===- Nf4.h - The nf4 scheme: code book and blocks -------------*- C++ -*-===//
//
// 4-bit codes into a code book of normal quantiles (QLoRA, arXiv:2305.14314),
// bit for bit what bitsandbytes stores:
//
//  * Blocks of `block` elements (a power of two, 32…4096) over the flattened
//    row-major tensor; the last block is padded with zeros. One f32 scale a
//    block: absmax.
//  * x = w · (1 / max(absmax, 1e-38)), multiplied and not divided; the code is
//    the number of midpoints that x exceeds (a tie takes the lower code).
//  * Two codes a byte, the element with the even index in the high nibble.
//  * Decoded: codeBook[code] · absmax in f32.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_FORMAT_SCHEMES_NF4_H
#define QZC_FORMAT_SCHEMES_NF4_H

#include "qzc/Format/Portable.h"

namespace qzc::format::nf4 {

#define QZC_NF4_CODE_BOOK                                                      \
  {                                                                            \
    -1.0f, -0.6961928009986877f, -0.5250730514526367f, -0.39491748809814453f,  \
        -0.28444138169288635f, -0.18477343022823334f, -0.09105003625154495f,   \
        0.0f, 0.07958029955625534f, 0.16093020141124725f,                      \
        0.24611230194568634f, 0.33791524171829224f, 0.44070982933044434f,      \
        0.5626170039176941f, 0.7229568362236023f, 1.0f,                        \
  }

/// For host code and for constant expressions on the device; device code that
/// indexes at run time makes its own copy from QZC_NF4_CODE_BOOK.
inline constexpr float kCodeBook[16] = QZC_NF4_CODE_BOOK;

/// The code of 0, which pads the last block.
inline constexpr uint8_t kZeroCode = 7;

/// kMidpoints.value[i] lies between codes i and i + 1, rounded to f32.
struct Midpoints {
  float value[15];
};
QZC_HD constexpr Midpoints makeMidpoints() {
  Midpoints midpoints = {};
  constexpr float book[16] = QZC_NF4_CODE_BOOK;
  for (int i = 0; i < 15; ++i)
    midpoints.value[i] = (book[i] + book[i + 1]) / 2;
  return midpoints;
}
inline constexpr Midpoints kMidpoints = makeMidpoints();

/// Blocks, and with it scales, of `elements` values.
QZC_HD int64_t blockCount(int64_t elements, int64_t block) {
  return elements / block + (elements % block != 0);
}
QZC_HD int64_t codeBytes(int64_t elements, int64_t block) {
  return blockCount(elements, block) * (block / 2);
}

/// The factor that brings a block of this absmax to [-1, 1].
QZC_HD float inverseScale(float absmax) {
  return 1.0f / (absmax < 1e-38f ? 1e-38f : absmax);
}

/// The code of an element; `inverse` is its block's inverseScale.
QZC_HD uint8_t encode(float value, float inverse) {
  constexpr Midpoints midpoints = makeMidpoints();
  const float x = mulRounded(value, inverse);
  int32_t code = 0;
  for (int i = 0; i < 15; ++i)
    code += x > midpoints.value[i];
  return static_cast<uint8_t>(code);
}

/// The code of element `index` of the flattened tensor.
QZC_HD uint32_t codeAt(const uint8_t *codes, int64_t index) {
  const uint32_t pair = codes[index >> 1];
  return (index & 1) ? pair & 15u : pair >> 4;
}

/// A byte from the codes of elements 2i and 2i + 1.
QZC_HD uint8_t pack(uint32_t even, uint32_t odd) {
  return static_cast<uint8_t>(even << 4 | odd);
}

} // namespace qzc::format::nf4

#endif // QZC_FORMAT_SCHEMES_NF4_H
