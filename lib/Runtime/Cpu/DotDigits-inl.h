//===- DotDigits-inl.h - Dot products of linear codes -----------*- C++ -*-===//
//
// Codes of 2 to 6 bits times activations as integers of 24 bits in three digits
// of 8: sums over the elements of a 32-bit lane are exact, and become f32 with
// their chunk's scale. Which instruction multiplies the bytes changes no bit of
// the result, so this file is included once without and, for AVX-512, once with
// QZC_DOT_VNNI, into a namespace of its own.
//
//===----------------------------------------------------------------------===//

#include "Schemes-inl.h"
#include "Schemes/PlanarCodes-inl.h"

HWY_BEFORE_NAMESPACE();
#ifdef QZC_DOT_VNNI
#pragma GCC target("avx512vnni")
#endif
namespace qzc::runtime::cpu {
#ifdef QZC_DOT_VNNI
namespace N_AVX3_VNNI {
using namespace N_AVX3;
#else
namespace HWY_NAMESPACE {
#endif

using IntTag = hn::RebindToSigned<Tag>;
using IntVec = hn::Vec<IntTag>;

/// A vector of a token's digits from a chunk on.
struct DigitVectors {
  const DigitStrip &Strip;
  int64_t Chunk;

  HWY_INLINE WordVec at(int64_t digit, int64_t half) const {
    return hn::LoadU(WordTag(), reinterpret_cast<const uint32_t *>(
                                    Strip.digits[digit][half][Chunk]));
  }
  /// Half 2: of both.
  HWY_INLINE IntVec laneSums(int64_t half) const {
    return hn::LoadU(IntTag(), Strip.laneSums[half][Chunk]);
  }
};

#ifdef QZC_DOT_VNNI
/// sum + the products of the four bytes in each lane
HWY_INLINE IntVec addProducts(IntVec sum, WordVec codes, WordVec digits) {
  return IntVec{_mm512_dpbusd_epi32(sum.raw, codes.raw, digits.raw)};
}

/// Codes times integers, summed over each lane of both vectors.
HWY_INLINE IntVec dotLanes(WordVec first, WordVec second,
                           const DigitVectors &x) {
  IntVec sum = hn::Zero(IntTag());
#pragma GCC unroll 3
  for (int digit = 0; digit < 3; ++digit) {
    if (digit != 0)
      sum = hn::ShiftLeft<8>(sum);
    sum = addProducts(addProducts(sum, first, x.at(digit, 0)), second,
                      x.at(digit, 1));
  }
  return sum;
}
HWY_INLINE IntVec dotLanes(WordVec codes, const DigitVectors &x, int64_t half) {
  IntVec sum = hn::Zero(IntTag());
#pragma GCC unroll 3
  for (int digit = 0; digit < 3; ++digit) {
    if (digit != 0)
      sum = hn::ShiftLeft<8>(sum);
    sum = addProducts(sum, codes, x.at(digit, half));
  }
  return sum;
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
  const ShortVec factors = hn::Set(ShortTag(), factor);
#if HWY_TARGET == HWY_SSE4
  return IntVec{_mm_madd_epi16(value.raw, factors.raw)};
#elif HWY_TARGET == HWY_AVX2
  return IntVec{_mm256_madd_epi16(value.raw, factors.raw)};
#else
  return IntVec{_mm512_madd_epi16(value.raw, factors.raw)};
#endif
}

HWY_INLINE IntVec joinDigits(ShortVec high, ShortVec middle, ShortVec low) {
  const IntVec upper = hn::Add(widenPairs(high, 256), widenPairs(middle, 1));
  return hn::Add(hn::ShiftLeft<8>(upper), widenPairs(low, 1));
}

/// Codes times integers, summed over each lane of both vectors.
HWY_INLINE IntVec dotLanes(WordVec first, WordVec second,
                           const DigitVectors &x) {
  const auto digit = [&](int64_t at) HWY_ATTR {
    return hn::Add(multiplyPairs(first, x.at(at, 0)),
                   multiplyPairs(second, x.at(at, 1)));
  };
  return joinDigits(digit(0), digit(1), digit(2));
}
HWY_INLINE IntVec dotLanes(WordVec codes, const DigitVectors &x, int64_t half) {
  return joinDigits(multiplyPairs(codes, x.at(0, half)),
                    multiplyPairs(codes, x.at(1, half)),
                    multiplyPairs(codes, x.at(2, half)));
}
#endif

/// The rows of a weight, whose codes are planes.
template <int Bits, typename Source> struct DigitsWeight {
  const uint8_t *Data;
  Source Scales;
  int64_t Count; ///< chunks of a row

  explicit DigitsWeight(const format::PackedView &weight)
      : Data(reinterpret_cast<const uint8_t *>(weight.parts[0])),
        Scales(weight), Count(weight.shape.cols / kChunk) {}

  HWY_INLINE float dot(int64_t row, const DigitStrip *x) const {
    if (HWY_LIKELY(Count <= kStripChunks))
      return sumOf(addStrip(row * Count, Count, *x, hn::Zero(kTag)));
    return dotLong(row, x);
  }

private:
  using Codes = PlanarCodes<Bits>;
  static constexpr bool kHalves = Source::kHalves;
  static constexpr bool kAddends = Source::kAddends;

  HWY_NOINLINE float dotLong(int64_t row, const DigitStrip *x) const {
    Vec sum = hn::Zero(kTag);
    for (int64_t begin = 0; begin < Count; begin += kStripChunks, ++x)
      sum = addStrip(row * Count + begin, HWY_MIN(kStripChunks, Count - begin),
                     *x, sum);
    return sumOf(sum);
  }

  /// sum + chunks [first, first + count) of the flattened tensor times x
  HWY_INLINE Vec addStrip(int64_t first, int64_t count, const DigitStrip &x,
                          Vec sum) const {
    HWY_ALIGN float scale[kStripChunks + 16];
    HWY_ALIGN float second[kHalves ? kStripChunks + 16 : 16];
    const typename Source::Strip strip(Scales, first, count);
    for (int64_t i = 0; i < count; i += kLanes) {
      const Vec ofX = hn::LoadU(kTag, x.scales + i);
      Vec ofWeights;
      Vec other;
      strip.at(i, ofWeights, other);
      hn::Store(hn::Mul(ofWeights, ofX), kTag, scale + i);
      if constexpr (kHalves)
        hn::Store(hn::Mul(other, ofX), kTag, second + i);
      if constexpr (kAddends) {
        // To codes less the middle one.
        const Vec addend = hn::MulAdd(
            ofWeights, hn::Set(kTag, static_cast<float>(1 << (Bits - 1))),
            other);
        const auto valid = hn::FirstN(kTag, static_cast<size_t>(count - i));
        sum = hn::MulAdd(hn::IfThenElseZero(valid, addend),
                         hn::LoadU(kTag, x.sums + i), sum);
      }
    }
    int64_t i = HWY_MIN(-first & (Codes::kAlign - 1), count);
    if (i != 0)
      sum = addPart(first, i, x, 0, scale, second, sum);
    for (; i + kChunks <= count; i += kChunks)
      sum = addVector<true>(first + i, kChunks, x, i, scale, second, sum);
    if (i != count)
      sum = addPart(first + i, count - i, x, i, scale, second, sum);
    return sum;
  }

  HWY_NOINLINE Vec addPart(int64_t chunk, int64_t count, const DigitStrip &x,
                           int64_t at, const float *scale, const float *second,
                           Vec sum) const {
    return addVector<false>(chunk, count, x, at, scale, second, sum);
  }

  /// sum + chunks [chunk, chunk + count) of the flattened tensor, count ≤
  /// kChunks, times those of x from `at` on
  template <bool Full>
  HWY_INLINE Vec addVector(int64_t chunk, int64_t count, const DigitStrip &x,
                           int64_t at, const float *scale, const float *second,
                           Vec sum) const {
    WordVec codes[2];
    Codes::load(Data, chunk, Full ? kChunks : count, codes[0], codes[1]);
    const DigitVectors digits{x, at};
    const auto add = [&](IntVec lanes, const float *scales) HWY_ATTR {
      Vec spread = spreadOverChunks(scales + at);
      if constexpr (!Full)
        spread = hn::IfThenElseZero(
            hn::FirstN(kTag, static_cast<size_t>(kChunkLanes * count)), spread);
      sum = hn::MulAdd(hn::ConvertTo(kTag, lanes), spread, sum);
    };
    if constexpr (kHalves) {
      add(centered(dotLanes(codes[0], digits, 0), digits.laneSums(0)), scale);
      add(centered(dotLanes(codes[1], digits, 1), digits.laneSums(1)), second);
    } else {
      add(centered(dotLanes(codes[0], codes[1], digits), digits.laneSums(2)),
          scale);
    }
    return sum;
  }

  /// What codes less the middle one would have given: sums stay small, and with
  /// them what their conversion to f32 rounds away.
  static HWY_INLINE IntVec centered(IntVec lanes, IntVec sumsOf8) {
    if constexpr (Bits < 4)
      sumsOf8 = hn::ShiftRight<4 - Bits>(sumsOf8);
    if constexpr (Bits > 4)
      sumsOf8 = hn::ShiftLeft<Bits - 4>(sumsOf8);
    return hn::Sub(lanes, sumsOf8);
  }
};

template <typename Row> struct MatVecDigits {
  static void run(const format::PackedView &weight, int64_t rowBegin,
                  int64_t rowEnd, const Activations *x, int64_t columns,
                  float *y, int64_t yStride) {
    const DigitsWeight<Row::kBits, typename Row::Source> weights(weight);
    for (int64_t row = rowBegin; row < rowEnd; ++row, ++y)
      for (int64_t column = 0; column < columns; ++column)
        y[column * yStride] = weights.dot(row, x[column].digits);
  }
};

} // namespace HWY_NAMESPACE
} // namespace qzc::runtime::cpu
HWY_AFTER_NAMESPACE();
