//===- CodeBook.h - Blocks of 4-bit codes into a code book ------*- C++ -*-===//
//
// What nf4 and fp4 share, bit for bit what bitsandbytes stores on the CPU:
//
//  * Blocks of `block` elements (a power of two, 32…4096) over the flattened
//    row-major tensor; the last block is padded with zeros. One f32 scale a
//    block: absmax. (With double quantization scales are stored otherwise: see
//    DoubleQuant.h.)
//  * x = w · (1 / max(absmax, 1e-38)), multiplied and not divided; coded by the
//    midpoints between neighbouring entries of the sorted book that x exceeds
//    (a tie takes the lower entry).
//  * Two codes a byte, the element with the even index in the high nibble.
//  * Decoded: entry · scale in f32.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_FORMAT_SCHEMES_CODEBOOK_H
#define QZC_FORMAT_SCHEMES_CODEBOOK_H

#include "qzc/Format/Portable.h"

namespace qzc::format::codebook {

/// How a book is searched: the code of x is `first` plus the steps[i] of all
/// midpoints[i] that x exceeds.
struct Coder {
  float midpoints[15];
  int32_t steps[15];
  int32_t first;
};

/// The coder of a book of 16 entries by code. Of equal entries (fp4 has two
/// zeros) the one of the higher code comes second.
QZC_HD constexpr Coder makeCoder(const float (&book)[16]) {
  int32_t order[16] = {};
  for (int32_t code = 0; code < 16; ++code) {
    int32_t at = code;
    for (; at > 0 && book[order[at - 1]] > book[code]; --at)
      order[at] = order[at - 1];
    order[at] = code;
  }
  Coder coder = {};
  coder.first = order[0];
  for (int i = 0; i < 15; ++i) {
    coder.midpoints[i] = (book[order[i]] + book[order[i + 1]]) / 2;
    coder.steps[i] = order[i + 1] - order[i];
  }
  return coder;
}

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
QZC_HD uint8_t encode(const Coder &coder, float value, float inverse) {
  const float x = mulRounded(value, inverse);
  int32_t code = coder.first;
  for (int i = 0; i < 15; ++i)
    code += x > coder.midpoints[i] ? coder.steps[i] : 0;
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

} // namespace qzc::format::codebook

#endif // QZC_FORMAT_SCHEMES_CODEBOOK_H
