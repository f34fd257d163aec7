//===- Arrange.cpp - Activations in the orders of dot products ------------===//

#include "HighwayTargets.h"
#include "KernelParts.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "Arrange.cpp"
#include "hwy/foreach_target.h"

#include "DotBookProducts-inl.h"
#include "Schemes/CodeBook-inl.h"

HWY_BEFORE_NAMESPACE();
namespace qzc::runtime::cpu {
namespace HWY_NAMESPACE {

/// The exponent bits of the scale that brings magnitudes of at most `most` (its
/// bits) below 127 · 2^16, so that the highest of three digits fits. Values
/// below 2^-106 are too small for a scale of their own.
static uint32_t scaleExponent(uint32_t most) {
  // What is above 127/128 of the next power of two counts as that.
  const uint32_t exponent = (most + (1u << 17)) >> 23;
  return exponent < 23 ? 1 : exponent - 22;
}

static float floatOf(uint32_t bits) {
  float value;
  __builtin_memcpy(&value, &bits, sizeof value);
  return value;
}

/// The largest magnitude, as bits of f32, of which those of what is not finite
/// are larger than any.
static uint32_t largestBits(const float *from, int64_t count) {
  const hn::RebindToUnsigned<Tag> bitsTag;
  auto most = hn::Zero(bitsTag);
  for (int64_t i = 0; i != count; i += kLanes)
    most =
        hn::Max(most, hn::BitCast(bitsTag, hn::Abs(hn::LoadU(kTag, from + i))));
  return hn::GetLane(hn::MaxOfLanes(bitsTag, most));
}

using FourInts = hn::Vec<hn::FixedTag<int32_t, 4>>;

/// The sums of four integers each.
static HWY_INLINE FourInts sumFours(const int32_t *from) {
  const hn::FixedTag<int32_t, 4> four;
  const hn::Repartition<int64_t, decltype(four)> pairs;
  // Elements 0 and 2, and 1 and 3, of two fours: a02, b02, a13, b13.
  const auto halfSums = [&](const int32_t *at) HWY_ATTR {
    const FourInts a = hn::Load(four, at);
    const FourInts b = hn::Load(four, at + 4);
    return hn::BitCast(pairs, hn::Add(hn::InterleaveLower(four, a, b),
                                      hn::InterleaveUpper(four, a, b)));
  };
  const auto first = halfSums(from);
  const auto second = halfSums(from + 8);
  return hn::Add(hn::BitCast(four, hn::InterleaveLower(pairs, first, second)),
                 hn::BitCast(four, hn::InterleaveUpper(pairs, first, second)));
}

/// A chunk's activations as integers of 24 bits, their digits, and the power of
/// two that they are multiples of.
struct ChunkDigits {
  HWY_ALIGN int32_t integers[kChunk];
  HWY_ALIGN int8_t digits[3][kChunk];
  float scale;

  explicit ChunkDigits(const float *from) {
    const hn::RebindToSigned<Tag> intTag;
    const hn::Rebind<int8_t, Tag> byteTag;
    const uint32_t largest = largestBits(from, kChunk);
    const uint32_t exponent = scaleExponent(largest);
    const bool finite = largest < 0x7f800000u;
    scale = floatOf(finite ? exponent << 23 : 0x7fc00000u);
    const Vec inverse =
        hn::Set(kTag, finite ? floatOf((254 - exponent) << 23) : 0.0f);
    for (int64_t i = 0; i != kChunk; i += kLanes) {
      auto rest = hn::NearestInt(hn::Mul(hn::LoadU(kTag, from + i), inverse));
      hn::Store(rest, intTag, integers + i);
      for (int64_t digit = 2; digit >= 0; --digit) {
        const auto low = hn::ShiftRight<24>(hn::ShiftLeft<24>(rest));
        hn::StoreU(hn::DemoteTo(byteTag, low), byteTag, digits[digit] + i);
        rest = hn::ShiftRight<8>(hn::Sub(rest, low));
      }
    }
  }
};

/// A chunk of a strip, and the same at every `distance` chunks behind it.
struct Places {
  int64_t chunk;
  int64_t distance;
  int64_t count;

