//===- GgmlDecode.cpp - What ggml's blocks hold ---------------------------===//
//
// Codes in and out of blocks, and their values. Operations are those of ggml's
// plain C code, one rounding each.
//
//===----------------------------------------------------------------------===//

#include "qzc/Format/Ggml.h"

#include "qzc/Format/Schemes/Dense.h"
#include "qzc/Format/Schemes/KScales.h"

#include <cstring>

namespace qzc::format::ggml {

//===----------------------------------------------------------------------===//
// Codes
//===----------------------------------------------------------------------===//

/// Low four bits of 2 · Half codes in Half bytes: the first half of the codes
/// in the low nibbles.
template <int Half>
static void packNibbles(const uint8_t *codes, uint8_t *bytes) {
  for (int i = 0; i < Half; ++i)
    bytes[i] =
        static_cast<uint8_t>((codes[i] & 15) | (codes[i + Half] & 15) << 4);
}
template <int Half>
static void unpackNibbles(const uint8_t *bytes, uint8_t *codes) {
  for (int i = 0; i < Half; ++i) {
    codes[i] = bytes[i] & 15;
    codes[i + Half] = bytes[i] >> 4;
  }
}

/// The fifth bits of 32 codes: bit i % 8 of byte i / 8.
static void packFifthBits(const uint8_t *codes, uint8_t *high) {
  for (int byte = 0; byte < 4; ++byte) {
    uint64_t eight; // little-endian, as all that is stored
    std::memcpy(&eight, codes + 8 * byte, sizeof eight);
    // Bit 8·i goes to bit 56 + i; no two products meet.
    constexpr uint64_t kLowest = 0x0101010101010101;
    constexpr uint64_t kGather = 0x0102040810204080;
    high[byte] = static_cast<uint8_t>((eight >> 4 & kLowest) * kGather >> 56);
  }
}
static void unpackFifthBits(const uint8_t *high, uint8_t *codes) {
  for (int i = 0; i < kBlock; ++i)
    codes[i] |= static_cast<uint8_t>((high[i / 8] >> i % 8 & 1) << 4);
}

void packCodes(const uint8_t *codes, BlockQ8_0 &block) {
  for (int i = 0; i < kBlock; ++i)
    block.codes[i] = static_cast<int8_t>(codes[i]);
}
void unpackCodes(const BlockQ8_0 &block, uint8_t *codes) {
  for (int i = 0; i < kBlock; ++i)
    codes[i] = static_cast<uint8_t>(block.codes[i]);
}

void packCodes(const uint8_t *codes, BlockQ4_0 &block) {
  packNibbles<16>(codes, block.codes);
}
void unpackCodes(const BlockQ4_0 &block, uint8_t *codes) {
  unpackNibbles<16>(block.codes, codes);
}

void packCodes(const uint8_t *codes, BlockQ4_1 &block) {
  packNibbles<16>(codes, block.codes);
}
void unpackCodes(const BlockQ4_1 &block, uint8_t *codes) {
  unpackNibbles<16>(block.codes, codes);
}

void packCodes(const uint8_t *codes, BlockIq4Nl &block) {
  packNibbles<16>(codes, block.codes);
}
void unpackCodes(const BlockIq4Nl &block, uint8_t *codes) {
  unpackNibbles<16>(block.codes, codes);
}

void packCodes(const uint8_t *codes, BlockQ5_0 &block) {
  packNibbles<16>(codes, block.codes);
  packFifthBits(codes, block.high);
}
void unpackCodes(const BlockQ5_0 &block, uint8_t *codes) {
  unpackNibbles<16>(block.codes, codes);
  unpackFifthBits(block.high, codes);
}

void packCodes(const uint8_t *codes, BlockQ5_1 &block) {
  packNibbles<16>(codes, block.codes);
  packFifthBits(codes, block.high);
}
void unpackCodes(const BlockQ5_1 &block, uint8_t *codes) {
  unpackNibbles<16>(block.codes, codes);
  unpackFifthBits(block.high, codes);
}

void packCodes(const uint8_t *codes, BlockQ4_K &block) {
  for (int begin = 0; begin < kSuperBlock; begin += 64)
    packNibbles<32>(codes + begin, block.codes + begin / 2);
}
void unpackCodes(const BlockQ4_K &block, uint8_t *codes) {
  for (int begin = 0; begin < kSuperBlock; begin += 64)
    unpackNibbles<32>(block.codes + begin / 2, codes + begin);
}

// Bit g of byte i is the fifth bit of element i of group g.
void packCodes(const uint8_t *codes, BlockQ5_K &block) {
  for (int begin = 0; begin < kSuperBlock; begin += 64)
    packNibbles<32>(codes + begin, block.codes + begin / 2);
  for (int i = 0; i < 32; ++i) {
    block.high[i] = 0;
    for (int group = 0; group < 8; ++group)
      block.high[i] |=
          static_cast<uint8_t>((codes[32 * group + i] >> 4 & 1) << group);
  }
}
void unpackCodes(const BlockQ5_K &block, uint8_t *codes) {
  for (int begin = 0; begin < kSuperBlock; begin += 64)
    unpackNibbles<32>(block.codes + begin / 2, codes + begin);
  for (int i = 0; i < kSuperBlock; ++i)
    codes[i] |= static_cast<uint8_t>((block.high[i % 32] >> i / 32 & 1) << 4);
}

// 128 elements have 64 bytes of low bits, and 32 bytes of high ones: byte i has
// those of elements i, 32 + i, 64 + i and 96 + i.
void packCodes(const uint8_t *codes, BlockQ6_K &block) {
  for (int begin = 0; begin < kSuperBlock; begin += 128) {
    packNibbles<64>(codes + begin, block.codes + begin / 2);
    for (int i = 0; i < 32; ++i) {
      const uint8_t *code = codes + begin + i;
      block.high[begin / 4 + i] =
          static_cast<uint8_t>(code[0] >> 4 | code[32] >> 4 << 2 |
                               code[64] >> 4 << 4 | code[96] >> 4 << 6);
    }
  }
}
void unpackCodes(const BlockQ6_K &block, uint8_t *codes) {
  for (int begin = 0; begin < kSuperBlock; begin += 128) {
    unpackNibbles<64>(block.codes + begin / 2, codes + begin);
    for (int i = 0; i < 128; ++i)
      codes[begin + i] |= static_cast<uint8_t>(
          (block.high[begin / 4 + i % 32] >> i / 32 * 2 & 3) << 4);
  }
}

void packCodes(const uint8_t *codes, BlockTq2_0 &block) {
  for (int i = 0; i < kSuperBlock / 4; ++i) {
    const uint8_t *code = codes + i / 32 * 128 + i % 32;
    block.codes[i] = static_cast<uint8_t>(code[0] | code[32] << 2 |
                                          code[64] << 4 | code[96] << 6);
  }
}
void unpackCodes(const BlockTq2_0 &block, uint8_t *codes) {
  for (int i = 0; i < kSuperBlock; ++i)
    codes[i] = block.codes[i / 128 * 32 + i % 32] >> i % 128 / 32 * 2 & 3;
}

namespace {
/// Bytes of TQ1_0 whose digits are so many elements apart as there are bytes.
struct Stripe {
  int bytes;
  int digits;
};
} // namespace
static constexpr Stripe kStripes[] = {{32, 5}, {16, 5}, {4, 4}};

void packCodes(const uint8_t *codes, BlockTq1_0 &block) {
  uint8_t *out = block.codes;
  for (const Stripe stripe : kStripes) {
    for (int i = 0; i < stripe.bytes; ++i) {
      int number = 0;
      for (int digit = 0; digit < 5; ++digit)
        number = 3 * number +
                 (digit < stripe.digits ? codes[i + digit * stripe.bytes] : 0);
      *out++ = static_cast<uint8_t>((number * 256 + 242) / 243);
    }
    codes += stripe.bytes * stripe.digits;
  }
}
void unpackCodes(const BlockTq1_0 &block, uint8_t *codes) {
  const uint8_t *in = block.codes;
  for (const Stripe stripe : kStripes) {
    for (int i = 0; i < stripe.bytes; ++i) {
      int fraction = *in++;
      for (int digit = 0; digit < stripe.digits; ++digit) {
        fraction *= 3;
        codes[i + digit * stripe.bytes] = static_cast<uint8_t>(fraction >> 8);
        fraction &= 255;
      }
    }
    codes += stripe.bytes * stripe.digits;
  }
}

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

/// The codes of a block as numbers.
template <typename Block> struct Codes {
  uint8_t values[Block::kValues];
  explicit Codes(const Block &block) { unpackCodes(block, values); }
  float at(int64_t i, int offset = 0) const {
    return static_cast<float>(values[i] - offset);
  }
};

void dequantize(const BlockQ8_0 &block, float *out) {
  const float d = dense::fromF16(block.d);
  for (int64_t i = 0; i < kBlock; ++i)
    out[i] = mulRounded(static_cast<float>(block.codes[i]), d);
}

void dequantize(const BlockIq4Nl &block, float *out) {
  const Codes codes(block);
  const float d = dense::fromF16(block.d);
  for (int64_t i = 0; i < kBlock; ++i)
    out[i] = mulRounded(static_cast<float>(kIq4NlValues[codes.values[i]]), d);
}

template <typename Block>
static void decodeAround(const Block &block, int half, float *out) {
  const Codes codes(block);
  const float d = dense::fromF16(block.d);
  for (int64_t i = 0; i < kBlock; ++i)
    out[i] = mulRounded(codes.at(i, half), d);
}
void dequantize(const BlockQ4_0 &block, float *out) {
  decodeAround(block, 8, out);
}
void dequantize(const BlockQ5_0 &block, float *out) {
  decodeAround(block, 16, out);
}

template <typename Block>
static void decodeAbove(const Block &block, float *out) {
  const Codes codes(block);
  const float d = dense::fromF16(block.d);
  const float minimum = dense::fromF16(block.m);
  for (int64_t i = 0; i < kBlock; ++i)
    out[i] = addRounded(mulRounded(codes.at(i), d), minimum);
}
void dequantize(const BlockQ4_1 &block, float *out) { decodeAbove(block, out); }
void dequantize(const BlockQ5_1 &block, float *out) { decodeAbove(block, out); }

template <typename Block>
static void decodeGroups(const Block &block, float *out) {
  const Codes codes(block);
  const float d = dense::fromF16(block.d);
  const float dmin = dense::fromF16(block.dmin);
  for (int group = 0; group < 8; ++group) {
    const kscales::ScaleMin packed = kscales::at(block.scales, group);
    const float scale = mulRounded(d, static_cast<float>(packed.scale));
    const float minimum = mulRounded(dmin, static_cast<float>(packed.minimum));
    for (int64_t i = 32 * group; i < 32 * group + 32; ++i)
      out[i] = addRounded(mulRounded(scale, codes.at(i)), -minimum);
  }
}
void dequantize(const BlockQ4_K &block, float *out) {
  decodeGroups(block, out);
}
void dequantize(const BlockQ5_K &block, float *out) {
  decodeGroups(block, out);
}

void dequantize(const BlockQ6_K &block, float *out) {
  const Codes codes(block);
  const float d = dense::fromF16(block.d);
  for (int64_t i = 0; i < kSuperBlock; ++i)
    out[i] = mulRounded(mulRounded(d, static_cast<float>(block.scales[i / 16])),
                        codes.at(i, 32));
}

template <typename Block>
static void decodeTernary(const Block &block, float *out) {
  const Codes codes(block);
  const float d = dense::fromF16(block.d);
  for (int64_t i = 0; i < kSuperBlock; ++i)
    out[i] = mulRounded(codes.at(i, 1), d);
}
void dequantize(const BlockTq1_0 &block, float *out) {
  decodeTernary(block, out);
}
void dequantize(const BlockTq2_0 &block, float *out) {
  decodeTernary(block, out);
}

} // namespace qzc::format::ggml
