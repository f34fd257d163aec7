//===- Ggml.h - ggml's block formats ----------------------------*- C++ -*-===//
//
// Q8_0, Q4_0 and IQ4_NL as GGUF files hold them, bit for bit what llama.cpp
// makes of f32 weights. All three cut rows into blocks of 32 values (which must
// divide a row) and give each block a scale `d` in f16:
//
//  * Q8_0: d = absmax / 127; code = x · (1 / d), rounded half away from zero.
//  * Q4_0: d = m / -8, m being the first value of largest magnitude with its
//    sign; code = min(15, trunc(x · (1 / d) + 8.5)); decoded (code - 8) · d.
//  * IQ4_NL: codes into kIq4NlValues; d minimizes the error weighted by x² over
//    the codes that 15 scales around m / -127 lead to (`quantize_iq4_nl`, which
//    is what llama-quantize runs without an importance matrix).
//
// Codes come from the f32 scale, before it is rounded to f16; nothing is
// contracted. 4-bit codes of elements 0…15 are in the low nibbles of the 16
// bytes, those of elements 16…31 in the high nibbles.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_FORMAT_GGML_H
#define QZC_FORMAT_GGML_H

#include <cstdint>

namespace qzc::format::ggml {

/// Values of a block, of each of the formats.
inline constexpr int64_t kBlock = 32;

struct BlockQ8_0 {
  uint16_t d; ///< f16
  int8_t codes[kBlock];
};
static_assert(sizeof(BlockQ8_0) == 34, "as in GGUF files");

struct BlockQ4_0 {
  uint16_t d; ///< f16
  uint8_t codes[kBlock / 2];
};
static_assert(sizeof(BlockQ4_0) == 18, "as in GGUF files");

struct BlockIq4Nl {
  uint16_t d; ///< f16
  uint8_t codes[kBlock / 2];
};
static_assert(sizeof(BlockIq4Nl) == 18, "as in GGUF files");

inline constexpr int8_t kIq4NlValues[16] = {
    -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};

/// Quantizes `count` finite values, a multiple of kBlock, to count / kBlock
/// blocks. Returns the largest magnitude that a code could decode to; an
/// infinity where a block's scale does not fit f16.
float quantize(const float *values, int64_t count, BlockQ8_0 *blocks);
float quantize(const float *values, int64_t count, BlockQ4_0 *blocks);
float quantize(const float *values, int64_t count, BlockIq4Nl *blocks);

} // namespace qzc::format::ggml

#endif // QZC_FORMAT_GGML_H
