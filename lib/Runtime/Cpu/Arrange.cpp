//===- Arrange.cpp - Activations in the orders of dot products ------------===//

#include "HighwayTargets.h"
#include "KernelParts.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "Arrange.cpp"
#include "hwy/foreach_target.h"

#include "Schemes/CodeBook-inl.h"

HWY_BEFORE_NAMESPACE();
namespace qzc::runtime::cpu {
namespace HWY_NAMESPACE {

/// Chunk `chunk` of a strip.
static void turn(const float *from, int64_t chunk, TurnedStrip &to) {
  for (int64_t row = 0; row != 8; ++row)
    for (int64_t lane = 0; lane != kChunkLanes; ++lane)
      to.rows[row][chunk][lane] = from[turnedElement(row, lane)];
}

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

/// Chunk `chunk` of a strip.
static void makeDigits(const float *from, int64_t chunk, DigitStrip &to) {
  const hn::RebindToUnsigned<Tag> bitsTag;
  const hn::RebindToSigned<Tag> intTag;
  const hn::Rebind<int8_t, Tag> byteTag;
  auto most = hn::Zero(bitsTag);
  for (int64_t i = 0; i != kChunk; i += kLanes)
    most =
        hn::Max(most, hn::BitCast(bitsTag, hn::Abs(hn::LoadU(kTag, from + i))));
  const uint32_t largest = hn::GetLane(hn::MaxOfLanes(bitsTag, most));
  const uint32_t exponent = scaleExponent(largest);
  const bool finite = largest < 0x7f800000u;
  const Vec inverse =
      hn::Set(kTag, finite ? floatOf((254 - exponent) << 23) : 0.0f);

  HWY_ALIGN int32_t integers[kChunk];
  for (int64_t i = 0; i != kChunk; i += kLanes) {
    auto rest = hn::NearestInt(hn::Mul(hn::LoadU(kTag, from + i), inverse));
    hn::Store(rest, intTag, integers + i);
    for (int64_t digit = 2; digit >= 0; --digit) {
      const auto low = hn::ShiftRight<24>(hn::ShiftLeft<24>(rest));
      hn::StoreU(hn::DemoteTo(byteTag, low), byteTag,
                 to.digits[digit][i / 16][chunk] + i % 16);
      rest = hn::ShiftRight<8>(hn::Sub(rest, low));
    }
  }
  const hn::FixedTag<int32_t, 4> four;
  const FourInts first = sumFours(integers);
  const FourInts second = sumFours(integers + 16);
  const FourInts both = hn::Add(first, second);
  hn::Store(hn::ShiftLeft<3>(first), four, to.laneSums[0][chunk]);
  hn::Store(hn::ShiftLeft<3>(second), four, to.laneSums[1][chunk]);
  hn::Store(hn::ShiftLeft<3>(both), four, to.laneSums[2][chunk]);
  const int32_t total = hn::GetLane(hn::SumOfLanes(four, both));
  const float scale = floatOf(finite ? exponent << 23 : 0x7fc00000u);
  to.scales[chunk] = scale;
  to.sums[chunk] = static_cast<float>(total) * scale;
}

/// Zeros behind the last chunk, as far as vectors that begin before it reach.
static void clearBehind(int64_t chunks, TurnedStrip &strip) {
  for (auto &row : strip.rows)
    for (int64_t chunk = chunks; chunk != chunks + kChunks - 1; ++chunk)
      for (float &value : row[chunk])
        value = 0;
}
static void clearBehind(int64_t chunks, DigitStrip &strip) {
  for (int64_t chunk = chunks; chunk != chunks + kLanes - 1; ++chunk)
    strip.scales[chunk] = strip.sums[chunk] = 0;
}

void arrange(const Activations &x) {
  for (int64_t chunk = 0; chunk != x.cols / kChunk; ++chunk) {
    const float *from = x.values + chunk * kChunk;
    if (x.turned)
      turn(from, chunk % kStripChunks, x.turned[chunk / kStripChunks]);
    if (x.digits)
      makeDigits(from, chunk % kStripChunks, x.digits[chunk / kStripChunks]);
  }
  const int64_t chunks = x.cols / kChunk;
  for (int64_t begin = 0; begin < chunks; begin += kStripChunks) {
    const int64_t count = HWY_MIN(chunks - begin, kStripChunks);
    if (x.turned)
      clearBehind(count, x.turned[begin / kStripChunks]);
    if (x.digits)
      clearBehind(count, x.digits[begin / kStripChunks]);
  }
}

} // namespace HWY_NAMESPACE
} // namespace qzc::runtime::cpu
HWY_AFTER_NAMESPACE();
