//===- GroupScales-inl.h - What lies beside codes in groups -----*- C++ -*-===//

#if defined(QZC_RUNTIME_CPU_GROUPSCALES_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef QZC_RUNTIME_CPU_GROUPSCALES_INL_H
#undef QZC_RUNTIME_CPU_GROUPSCALES_INL_H
#else
#define QZC_RUNTIME_CPU_GROUPSCALES_INL_H
#endif

#include "Schemes/PlanarScales-inl.h"

HWY_BEFORE_NAMESPACE();
namespace qzc::runtime::cpu {
namespace HWY_NAMESPACE {

/// What a source of scales (Schemes/PlanarScales-inl.h) has for a chunk of
/// kLanes rows of a group from `row` on, by what is beside their block;
/// `second` for those with addends.
template <typename Source> struct GroupScalesOf {
  static constexpr int64_t kBlockBytes =
      2 * kGroupRows * (Source::kAddends ? 2 : 1);

  static HWY_INLINE void read(const uint8_t *block, int64_t, int64_t row,
                              Vec &scale, Vec &second) {
    const auto *halves = reinterpret_cast<const hwy::float16_t *>(block) + row;
    prefetchFar(halves);
    scale = loadAsF32(kTag, halves);
    if constexpr (Source::kAddends)
      second = loadAsF32(kTag, halves + kGroupRows);
  }
};

/// Bytes of a group's rows as f32.
template <typename Byte> HWY_INLINE Vec numbersOf(const Byte *from) {
  const hn::RebindToSigned<Tag> wide;
  return hn::ConvertTo(
      kTag, hn::PromoteTo(wide, hn::LoadU(hn::Rebind<Byte, Tag>(), from)));
}

template <> struct GroupScalesOf<SixBitScales> {
  static constexpr int64_t kBlockBytes = kSixBitBlockBytes * kGroupRows;

  static HWY_INLINE void read(const uint8_t *block, int64_t chunk, int64_t row,
                              Vec &scale, Vec &second) {
    const auto *halves = reinterpret_cast<const hwy::float16_t *>(block) + row;
    const uint8_t *bytes =
        block + 4 * kGroupRows + chunk % 8 * 2 * kGroupRows + row;
    // Both f16 of a block are a line, which no chunk's numbers are in.
    if (chunk % 8 == 0)
      prefetchFar(halves);
    prefetchFar(bytes);
    scale = hn::Mul(loadAsF32(kTag, halves), numbersOf(bytes));
    second = hn::Neg(hn::Mul(loadAsF32(kTag, halves + kGroupRows),
                             numbersOf(bytes + kGroupRows)));
  }
};

/// Of a chunk's halves.
template <> struct GroupScalesOf<EightBitScales> {
  static constexpr int64_t kBlockBytes = kEightBitBlockBytes * kGroupRows;

  static HWY_INLINE void read(const uint8_t *block, int64_t chunk, int64_t row,
                              Vec &scale, Vec &second) {
    const Vec ofAll =
        loadAsF32(kTag, reinterpret_cast<const hwy::float16_t *>(block) + row);
    const auto *bytes = reinterpret_cast<const int8_t *>(
        block + 2 * kGroupRows + chunk % 8 * 2 * kGroupRows + row);
    prefetchFar(bytes);
    scale = hn::Mul(ofAll, numbersOf(bytes));
    second = hn::Mul(ofAll, numbersOf(bytes + kGroupRows));
  }
};

} // namespace HWY_NAMESPACE
} // namespace qzc::runtime::cpu
HWY_AFTER_NAMESPACE();

#endif
