//===- Planes.h - Linear codes of 2 to 6 bits -------------------*- C++ -*-===//
//
// Codes of the flattened tensor are stored by chunks of 32. Their low bits come
// first, then, for codes of more bits, the high ones: of a unit of chunks all
// low bits, then 16 bytes of high ones, so that every load is aligned. Units
// that the tensor does not fill are padded with zeros.
//
//   bits  low a chunk  high a chunk  chunks (bytes) a unit
//    2     2 · 32                         1 (8)
//    3     2 · 32          32             4 (48)
//    4     4 · 32                         1 (16)
//    5     4 · 32          32             4 (80)
//    6     4 · 32        2 · 32           2 (48)
//
// Four low bits: byte i has element i in its low nibble, 16 + i in the high
// one. Two bits: byte i of word w (of two) has elements 16w + i, + 4, + 8, + 12
// from its low bits up. One bit: bit g of byte i is element 4g + i. So a shift
// and a mask give the bits of four neighbours in the four bytes of a word.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_FORMAT_SCHEMES_PLANES_H
#define QZC_FORMAT_SCHEMES_PLANES_H

#include "qzc/Format/Portable.h"

namespace qzc::format {

template <int Bits> struct Planes {
  static constexpr int64_t kChunk = 32;
  static constexpr int kLow = Bits <= 3 ? 2 : 4;
  static constexpr int kHigh = Bits - kLow;
  /// Bytes of a chunk.
  static constexpr int64_t kLowBytes = 4 * kLow;
  static constexpr int64_t kHighBytes = 4 * kHigh;
  /// Chunks, elements and bytes of a unit.
  static constexpr int64_t kChunks = kHigh == 0 ? 1 : 4 / kHigh;
  static constexpr int64_t kUnit = kChunks * kChunk;
  static constexpr int64_t kUnitBytes = kChunks * (kLowBytes + kHighBytes);

  /// Where the bits of the chunk with element i begin, in bytes.
  QZC_HD static int64_t lowOf(int64_t i) {
    return i / kUnit * kUnitBytes + i % kUnit / kChunk * kLowBytes;
  }
  QZC_HD static int64_t highOf(int64_t i) {
    return i / kUnit * kUnitBytes + kChunks * kLowBytes +
           i % kUnit / kChunk * kHighBytes;
  }

  QZC_HD static uint32_t codeAt(const uint8_t *data, int64_t i) {
    const int e = static_cast<int>(i % kChunk);
    uint32_t code = bitsAt<kLow>(data + lowOf(i), e);
    if constexpr (kHigh != 0)
      code |= bitsAt<kHigh>(data + highOf(i), e) << kLow;
    return code;
  }

  /// Where `N` bits of element e of a chunk are: byte and shift.
  template <int N> QZC_HD static constexpr int byteOf(int e) {
    return N == 4 ? e % 16 : N == 2 ? e / 16 * 4 + e % 4 : e % 4;
  }
  template <int N> QZC_HD static constexpr int shiftOf(int e) {
    return N == 4 ? e / 16 * 4 : N == 2 ? e / 4 % 4 * 2 : e / 4;
  }

private:
  template <int N> QZC_HD static uint32_t bitsAt(const uint8_t *bytes, int e) {
    return bytes[byteOf<N>(e)] >> shiftOf<N>(e) & ((1u << N) - 1);
  }
};

} // namespace qzc::format

#endif // QZC_FORMAT_SCHEMES_PLANES_H
