//===- Groups-inl.h - Scales that chunks share ------------------*- C++ -*-===//

#if defined(QZC_RUNTIME_CPU_SCHEMES_GROUPS_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef QZC_RUNTIME_CPU_SCHEMES_GROUPS_INL_H
#undef QZC_RUNTIME_CPU_SCHEMES_GROUPS_INL_H
#else
#define QZC_RUNTIME_CPU_SCHEMES_GROUPS_INL_H
#endif

#include "../Simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace qzc::runtime::cpu {
namespace HWY_NAMESPACE {

/// `available` < kLanes elements, zeros behind them.
template <class D, typename T>
HWY_NOINLINE hn::Vec<D> loadLast(D d, const T *from, int64_t available) {
  HWY_ALIGN T buffer[kLanes] = {};
  for (int64_t i = 0; i < available; ++i)
    buffer[i] = from[i];
  return hn::Load(d, buffer);
}

/// kLanes elements, zeros behind the last of `available`. A mask where one
/// leaves memory behind them alone: what is put together in memory has to wait
/// there before it is read again as a vector.
template <class D, typename T>
HWY_INLINE hn::Vec<D> loadAvailable(D d, const T *from, int64_t available) {
  constexpr bool kMasks =
      HWY_TARGET == HWY_AVX3 || (HWY_TARGET == HWY_AVX2 && sizeof(T) == 4);
  if (HWY_LIKELY(available >= kLanes))
    return hn::LoadU(d, from);
  if constexpr (kMasks)
    return hn::MaskedLoad(
        hn::FirstN(d, static_cast<size_t>(HWY_MAX(available, 0))), d, from);
  else
    return loadLast(d, from, available);
}

/// Groups of 2^Shift chunks: those of kLanes chunks are in a vector from the
/// first one's on.
HWY_INLINE auto groupIndices(int64_t chunk, int shift) {
  const hn::RebindToSigned<Tag> wide;
  const auto offset =
      hn::Set(wide, static_cast<int32_t>(chunk & ((int64_t{1} << shift) - 1)));
  return hn::IndicesFromVec(
      kTag, hn::ShiftRightSame(hn::Add(hn::Iota(wide, 0), offset), shift));
}

} // namespace HWY_NAMESPACE
} // namespace qzc::runtime::cpu
HWY_AFTER_NAMESPACE();

#endif
