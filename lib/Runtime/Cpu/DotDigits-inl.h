//===- DotDigits-inl.h - Dot products of linear codes -----------*- C++ -*-===//
//
// Codes of 2 to 6 bits times activations as integers of 24 bits in three digits
// of 8: sums over the elements of a 32-bit lane are exact, and become f32 with
// their chunk's scale. Which instruction multiplies the bytes changes no bit of
// the result, so this file is included once without and, for AVX-512, once with
// QZC_DOT_VNNI, into a namespace of its own.
//
//===----------------------------------------------------------------------===//

#include "DotChunks-inl.h"
#include "Schemes/PlanarCodes-inl.h"

QZC_BEFORE_DOTS
namespace qzc::runtime::cpu {
namespace QZC_DOT_NAMESPACE {

using IntTag = hn::RebindToSigned<Tag>;
using IntVec = hn::Vec<IntTag>;

/// A vector of a token's digits from a chunk on.
template <int Fields> struct DigitVectors {
  const DigitStrip<Fields> &Strip;
  int64_t Place;

  DigitVectors(const DigitStrip<Fields> &strip, int64_t chunk)
      : Strip(strip), Place(kStripMargin + chunk) {}
  HWY_INLINE WordVec at(int digit, int field) const {
    return hn::LoadU(WordTag(), reinterpret_cast<const uint32_t *>(
                                    Strip.digits[digit][field][Place]));
  }
  /// Of all fields: which 0; of two, of each: 1 and 2.
  HWY_INLINE IntVec laneSums(int which) const {
    return hn::LoadU(IntTag(), Strip.laneSums[which][Place]);
  }
};

#ifdef QZC_DOT_VNNI
/// sum + the products of the four bytes in each lane
HWY_INLINE IntVec addProducts(IntVec sum, WordVec codes, WordVec digits) {
  return IntVec{_mm512_dpbusd_epi32(sum.raw, codes.raw, digits.raw)};
}

/// Fields [First, Last) of each stream's codes times integers, summed over each
/// lane.
template <int First, int Last, int Fields, int Streams>
HWY_INLINE void dotLanes(const WordVec (&codes)[Streams][Fields],
                         const DigitVectors<Fields> &x,
                         IntVec (&sums)[Streams]) {
  // Each product waits for the one before. Of four fields these chains would be
  // longer than what goes on beside them, so each digit has its own, but where
  // there are several rows.
  constexpr bool kApart = Streams == 1 && Last - First > 2;
#pragma GCC unroll 3
  for (int digit = 0; digit < 3; ++digit) {
    IntVec upper[Streams];
#pragma GCC unroll 4
    for (int i = 0; i < Streams; ++i) {
      upper[i] = digit == 0 ? hn::Zero(IntTag()) : hn::ShiftLeft<8>(sums[i]);
      sums[i] = kApart ? hn::Zero(IntTag()) : upper[i];
    }
#pragma GCC unroll 4
    for (int field = First; field < Last; ++field) {
      const WordVec digits = x.at(digit, field);
#pragma GCC unroll 4
      for (int i = 0; i < Streams; ++i)
        sums[i] = addProducts(sums[i], codes[i][field], digits);
    }
    if (kApart && digit != 0)
#pragma GCC unroll 4
      for (int i = 0; i < Streams; ++i)
        sums[i] = hn::Add(upper[i], sums[i]);
  }
}
#else
using ShortTag = hn::Repartition<int16_t, Tag>;
using ShortVec = hn::Vec<ShortTag>;

/// Products of unsigned and signed bytes, summed in pairs: at most 63 · 128 ·
/// 2, so that nothing saturates.
HWY_INLINE ShortVec multiplyPairs(WordVec codes, WordVec digits) {
#if HWY_TARGET == HWY_SSE4
  return ShortVec{_mm_maddubs_epi16(codes.raw, digits.raw)};
#elif HWY_TARGET == HWY_AVX2
  return ShortVec{_mm256_maddubs_epi16(codes.raw, digits.raw)};
#else
  return ShortVec{_mm512_maddubs_epi16(codes.raw, digits.raw)};
#endif
}

/// value · factor, summed in pairs
HWY_INLINE IntVec widenPairs(ShortVec value, int16_t factor) {
  return multiplyWide(value, hn::Set(ShortTag(), factor));
}

/// Fields [First, Last) of each stream's codes times integers, summed over each
/// lane: codes of four fields are at most 7, so that their sums fit as well.
template <int First, int Last, int Fields, int Streams>
HWY_INLINE void dotLanes(const WordVec (&codes)[Streams][Fields],
                         const DigitVectors<Fields> &x,
                         IntVec (&sums)[Streams]) {
#pragma GCC unroll 3
  for (int digit = 0; digit < 3; ++digit) {
    ShortVec pairs[Streams];
#pragma GCC unroll 4
    for (int field = First; field < Last; ++field) {
      const WordVec digits = x.at(digit, field);
#pragma GCC unroll 4
      for (int i = 0; i < Streams; ++i) {
        const ShortVec products = multiplyPairs(codes[i][field], digits);
        pairs[i] = field == First ? products : hn::Add(pairs[i], products);
      }
    }
#pragma GCC unroll 4
    for (int i = 0; i < Streams; ++i) {
      const IntVec wide = widenPairs(pairs[i], digit == 0 ? 256 : 1);
      if (digit == 0)
        sums[i] = wide;
      else
        sums[i] =
            hn::Add(digit == 1 ? sums[i] : hn::ShiftLeft<8>(sums[i]), wide);
    }
  }
}
#endif

/// A weight whose codes are planes.
template <int Bits, typename Source> class DigitsWeight {
  using Codes = PlanarCodes<Bits>;
  static constexpr int kFields = Codes::kFields;

public:
  using Strip = DigitStrip<kFields>;
  static constexpr int64_t kPerVector = Codes::kPerVector;
  /// As many as leave their codes in registers.
  static constexpr int kStreams = kRegisters == 32 ? 4 : (kFields == 2 ? 2 : 1);
  static constexpr int64_t kAlign = Codes::kAlign;
  static constexpr int64_t kSlack = 0;
  static constexpr bool kAddends = Source::kAddends;

  explicit DigitsWeight(const format::PackedView &weight)
      : Data(reinterpret_cast<const uint8_t *>(weight.parts[0])),
        Beside(weight) {}

  static HWY_INLINE const Strip *stripsOf(const Activations &x) {
    if constexpr (kFields == 2)
      return x.nibbles;
    else
      return x.crumbs;
  }

  /// Scales of chunks, or of their halves, times those of the activations.
  class Scales {
  public:
    HWY_INLINE void read(const DigitsWeight &of, int64_t first, int64_t count,
                         const Strip &x) {
      const typename Source::Strip strip(of.Beside, first, count);
      for (int64_t i = 0; i < count; i += kLanes) {
        const Vec ofX = hn::LoadU(kTag, x.scales + i);
        Vec ofWeights;
        Vec other;
        strip.at(i, ofWeights, other);
        hn::Store(hn::Mul(ofWeights, ofX), kTag, Firsts + kFront + i);
        if constexpr (Source::kHalves)
          hn::Store(hn::Mul(other, ofX), kTag, Seconds + kFront + i);
        if constexpr (Source::kAddends)
          // To codes less the middle one.
          hn::Store(
              hn::Mul(hn::MulAdd(ofWeights,
                                 hn::Set(kTag, static_cast<float>(kMiddle)),
                                 other),
                      hn::LoadU(kTag, x.sums + i)),
              kTag, Seconds + kFront + i);
      }
    }
    HWY_INLINE Vec first(int64_t chunk) const {
      return spreadOverChunks<Codes::kChunkLanes>(Firsts + kFront + chunk);
    }
    HWY_INLINE Vec second(int64_t chunk) const {
      return spreadOverChunks<Codes::kChunkLanes>(Seconds + kFront + chunk);
    }
    HWY_INLINE Vec addends(int64_t chunk) const {
      return hn::LoadU(kTag, Seconds + kFront + chunk);
    }

  private:
    static constexpr bool kTwo = Source::kHalves || Source::kAddends;
    /// A vector may begin before the first chunk, and end behind the last.
    static constexpr int64_t kFront = 16;
    static constexpr int64_t kRoom = kFront + kStripChunks + 16;
    HWY_ALIGN float Firsts[kRoom];
    HWY_ALIGN float Seconds[kTwo ? kRoom : 16];
  };

  template <bool Whole, int Streams>
  HWY_INLINE void
  add(int64_t chunk, int64_t stride, int64_t count, const Strip &x, int64_t at,
      const Scales (&scales)[Streams], Vec (&sums)[Streams]) const {
    WordVec codes[Streams][kFields];
#pragma GCC unroll 4
    for (int i = 0; i < Streams; ++i)
      Codes::template load<Streams>(Data, chunk + i * stride,
                                    Whole ? kPerVector : count, stride,
                                    codes[i]);
    const DigitVectors<kFields> digits(x, at);
    IntVec lanes[Streams];
    const auto addLanes = [&](int which, const auto &scaleOf) HWY_ATTR {
#pragma GCC unroll 4
      for (int i = 0; i < Streams; ++i)
        sums[i] =
            hn::MulAdd(hn::ConvertTo(kTag, centered(lanes[i], digits, which)),
                       scaleOf(scales[i]), sums[i]);
    };
    const auto first = [&](const Scales &of) HWY_ATTR { return of.first(at); };
    const auto second = [&](const Scales &of)
                            HWY_ATTR { return of.second(at); };
    if constexpr (Source::kHalves) {
      dotLanes<0, 1>(codes, digits, lanes);
      addLanes(1, first);
      dotLanes<1, 2>(codes, digits, lanes);
      addLanes(2, second);
    } else {
      dotLanes<0, kFields>(codes, digits, lanes);
      addLanes(0, first);
    }
  }

private:
  /// The code that stands for 0 or, where there are addends, the middle one.
  static constexpr int middle() {
    if constexpr (Source::kAddends)
      return 1 << (Bits - 1);
    else
      return Source::kMiddle;
  }
  static constexpr int kMiddle = middle();

  const uint8_t *Data;
  Source Beside;

  /// What codes less the middle one would have given: sums stay small, and with
  /// them what their conversion to f32 rounds away.
  static HWY_INLINE IntVec centered(IntVec lanes,
                                    const DigitVectors<kFields> &digits,
                                    int which) {
    IntVec sums = digits.laneSums(which);
    // Eight times the activations' as they are.
    constexpr int kPower = __builtin_ctz(kMiddle);
    if constexpr (kPower < 3)
      sums = hn::ShiftRight<3 - kPower>(sums);
    if constexpr (kPower > 3)
      sums = hn::ShiftLeft<kPower - 3>(sums);
    return hn::Sub(lanes, sums);
  }
};

template <typename Row> struct MatVecDigits {
  static void run(const format::PackedView &weight, int64_t rowBegin,
                  int64_t rowEnd, const Activations *x, int64_t columns,
                  float *y, int64_t yStride) {
    using Weight = DigitsWeight<Row::kBits, typename Row::Source>;
    runChunkRows<Weight>(weight, rowBegin, rowEnd, x, columns, y, yStride);
  }
};

} // namespace QZC_DOT_NAMESPACE
} // namespace qzc::runtime::cpu
HWY_AFTER_NAMESPACE();