  template <typename Function> void each(const Function &function) const {
    for (int64_t i = 0; i != count; ++i)
      function(chunk + i * distance);
  }
};

static void turn(const float *from, const Places &places, TurnedStrip &to) {
  places.each([&](int64_t chunk) {
    for (int64_t row = 0; row != 8; ++row)
      for (int64_t lane = 0; lane != kChunkLanes; ++lane)
        to.rows[row][kStripMargin + chunk][lane] =
            from[turnedElement(row, lane)];
  });
}

/// A chunk's digits: of each field its words (Kernels.h, DigitStrip).
template <int Fields>
static HWY_INLINE void
storeFields(const int8_t *from, int64_t place,
            int8_t (&to)[Fields][kStripPlaces][kChunk / Fields]) {
  if constexpr (Fields == 4) {
    // Of each half a word.
    const hn::FixedTag<int32_t, 4> four;
    const hn::FixedTag<int32_t, 2> two;
    const hn::Repartition<int8_t, decltype(four)> bytes;
    const auto first = hn::BitCast(four, hn::LoadU(bytes, from));
    const auto second = hn::BitCast(four, hn::LoadU(bytes, from + 16));
    const auto store = [&](auto words, int field) HWY_ATTR {
      hn::StoreU(words, two, reinterpret_cast<int32_t *>(to[field][place]));
    };
    const auto lower = hn::InterleaveLower(four, first, second);
    const auto upper = hn::InterleaveUpper(four, first, second);
    store(hn::LowerHalf(two, lower), 0);
    store(hn::UpperHalf(two, lower), 1);
    store(hn::LowerHalf(two, upper), 2);
    store(hn::UpperHalf(two, upper), 3);
  } else {
    for (int field = 0; field != Fields; ++field)
      __builtin_memcpy(to[field][place], from + field * (kChunk / Fields),
                       kChunk / Fields);
  }
}

/// The sum of half a chunk's digits.
static HWY_INLINE int32_t sumOfHalf(const int8_t *digits) {
  const hn::FixedTag<uint8_t, 16> bytes;
  const hn::FixedTag<uint64_t, 2> sums;
  const auto unsignedDigits =
      hn::Xor(hn::LoadU(bytes, reinterpret_cast<const uint8_t *>(digits)),
              hn::Set(bytes, 0x80));
  return static_cast<int32_t>(
             hn::GetLane(hn::SumOfLanes(sums, hn::SumsOf8(unsignedDigits)))) -
         0x80 * 16;
}

/// Sums of each digit, which nobody reads of four fields.
template <int Fields>
static HWY_INLINE void storeDigitSums(const ChunkDigits &from, int64_t chunk,
                                      DigitStrip<Fields> &to) {
  if constexpr (Fields != 4)
    for (int digit = 0; digit != 3; ++digit) {
      const int32_t first = sumOfHalf(from.digits[digit]);
      const int32_t second = sumOfHalf(from.digits[digit] + kChunk / 2);
      to.digitSums[digit][chunk] = first + second;
      if constexpr (Fields == 2) {
        to.halfDigitSums[0][digit][chunk] = first;
        to.halfDigitSums[1][digit][chunk] = second;
      }
    }
}

/// Eight times the sums of lanes, from those of a chunk's halves by fours: of
/// both halves and of each.
static HWY_INLINE void storeLaneSums(FourInts first, FourInts second,
                                     int64_t place, DigitStrip<2> &to) {
  const hn::FixedTag<int32_t, 4> four;
  hn::Store(hn::ShiftLeft<3>(hn::Add(first, second)), four,
            to.laneSums[0][place]);
  hn::Store(hn::ShiftLeft<3>(first), four, to.laneSums[1][place]);
  hn::Store(hn::ShiftLeft<3>(second), four, to.laneSums[2][place]);
}
/// A lane is a half.
static HWY_INLINE void storeLaneSums(FourInts first, FourInts second,
                                     int64_t place, DigitStrip<4> &to) {
  const hn::FixedTag<int32_t, 4> four;
  to.laneSums[0][place][0] = 8 * hn::GetLane(hn::SumOfLanes(four, first));
  to.laneSums[0][place][1] = 8 * hn::GetLane(hn::SumOfLanes(four, second));
}

/// Nobody reads them of one field.
static HWY_INLINE void storeLaneSums(FourInts, FourInts, int64_t,
                                     DigitStrip<1> &) {}

template <int Fields>
static void storeDigits(const ChunkDigits &from, bool stored,
                        const Places &places, DigitStrip<Fields> &to) {
  const hn::FixedTag<int32_t, 4> four;
  const FourInts first = sumFours(from.integers);
  const FourInts second = sumFours(from.integers + 16);
  const int32_t sumOfIntegers =
      hn::GetLane(hn::SumOfLanes(four, hn::Add(first, second)));
  const float sum = static_cast<float>(sumOfIntegers) * from.scale;
  places.each([&](int64_t chunk) HWY_ATTR {
    const int64_t place = kStripMargin + chunk;
    for (int digit = 0; digit != 3; ++digit)
      storeFields<Fields>(from.digits[digit], place, to.digits[digit]);
    if (stored)
      storeLaneSums(first, second, place, to);
    storeDigitSums(from, chunk, to);
    to.chunkSums[chunk] = sumOfIntegers;
    to.scales[chunk] = from.scale;
    to.sums[chunk] = sum;
  });
}

#if HWY_TARGET != HWY_AVX3
/// Of the elements of kBytesTogether bytes those of a nibble, the low one or
/// the high one, in each block: the high one is first in memory.
static HWY_INLINE Vec elementsOf(const float *from, int64_t nibble) {
#if HWY_TARGET == HWY_SSE4
  return hn::Set(kTag, from[1 - nibble]);
#else
  HWY_ALIGN static constexpr int32_t kElements[2][8] = {
      {1, 1, 1, 1, 3, 3, 3, 3}, {0, 0, 0, 0, 2, 2, 2, 2}};
  return hn::TableLookupLanes(hn::LoadDup128(kTag, from),
                              hn::SetTableIndices(kTag, kElements[nibble]));
#endif
}

/// The tables of an activation in each block.
template <typename Book>
static HWY_INLINE void storeProducts(Vec x, uint8_t (*tables)[16]) {
  const hn::RebindToUnsigned<Tag> words;
  const hn::Repartition<uint8_t, Tag> bytes;
  const hn::Repartition<uint64_t, Tag> pairs;
  HWY_ALIGN static constexpr uint8_t kByPlanes[16] = {
      0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15};
  // Of four entries: those bytes of a plane in a word.
  const auto fourEntries = [&](int first) HWY_ATTR {
    const auto products = hn::Add(
        hn::NearestInt(hn::Mul(hn::LoadDup128(kTag, Book::kValues + first), x)),
        hn::Set(hn::RebindToSigned<Tag>(), BookProducts::kMiddle));
    return hn::BitCast(words,
                       hn::TableLookupBytes(hn::BitCast(bytes, products),
                                            hn::LoadDup128(bytes, kByPlanes)));
  };
  const auto first = fourEntries(0);
  const auto second = fourEntries(4);
  const auto third = fourEntries(8);
  const auto fourth = fourEntries(12);
  const auto lower = [&](auto a, auto b) HWY_ATTR {
    return hn::BitCast(pairs, hn::InterleaveLower(words, a, b));
  };
  const auto upper = [&](auto a, auto b) HWY_ATTR {
    return hn::BitCast(pairs, hn::InterleaveUpper(words, a, b));
  };
  const auto store = [&](auto plane, int64_t index) HWY_ATTR {
    hn::Store(hn::BitCast(bytes, plane), bytes, tables[index * kBytesTogether]);
  };
  const auto low01 = lower(first, second);
  const auto low23 = lower(third, fourth);
  store(hn::InterleaveLower(pairs, low01, low23), 0);
  store(hn::InterleaveUpper(pairs, low01, low23), 1);
  store(hn::InterleaveLower(pairs, upper(first, second), upper(third, fourth)),
        2);
}

template <typename Book> static void arrangeProducts(const Activations &x) {
  constexpr int64_t unit = BookProducts::kChunks * kChunk;
  BookProducts *to = x.products[Book::kIndex];
  for (int64_t first = 0; to && first < x.cols; first += unit, ++to) {
    const float *from = x.values + first;
    const int64_t count = HWY_MIN(unit, x.cols - first);
    const uint32_t largest = largestBits(from, count);
    const bool finite = largest < 0x7f800000u;
    // Integers are below kMiddle, with what is rounded; anything where the
    // scale is a NaN.
    const float factor = finite
                             ? static_cast<float>(BookProducts::kMiddle - 2) /
                                   HWY_MAX(floatOf(largest), 0x1p-100f)
                             : 0;
    to->scale = finite ? 1 / factor : floatOf(0x7fc00000u);
    for (int64_t byte = 0; byte != count / 2; byte += kBytesTogether)
      for (int64_t nibble = 0; nibble != 2; ++nibble)
        storeProducts<Book>(
            hn::Mul(elementsOf(from + 2 * byte, nibble), hn::Set(kTag, factor)),
            to->tables + (byte / kBytesTogether * kTablesTogether +
                          nibble * 3 * kBytesTogether));
  }
}
#endif

void arrange(const Activations &x) {
#if HWY_TARGET != HWY_AVX3
  arrangeProducts<Nf4Book>(x);
  arrangeProducts<Fp4Book>(x);
#endif
  const int64_t chunks = x.cols / kChunk;
  // As often as rows are read as one by vectors of codes with so many lanes a
  // chunk.
  const auto times = [&](int64_t chunkLanes) {
    return x.stored ? rowsTogether(chunks, kLanes / chunkLanes) : 1;
  };
  for (int64_t chunk = 0; chunk != chunks; ++chunk) {
    const float *from = x.values + chunk * kChunk;
    const int64_t strip = chunk / kStripChunks;
    const int64_t within = chunk % kStripChunks;
    if (x.turned)
      turn(from, {within, chunks, times(kChunkLanes)}, x.turned[strip]);
    if (!x.nibbles && !x.crumbs && !x.bytes)
      continue;
    const ChunkDigits digits(from);
    if (x.nibbles)
      storeDigits(digits, x.stored,
                  {within, chunks, times(DigitStrip<2>::kLanes)},
                  x.nibbles[strip]);
    if (x.crumbs)
      storeDigits(digits, x.stored,
                  {within, chunks, times(DigitStrip<4>::kLanes)},
                  x.crumbs[strip]);
    if (x.bytes)
      storeDigits(digits, /*stored=*/false, {within, chunks, 1},
                  x.bytes[strip]);
  }
}

} // namespace HWY_NAMESPACE
} // namespace qzc::runtime::cpu
HWY_AFTER_NAMESPACE();
