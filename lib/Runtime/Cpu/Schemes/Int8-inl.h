//===- Int8-inl.h - CPU access to int8 weights ------------------*- C++ -*-===//

#if defined(QZC_RUNTIME_CPU_SCHEMES_INT8_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef QZC_RUNTIME_CPU_SCHEMES_INT8_INL_H
#undef QZC_RUNTIME_CPU_SCHEMES_INT8_INL_H
#else
#define QZC_RUNTIME_CPU_SCHEMES_INT8_INL_H
#endif

#include "../Simd-inl.h"
#include "qzc/Format/Schemes/Int8.h"

HWY_BEFORE_NAMESPACE();
namespace qzc::runtime::cpu {
namespace HWY_NAMESPACE {

/// `Absmax`: what is stored of a row is its absmax, not its scale; a value is
/// rounded where format::int8::decodeByAbsmax rounds it.
template <bool Absmax> struct Int8RowOf {
  const int8_t *Codes;
  int64_t Cols;
  float Scale;

  Int8RowOf(const format::PackedView &weight, int64_t row)
      : Codes(reinterpret_cast<const int8_t *>(weight.parts[0]) +
              row * weight.shape.cols),
        Cols(weight.shape.cols),
        Scale(reinterpret_cast<const float *>(weight.parts[1])[row]) {}
  int64_t vectorEnd() const { return Cols / kLanes * kLanes; }
  HWY_INLINE Vec load(int64_t col) const {
    const Vec value = hn::Mul(raw(col), hn::Set(kTag, Scale));
    if constexpr (Absmax)
      return hn::Mul(value, hn::Set(kTag, format::int8::kStep));
    return value;
  }
  const std::byte *place(int64_t col) const {
    return reinterpret_cast<const std::byte *>(Codes + col);
  }
  float at(int64_t col) const { return scaled(rawAt(col)); }

  HWY_INLINE Vec raw(int64_t col) const { return loadAsF32(kTag, Codes + col); }
  HWY_INLINE float rawAt(int64_t col) const {
    return static_cast<float>(Codes[col]);
  }
  HWY_INLINE float scaled(float sum) const {
    return Absmax ? sum * Scale * format::int8::kStep : sum * Scale;
  }
};
using Int8Row = Int8RowOf<false>;
using Int8AbsmaxRow = Int8RowOf<true>;

} // namespace HWY_NAMESPACE
} // namespace qzc::runtime::cpu
HWY_AFTER_NAMESPACE();

#endif
