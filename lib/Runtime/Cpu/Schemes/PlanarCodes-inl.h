//===- PlanarCodes-inl.h - Codes in planes, a vector of chunks ---*- C++-*-===//
//
// The codes of Format/Schemes/Planes.h as bytes, chunk by chunk: each block of
// 16 bytes of a vector belongs to one chunk. The first halves of the chunks
// (elements 0…15) are one vector, the second halves another.
//
//===----------------------------------------------------------------------===//

#if defined(QZC_RUNTIME_CPU_SCHEMES_PLANARCODES_INL_H) ==                      \
    defined(HWY_TARGET_TOGGLE)
#ifdef QZC_RUNTIME_CPU_SCHEMES_PLANARCODES_INL_H
#undef QZC_RUNTIME_CPU_SCHEMES_PLANARCODES_INL_H
#else
#define QZC_RUNTIME_CPU_SCHEMES_PLANARCODES_INL_H
#endif

#include "../Simd-inl.h"
#include "qzc/Format/Schemes/Planes.h"

HWY_BEFORE_NAMESPACE();
namespace qzc::runtime::cpu {
namespace HWY_NAMESPACE {

using WordTag = hn::RebindToUnsigned<Tag>;
using WordVec = hn::Vec<WordTag>;

/// Shifts of the four lanes of every chunk.
template <uint32_t Step, uint32_t First> struct LaneShifts {
  static constexpr uint32_t A = First, B = First + Step, C = First + 2 * Step,
                            D = First + 3 * Step;
  HWY_ALIGN static constexpr uint32_t kValues[16] = {A, B, C, D, A, B, C, D,
                                                     A, B, C, D, A, B, C, D};
};

template <int Bits> struct PlanarCodes {
  using P = format::Planes<Bits>;
  /// Vectors start at multiples of this many chunks of the flattened tensor,
  /// where what they read of each plane lies together.
  static constexpr int64_t kAlign = HWY_MIN(kChunks, P::kChunks);

  /// Codes of chunks [chunk, chunk + count) of the flattened tensor, count ≤
  /// kChunks; zeros behind them.
  static HWY_INLINE void load(const uint8_t *data, int64_t chunk, int64_t count,
                              WordVec &first, WordVec &second) {
    const uint8_t *unit = data + chunk / P::kChunks * P::kUnitBytes;
    const int64_t within = chunk % P::kChunks;
#pragma GCC unroll 2
    for (int64_t at = 0; at < kVectorBytes; at += kCacheLine)
      prefetch(unit + at, kCodesAhead);
    if constexpr (P::kLow == 4) {
      const WordVec bytes =
          loadUnits<P::kLowBytes>(unit + within * P::kLowBytes, count);
      const WordVec mask = hn::Set(WordTag(), 0x0f0f0f0f);
      first = hn::And(bytes, mask);
      second = hn::And(hn::ShiftRight<4>(bytes), mask);
    } else {
      twoBits(unit + within * P::kLowBytes, count, first, second);
    }
    const uint8_t *high =
        unit + P::kChunks * P::kLowBytes + within * P::kHighBytes;
    if constexpr (P::kHigh != 0) {
      WordVec firstHigh;
      WordVec secondHigh;
      if constexpr (P::kHigh == 1)
        oneBit(high, count, firstHigh, secondHigh);
      else
        twoBits(high, count, firstHigh, secondHigh);
      first = hn::Or(first, hn::ShiftLeft<P::kLow>(firstHigh));
      second = hn::Or(second, hn::ShiftLeft<P::kLow>(secondHigh));
    }
  }

private:
  /// Bytes of all planes for a vector of chunks.
  static constexpr int64_t kVectorBytes = kChunks * P::kUnitBytes / P::kChunks;

  /// `Bytes` a chunk, which lie one behind the other within a unit, as the low
  /// bytes of a vector.
  template <int64_t Bytes>
  static HWY_INLINE WordVec loadUnits(const uint8_t *from, int64_t count) {
    constexpr int64_t words = Bytes / 4;
    const auto *at = reinterpret_cast<const uint32_t *>(from);
    if constexpr (kChunks > P::kChunks && P::kHigh != 0) {
      // Two units of two chunks.
      static_assert(kChunks == 2 * P::kChunks, "a vector is one unit or two");
      const hn::Half<WordTag> half;
      const auto *next =
          reinterpret_cast<const uint32_t *>(from + P::kUnitBytes);
      if constexpr (Bytes == 16) {
        return hn::Combine(WordTag(), hn::LoadU(half, next),
                           hn::LoadU(half, at));
      } else {
        const hn::Half<decltype(half)> quarter;
        return hn::ZeroExtendVector(WordTag(),
                                    hn::Combine(half, hn::LoadU(quarter, next),
                                                hn::LoadU(quarter, at)));
      }
    } else if constexpr (kChunks == 1) {
      HWY_ALIGN uint32_t chunk[kLanes] = {};
      __builtin_memcpy(chunk, from, Bytes);
      return hn::Load(WordTag(), chunk);
    } else {
      if (words * kChunks == kLanes && count == kChunks)
        return hn::LoadU(WordTag(), at);
      return hn::MaskedLoad(
          hn::FirstN(WordTag(), static_cast<size_t>(words * count)), WordTag(),
          at);
    }
  }

  /// Word `Offset` + `Step` · c in all lanes of chunk c.
  template <int64_t Step, int64_t Offset>
  static HWY_INLINE WordVec spread(WordVec words) {
    constexpr int32_t a = Offset, b = Offset + Step, c = Offset + 2 * Step,
                      d = Offset + 3 * Step;
    HWY_ALIGN static constexpr int32_t kIndices[16] = {a, a, a, a, b, b, b, b,
                                                       c, c, c, c, d, d, d, d};
    return hn::TableLookupLanes(words,
                                hn::SetTableIndices(WordTag(), kIndices));
  }

  /// Of two words a chunk, four groups of two bits in each byte.
  static HWY_INLINE void twoBits(const uint8_t *from, int64_t count,
                                 WordVec &first, WordVec &second) {
    const WordVec words = loadUnits<8>(from, count);
    const WordVec shifts = hn::Load(WordTag(), LaneShifts<2, 0>::kValues);
    const WordVec mask = hn::Set(WordTag(), 0x03030303);
    first = hn::And(hn::Shr(spread<2, 0>(words), shifts), mask);
    second = hn::And(hn::Shr(spread<2, 1>(words), shifts), mask);
  }

  /// Of one word a chunk, eight bits in each byte.
  static HWY_INLINE void oneBit(const uint8_t *from, int64_t count,
                                WordVec &first, WordVec &second) {
    const WordVec word = spread<1, 0>(loadUnits<4>(from, count));
    const WordVec mask = hn::Set(WordTag(), 0x01010101);
    first = hn::And(
        hn::Shr(word, hn::Load(WordTag(), LaneShifts<1, 0>::kValues)), mask);
    second = hn::And(
        hn::Shr(word, hn::Load(WordTag(), LaneShifts<1, 4>::kValues)), mask);
  }
};

} // namespace HWY_NAMESPACE
} // namespace qzc::runtime::cpu
HWY_AFTER_NAMESPACE();

#endif
