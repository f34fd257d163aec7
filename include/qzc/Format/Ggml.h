//===- Ggml.h - ggml's block formats ----------------------------*- C++ -*-===//
//
// The formats of GGUF files, bit for bit what llama.cpp makes of f32 weights
// without an importance matrix. Rows are cut into blocks of 32 values (which
// must divide a row), those of the k-quants into blocks of 256. Scales `d` and
// minima are f16; codes come from the f32 scale, before it is rounded, unless
// said otherwise; nothing is contracted.
//
//  * Q8_0: d = absmax / 127; code = x · (1 / d), rounded half away from zero.
//  * Q4_0, Q5_0: d = m / -8 (-16), m being the first value of largest magnitude
//    with its sign; code = min(15 (31), trunc(x · (1 / d) + 8.5 (16.5)));
//    decoded (code - 8 (16)) · d.
//  * Q4_1, Q5_1: d = (max - min) / 15 (31), code = trunc((x - min) · (1 / d) +
//    0.5), decoded code · d + min.
//  * IQ4_NL: codes into kIq4NlValues; d minimizes the error weighted by x² over
//    the codes that 15 scales around m / -127 lead to.
//  * Q4_K, Q5_K: eight groups of 32, each with a scale and a minimum that are
//    6-bit multiples of d and dmin; see GgmlK.cpp for the search. Decoded
//    (d · scale) · code - (dmin · minimum).
//  * TQ1_0, TQ2_0: blocks of 256, d = absmax; code = x · (1 / d), rounded half
//    away from zero, plus 1. Decoded (code - 1) · d.
//  * Q6_K: sixteen groups of 16 with 8-bit scales; decoded
//    (d · scale) · (code - 32).
//
// TQ2_0 has elements i, 32 + i, 64 + i and 96 + i of 128 in byte i, from its
// low bits up. TQ1_0 has five in a byte, as digits of a fraction in base 3 that
// is rounded up to 256ths: elements i, 32 + i, … of the first 160 in byte i;
// then 16 bytes of 80 elements likewise, and four bytes of four elements of 16,
// a digit of 0 behind them.
//
// 4-bit codes of elements 0…15 are in the low nibbles of a block's 16 bytes,
// those of elements 16…31 in the high nibbles; fifth bits are those of a
// little-endian word. Q4_K and Q5_K do so with 32 bytes for 64 elements.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_FORMAT_GGML_H
#define QZC_FORMAT_GGML_H

#include <cstdint>

namespace qzc::format::ggml {

/// Values of a block of the formats without groups.
inline constexpr int64_t kBlock = 32;
/// Values of a block of the k-quants.
inline constexpr int64_t kSuperBlock = 256;

struct BlockQ8_0 {
  static constexpr int64_t kValues = kBlock;
  uint16_t d; ///< f16
  int8_t codes[kBlock];
};
static_assert(sizeof(BlockQ8_0) == 34, "as in GGUF files");

struct BlockQ4_0 {
  static constexpr int64_t kValues = kBlock;
  uint16_t d; ///< f16
  uint8_t codes[kBlock / 2];
};
static_assert(sizeof(BlockQ4_0) == 18, "as in GGUF files");

struct BlockQ4_1 {
  static constexpr int64_t kValues = kBlock;
  uint16_t d; ///< f16
  uint16_t m; ///< f16: the block's minimum
  uint8_t codes[kBlock / 2];
};
static_assert(sizeof(BlockQ4_1) == 20, "as in GGUF files");

struct BlockQ5_0 {
  static constexpr int64_t kValues = kBlock;
  uint16_t d; ///< f16
  uint8_t high[kBlock / 8];
  uint8_t codes[kBlock / 2];
};
static_assert(sizeof(BlockQ5_0) == 22, "as in GGUF files");

struct BlockQ5_1 {
  static constexpr int64_t kValues = kBlock;
  uint16_t d; ///< f16
  uint16_t m; ///< f16: the block's minimum
  uint8_t high[kBlock / 8];
  uint8_t codes[kBlock / 2];
};
static_assert(sizeof(BlockQ5_1) == 24, "as in GGUF files");

struct BlockIq4Nl {
  static constexpr int64_t kValues = kBlock;
  uint16_t d; ///< f16
  uint8_t codes[kBlock / 2];
};
static_assert(sizeof(BlockIq4Nl) == 18, "as in GGUF files");

inline constexpr int8_t kIq4NlValues[16] = {
    -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};

/// Of Q4_K and Q5_K: `scales` are the 6-bit scales and minima of the groups.
struct BlockQ4_K {
  static constexpr int64_t kValues = kSuperBlock;
  uint16_t d;    ///< f16
  uint16_t dmin; ///< f16
  uint8_t scales[12];
  uint8_t codes[kSuperBlock / 2];
};
static_assert(sizeof(BlockQ4_K) == 144, "as in GGUF files");

struct BlockQ5_K {
  static constexpr int64_t kValues = kSuperBlock;
  uint16_t d;    ///< f16
  uint16_t dmin; ///< f16
  uint8_t scales[12];
  uint8_t high[kSuperBlock / 8];
  uint8_t codes[kSuperBlock / 2];
};
static_assert(sizeof(BlockQ5_K) == 176, "as in GGUF files");

struct BlockQ6_K {
  static constexpr int64_t kValues = kSuperBlock;
  uint8_t codes[kSuperBlock / 2];
  uint8_t high[kSuperBlock / 4];
  int8_t scales[16];
  uint16_t d; ///< f16
};
static_assert(sizeof(BlockQ6_K) == 210, "as in GGUF files");

struct BlockTq2_0 {
  static constexpr int64_t kValues = kSuperBlock;
  uint8_t codes[kSuperBlock / 4];
  uint16_t d; ///< f16
};
static_assert(sizeof(BlockTq2_0) == 66, "as in GGUF files");

struct BlockTq1_0 {
  static constexpr int64_t kValues = kSuperBlock;
  uint8_t codes[52];
  uint16_t d; ///< f16
};
static_assert(sizeof(BlockTq1_0) == 54, "as in GGUF files");

/// The number of a block's type in GGUF files.
template <typename Block> inline constexpr uint32_t kTypeNumber = 0;
#define QZC_GGML_TYPE(Name, Number, Block, FileType)                           \
  template <> inline constexpr uint32_t kTypeNumber<Block> = Number;
#include "qzc/Format/GgmlTypes.def"

// For each block type of GgmlTypes.def:
//
//  * quantize: `count` finite values, a multiple of Block::kValues, to as many
//    blocks. Returns the largest magnitude that a code could decode to; an
//    infinity where a scale or minimum of a block does not fit f16.
//  * dequantize: one block to Block::kValues values.
//  * unpackCodes, packCodes: the codes of a block as stored, without an offset,
//    one a byte in the order of the elements; and back.
#define QZC_GGML_TYPE(Name, Number, Block, FileType)                           \
  float quantize(const float *values, int64_t count, Block *blocks);           \
  void dequantize(const Block &block, float *out);                             \
  void unpackCodes(const Block &block, uint8_t *codes);                        \
  void packCodes(const uint8_t *codes, Block &block);
#include "qzc/Format/GgmlTypes.def"

} // namespace qzc::format::ggml

#endif // QZC_FORMAT_GGML_H
