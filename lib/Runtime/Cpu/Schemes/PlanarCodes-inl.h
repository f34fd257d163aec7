//===- PlanarCodes-inl.h - Codes in planes, a vector of chunks ---*- C++-*-===//
//
// The codes of Format/Schemes/Planes.h as bytes. A byte of low bits has two or
// four fields; each becomes the bytes of a vector of its own, in which a chunk
// has the 32-bit lanes that its low bits have in memory.
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

#include <utility>

HWY_BEFORE_NAMESPACE();
namespace qzc::runtime::cpu {
namespace HWY_NAMESPACE {

using WordTag = hn::RebindToUnsigned<Tag>;
using WordVec = hn::Vec<WordTag>;

template <typename T> struct alignas(64) LaneValues { T values[16]; };
/// first + perChunk · c + perLane · j for lane j of chunk c.
template <typename T>
constexpr LaneValues<T> makeLanes(int64_t chunkLanes, int first, int perChunk,
                                  int perLane) {
  LaneValues<T> lanes = {};
  for (int64_t i = 0; i != 16; ++i)
    lanes.values[i] =
        static_cast<T>(first + perChunk * static_cast<int>(i / chunkLanes) +
                       perLane * static_cast<int>(i % chunkLanes));
  return lanes;
}

template <int Bits> struct PlanarCodes {
  using P = format::Planes<Bits>;
  /// Of a byte.
  static constexpr int kFields = 8 / P::kLow;
  /// 32-bit lanes of a chunk; chunks of a vector.
  static constexpr int64_t kChunkLanes = 8 / kFields;
  static constexpr int64_t kPerVector = kLanes / kChunkLanes;
  /// Vectors start at multiples of this many chunks of the flattened tensor,
  /// where what they read of each plane lies together.
  static constexpr int64_t kAlign = HWY_MIN(kPerVector, P::kChunks);

  /// Codes of chunks [chunk, chunk + count) of the flattened tensor, count ≤
  /// kPerVector; anything behind them. It is one of `Streams` such vectors,
  /// each `stride` chunks behind the one before.
  template <int Streams>
  static HWY_INLINE void load(const uint8_t *data, int64_t chunk, int64_t count,
                              int64_t stride, WordVec (&fields)[kFields]) {
    const auto index = static_cast<uint64_t>(chunk);
    const uint8_t *unit = data + index / P::kChunks * P::kUnitBytes;
    const uint64_t within = index % P::kChunks;
#pragma GCC unroll 2
    for (int64_t at = 0; at < kVectorBytes; at += kCacheLine)
      prefetchCodes<Streams>(unit + at, stride * (P::kUnitBytes / P::kChunks));
    const WordVec low =
        loadUnits<P::kLowBytes>(unit + within * P::kLowBytes, count);
    splitLow(low, fields, std::make_integer_sequence<int, kFields>());
    if constexpr (P::kHigh != 0)
      addHigh(loadUnits<P::kHighBytes>(unit + P::kChunks * P::kLowBytes +
                                           within * P::kHighBytes,
                                       count),
              fields);
  }

private:
  /// Bytes of all planes for a vector of chunks.
  static constexpr int64_t kVectorBytes =
      kPerVector * P::kUnitBytes / P::kChunks;

  /// `Bytes` a chunk, which lie one behind the other within a unit, as the low
  /// bytes of a vector. Units are there as a whole.
  template <int64_t Bytes>
  static HWY_INLINE WordVec loadUnits(const uint8_t *from, int64_t count) {
    constexpr int64_t words = Bytes / 4;
    const auto *at = reinterpret_cast<const uint32_t *>(from);
    if constexpr (kPerVector > P::kChunks && P::kHigh != 0) {
      static_assert(kPerVector == 2 * P::kChunks,
                    "a vector is one unit or two");
      const hn::Half<WordTag> half;
      const auto *next =
          reinterpret_cast<const uint32_t *>(from + P::kUnitBytes);
      if (count <= P::kChunks)
        next = at;
      if constexpr (words * kPerVector == kLanes) {
        return hn::Combine(WordTag(), hn::LoadU(half, next),
                           hn::LoadU(half, at));
      } else {
        const hn::Half<decltype(half)> quarter;
        return hn::ZeroExtendVector(WordTag(),
                                    hn::Combine(half, hn::LoadU(quarter, next),
                                                hn::LoadU(quarter, at)));
      }
    } else if constexpr (P::kHigh != 0) {
      return loadLow<words * kPerVector>(WordTag(), at);
    } else {
      if (HWY_LIKELY(count == kPerVector))
        return hn::LoadU(WordTag(), at);
      HWY_ALIGN uint32_t some[kLanes] = {};
      __builtin_memcpy(some, from, static_cast<size_t>(Bytes * count));
      return hn::Load(WordTag(), some);
    }
  }

  template <int64_t Words, class D>
  static HWY_INLINE hn::Vec<D> loadLow(D d, const uint32_t *from) {
    if constexpr (hn::MaxLanes(D()) == Words)
      return hn::LoadU(d, from);
    else
      return hn::ZeroExtendVector(d, loadLow<Words>(hn::Half<D>(), from));
  }

  template <int... Field>
  static HWY_INLINE void splitLow(WordVec low, WordVec (&fields)[kFields],
                                  std::integer_sequence<int, Field...>) {
    const WordVec mask =
        hn::Set(WordTag(), P::kLow == 4 ? 0x0f0f0f0f : 0x03030303);
    ((fields[Field] = hn::And(hn::ShiftRight<P::kLow * Field>(low), mask)),
     ...);
  }

  /// Word `Offset` + `Step` · c in all lanes of chunk c.
  template <int Step, int Offset>
  static HWY_INLINE WordVec spread(WordVec words) {
    static constexpr auto kIndices =
        makeLanes<int32_t>(kChunkLanes, Offset, Step, 0);
    return hn::TableLookupLanes(
        words, hn::SetTableIndices(WordTag(), kIndices.values));
  }

  /// First + Step · j in lane j of every chunk.
  template <int First, int Step> static HWY_INLINE WordVec laneShifts() {
    static constexpr auto kShifts =
        makeLanes<uint32_t>(kChunkLanes, First, 0, Step);
    return hn::Load(WordTag(), kShifts.values);
  }

  /// Codes with their high bits, which are words[…] of each chunk.
  static HWY_INLINE void addHigh(WordVec words, WordVec (&fields)[kFields]) {
    const auto bits = [](uint32_t mask) HWY_ATTR {
      return hn::Set(WordTag(), mask * 0x01010101u);
    };
    if constexpr (Bits == 3) {
      // Bit 4w + f of a byte belongs to lane w, field f.
      const WordVec high = hn::Shr(spread<1, 0>(words), laneShifts<0, 4>());
      const WordVec mask = bits(4);
      fields[0] = hn::OrAnd(fields[0], hn::ShiftLeft<2>(high), mask);
      fields[1] = hn::OrAnd(fields[1], hn::ShiftLeft<1>(high), mask);
      fields[2] = hn::OrAnd(fields[2], high, mask);
      fields[3] = hn::OrAnd(fields[3], hn::ShiftRight<1>(high), mask);
    } else if constexpr (Bits == 5) {
      // Bit 4f + j of a byte belongs to lane j, field f.
      const WordVec high = spread<1, 0>(words);
      const WordVec mask = bits(16);
      fields[0] =
          hn::OrAnd(fields[0], hn::Shl(high, laneShifts<4, -1>()), mask);
      fields[1] = hn::OrAnd(fields[1], hn::Shr(high, laneShifts<0, 1>()), mask);
    } else {
      // Bits 2j and 2j + 1 of a byte of word f belong to lane j, field f.
      static_assert(Bits == 6);
      const WordVec mask = bits(48);
      const auto toTop = [&](WordVec word) HWY_ATTR {
#if HWY_TARGET == HWY_AVX3
        return WordVec{_mm512_rolv_epi32(word.raw, laneShifts<4, -2>().raw)};
#else
        return hn::ShiftLeft<4>(hn::Shr(word, laneShifts<0, 2>()));
#endif
      };
      fields[0] = hn::OrAnd(fields[0], toTop(spread<2, 0>(words)), mask);
      fields[1] = hn::OrAnd(fields[1], toTop(spread<2, 1>(words)), mask);
    }
  }
};

} // namespace HWY_NAMESPACE
} // namespace qzc::runtime::cpu
HWY_AFTER_NAMESPACE();

#endif
