//===- Simd-inl.h - Vector types and helpers of one target ------*- C++ -*-===//

#if defined(QZC_RUNTIME_CPU_SIMD_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef QZC_RUNTIME_CPU_SIMD_INL_H
#undef QZC_RUNTIME_CPU_SIMD_INL_H
#else
#define QZC_RUNTIME_CPU_SIMD_INL_H
#endif

#include "ReadAhead.h"
#include "hwy/highway.h"
#include "qzc/Runtime/Cpu/Kernels.h"

HWY_BEFORE_NAMESPACE();
namespace qzc::runtime::cpu {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

using Tag = hn::ScalableTag<float>;
using Vec = hn::Vec<Tag>;
static constexpr Tag kTag;
static constexpr int64_t kLanes = static_cast<int64_t>(hn::MaxLanes(Tag()));
/// Elements whose bytes of codes, 16 of them, are one block of a vector, and
/// its 32-bit lanes; chunks of a vector.
static constexpr int64_t kChunk = 32;
static constexpr int64_t kChunkLanes = 4;
static constexpr int64_t kChunks = kLanes / kChunkLanes;
/// Vector registers of the target.
static constexpr int kRegisters = HWY_TARGET == HWY_AVX3 ? 32 : 16;

/// Products of 16-bit integers, summed in pairs.
HWY_INLINE hn::Vec<hn::RebindToSigned<Tag>>
multiplyWide(hn::Vec<hn::Repartition<int16_t, Tag>> a,
             hn::Vec<hn::Repartition<int16_t, Tag>> b) {
  using Sums = hn::Vec<hn::RebindToSigned<Tag>>;
#if HWY_TARGET == HWY_SSE4
  return Sums{_mm_madd_epi16(a.raw, b.raw)};
#elif HWY_TARGET == HWY_AVX2
  return Sums{_mm256_madd_epi16(a.raw, b.raw)};
#else
  return Sums{_mm512_madd_epi16(a.raw, b.raw)};
#endif
}

/// How many rows of `count` chunks are read as one by vectors of `perVector`,
/// so that they end with a vector; 1 where that is not to be had within a
/// strip.
HWY_INLINE int64_t rowsTogether(int64_t count, int64_t perVector) {
  for (int64_t rows = 1; rows <= 4 && rows * count <= kStripChunks; rows *= 2)
    if (rows * count % perVector == 0)
      return count < perVector ? 1 : rows;
  return 1;
}

/// `distance` bytes behind `from`, which need not be the weight's.
HWY_INLINE const void *placeAhead(const void *from, int64_t distance) {
  return reinterpret_cast<const void *>(reinterpret_cast<uintptr_t>(from) +
                                        static_cast<uintptr_t>(distance));
}

/// Asks for the cache line `distance` bytes behind `from`.
HWY_INLINE void prefetch(const void *from, int64_t distance) {
  __builtin_prefetch(placeAhead(from, distance));
}

/// Asks for a line further on, into the second-level cache: for what is faster
/// than the few lines at a time that are on their way to the first.
HWY_INLINE void prefetchFar(const void *from) {
  __builtin_prefetch(placeAhead(from, kRowsAhead), 0, 2);
}

/// The same where `Rows` rows of so many bytes are read side by side: of the
/// rows behind them, or further on, into the second-level cache. Of lines on
/// their way to the first there are too few at a time where the hardware does
/// not find the stream, too.
template <int Rows>
HWY_INLINE void prefetchRows(const void *from, int64_t rowBytes) {
  __builtin_prefetch(placeAhead(from, HWY_MAX(Rows * rowBytes, kRowsAhead)), 0,
                     2);
}

/// What is asked for with a vector of codes in each of `Streams` rows.
template <int Streams>
HWY_INLINE void prefetchCodes(const void *from, int64_t rowBytes) {
  if constexpr (Streams == 1)
    prefetch(from, kCodesAhead);
  else
    prefetchRows<Streams>(from, rowBytes);
}

/// The first `count` < kLanes elements, zeros behind them.
HWY_INLINE Vec loadPartial(const float *from, int64_t count) {
  HWY_ALIGN float buffer[kLanes] = {};
  for (int64_t i = 0; i < count; ++i)
    buffer[i] = from[i];
  return hn::Load(kTag, buffer);
}

HWY_INLINE void storePartial(Vec value, float *to, int64_t count) {
  HWY_ALIGN float buffer[kLanes];
  hn::Store(value, kTag, buffer);
  for (int64_t i = 0; i < count; ++i)
    to[i] = buffer[i];
}

/// Bits of f16 as f32.
template <class D>
HWY_INLINE hn::Vec<D> fromF16(D d, hn::Vec<hn::Rebind<uint16_t, D>> bits) {
#if HWY_TARGET == HWY_SSE4
  // Highway's emulation takes infinities and NaNs for large numbers. As in
  // Format/Schemes/Dense.h: the exponent is rebiased by a multiplication.
  const hn::RebindToSigned<D> wide;
  const auto word = hn::PromoteTo(wide, bits);
  const auto magnitude = hn::And(word, hn::Set(wide, 0x7fff));
  const auto sign = hn::ShiftLeft<16>(hn::AndNot(magnitude, word));
  const auto scaled = hn::Mul(hn::BitCast(d, hn::ShiftLeft<13>(magnitude)),
                              hn::Set(d, 0x1p112f));
  const auto special = hn::IfThenElseZero(
      hn::Gt(magnitude, hn::Set(wide, 0x7bff)), hn::Set(wide, 0x7f800000));
  return hn::BitCast(d,
                     hn::Or(hn::Or(sign, special), hn::BitCast(wide, scaled)));
#else
  const hn::Rebind<hwy::float16_t, D> half;
  return hn::PromoteTo(d, hn::BitCast(half, bits));
#endif
}

/// Stored 16-bit elements as f32.
template <class D>
HWY_INLINE hn::Vec<D> loadAsF32(D d, const hwy::float16_t *from) {
  const hn::Rebind<hwy::float16_t, D> half;
  return fromF16(d,
                 hn::BitCast(hn::Rebind<uint16_t, D>(), hn::LoadU(half, from)));
}
template <class D>
HWY_INLINE hn::Vec<D> loadAsF32(D d, const hwy::bfloat16_t *from) {
  return hn::PromoteTo(d, hn::LoadU(hn::Rebind<hwy::bfloat16_t, D>(), from));
}

/// Bytes as f32.
template <class D> HWY_INLINE hn::Vec<D> loadAsF32(D d, const int8_t *from) {
  const hn::RebindToSigned<D> wide;
  const hn::Rebind<int8_t, D> narrow;
  return hn::ConvertTo(d, hn::PromoteTo(wide, hn::LoadU(narrow, from)));
}

/// An f16 in every lane, as f32.
HWY_INLINE Vec broadcastF16(uint16_t bits) {
  return fromF16(kTag, hn::Set(hn::Rebind<uint16_t, Tag>(), bits));
}

HWY_INLINE float sumOf(Vec value) {
  return hn::GetLane(hn::SumOfLanes(kTag, value));
}

/// out[i] = the sum of lanes i of all blocks of four.
template <class D>
HWY_INLINE void storeBlockSums(D d, hn::Vec<D> vector, float *out) {
  if constexpr (hn::MaxLanes(D()) == 4) {
    hn::StoreU(vector, d, out);
  } else {
    const hn::Half<D> half;
    storeBlockSums(
        half, hn::Add(hn::LowerHalf(half, vector), hn::UpperHalf(half, vector)),
        out);
  }
}

/// out[i] = the sum of all lanes of vector i.
HWY_INLINE void storeSums(const Vec (&vectors)[4], float *out) {
  const hn::Repartition<double, Tag> pairs;
  // Lanes 0 and 2, and 1 and 3, of each block: a02, b02, a13, b13.
  const auto halfSums = [&](Vec a, Vec b) HWY_ATTR {
    return hn::BitCast(pairs, hn::Add(hn::InterleaveLower(kTag, a, b),
                                      hn::InterleaveUpper(kTag, a, b)));
  };
  const auto first = halfSums(vectors[0], vectors[1]);
  const auto second = halfSums(vectors[2], vectors[3]);
  const Vec blocks =
      hn::Add(hn::BitCast(kTag, hn::InterleaveLower(pairs, first, second)),
              hn::BitCast(kTag, hn::InterleaveUpper(pairs, first, second)));
  storeBlockSums(kTag, blocks, out);
}

/// out[i] = function(x[i]); in place if the same.
template <class Function>
HWY_INLINE void mapRow(const float *x, int64_t n, float *out,
                       const Function &function) {
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes)
    hn::StoreU(function(hn::LoadU(kTag, x + i)), kTag, out + i);
  if (i < n)
    storePartial(function(loadPartial(x + i, n - i)), out + i, n - i);
}

/// out[i] = function(x[i], y[i])
template <class Function>
HWY_INLINE void mapRows(const float *x, const float *y, int64_t n, float *out,
                        const Function &function) {
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes)
    hn::StoreU(function(hn::LoadU(kTag, x + i), hn::LoadU(kTag, y + i)), kTag,
               out + i);
  if (i < n)
    storePartial(function(loadPartial(x + i, n - i), loadPartial(y + i, n - i)),
                 out + i, n - i);
}

/// Σ function(x[i]), in four interleaved partial sums; function(0) of the
/// padding must be cut off by the caller's choice: it gets the lane count.
template <class Function>
HWY_INLINE float sumRow(const float *x, int64_t n, const Function &function) {
  Vec sum0 = hn::Zero(kTag);
  Vec sum1 = sum0;
  Vec sum2 = sum0;
  Vec sum3 = sum0;
  int64_t i = 0;
  for (; i + 4 * kLanes <= n; i += 4 * kLanes) {
    sum0 = hn::Add(sum0, function(hn::LoadU(kTag, x + i)));
    sum1 = hn::Add(sum1, function(hn::LoadU(kTag, x + i + kLanes)));
    sum2 = hn::Add(sum2, function(hn::LoadU(kTag, x + i + 2 * kLanes)));
    sum3 = hn::Add(sum3, function(hn::LoadU(kTag, x + i + 3 * kLanes)));
  }
  for (; i + kLanes <= n; i += kLanes)
    sum0 = hn::Add(sum0, function(hn::LoadU(kTag, x + i)));
  if (i < n) {
    const auto valid = hn::FirstN(kTag, static_cast<size_t>(n - i));
    sum1 = hn::Add(
        sum1, hn::IfThenElseZero(valid, function(loadPartial(x + i, n - i))));
  }
  return sumOf(hn::Add(hn::Add(sum0, sum1), hn::Add(sum2, sum3)));
}

/// Element c of `from` in all lanes of chunk c of a vector whose chunks have so
/// many lanes. What lies behind these elements in the 16 bytes of the last may
/// be read.
template <int64_t Lanes = kChunkLanes>
HWY_INLINE Vec spreadOverChunks(const float *from) {
  HWY_ALIGN static constexpr int32_t kOfFour[16] = {0, 0, 0, 0, 1, 1, 1, 1,
                                                    2, 2, 2, 2, 3, 3, 3, 3};
  HWY_ALIGN static constexpr int32_t kOfTwo[16] = {0, 0, 1, 1, 2, 2, 3, 3,
                                                   4, 4, 5, 5, 6, 6, 7, 7};
  static_assert(Lanes == 2 || Lanes == 4);
  const auto indices = hn::SetTableIndices(kTag, Lanes == 2 ? kOfTwo : kOfFour);
  if constexpr (Lanes == kLanes) {
    return hn::Set(kTag, *from);
  } else if constexpr (kLanes / Lanes <= 4) {
    return hn::TableLookupLanes(hn::LoadDup128(kTag, from), indices);
  } else {
    // No more than one vector of what was stored: a load from two would wait
    // until both are in the cache.
    const hn::Half<Tag> half;
    return hn::TableLookupLanes(
        hn::ZeroExtendVector(kTag, hn::LoadU(half, from)), indices);
  }
}

} // namespace HWY_NAMESPACE
} // namespace qzc::runtime::cpu
HWY_AFTER_NAMESPACE();

#endif
