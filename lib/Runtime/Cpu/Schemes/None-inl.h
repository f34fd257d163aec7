//===- None-inl.h - CPU access to unquantized weights -----------*- C++ -*-===//
//
// A row type gives the kernels one row of a stored weight, decoded:
//   vectorEnd()  columns [0, vectorEnd()) can be read by load()
//   load(col)    kLanes columns from a multiple of kLanes
//   at(col)      any one column
// For dot products, where a scale goes for the whole row, raw(col) and
// rawAt(col) are columns without it, scaled(sum) brings it in, and place(col)
// is where a column is stored.
//
//===----------------------------------------------------------------------===//

#if defined(QZC_RUNTIME_CPU_SCHEMES_NONE_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef QZC_RUNTIME_CPU_SCHEMES_NONE_INL_H
#undef QZC_RUNTIME_CPU_SCHEMES_NONE_INL_H
#else
#define QZC_RUNTIME_CPU_SCHEMES_NONE_INL_H
#endif

#include "../Simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace qzc::runtime::cpu {
namespace HWY_NAMESPACE {

/// Rows without a scale.
template <typename Row> struct Unscaled {
  HWY_INLINE Vec raw(int64_t col) const {
    return static_cast<const Row *>(this)->load(col);
  }
  HWY_INLINE float rawAt(int64_t col) const {
    return static_cast<const Row *>(this)->at(col);
  }
  static HWY_INLINE float scaled(float sum) { return sum; }
};

struct F32Row : Unscaled<F32Row> {
  const float *Data;
  int64_t Cols;

  F32Row(const format::PackedView &weight, int64_t row)
      : Data(reinterpret_cast<const float *>(weight.parts[0]) +
             row * weight.shape.cols),
        Cols(weight.shape.cols) {}
  int64_t vectorEnd() const { return Cols / kLanes * kLanes; }
  HWY_INLINE Vec load(int64_t col) const { return hn::LoadU(kTag, Data + col); }
  const std::byte *place(int64_t col) const {
    return reinterpret_cast<const std::byte *>(Data + col);
  }
  float at(int64_t col) const { return Data[col]; }
};

/// f16 and bf16.
template <typename Element> struct HalfRow : Unscaled<HalfRow<Element>> {
  const Element *Data;
  int64_t Cols;

  HalfRow(const format::PackedView &weight, int64_t row)
      : Data(reinterpret_cast<const Element *>(weight.parts[0]) +
             row * weight.shape.cols),
        Cols(weight.shape.cols) {}
  int64_t vectorEnd() const { return Cols / kLanes * kLanes; }
  HWY_INLINE Vec load(int64_t col) const { return loadAsF32(kTag, Data + col); }
  const std::byte *place(int64_t col) const {
    return reinterpret_cast<const std::byte *>(Data + col);
  }
  float at(int64_t col) const {
    return hn::GetLane(loadAsF32(hn::CappedTag<float, 1>(), Data + col));
  }
};

using F16Row = HalfRow<hwy::float16_t>;
using Bf16Row = HalfRow<hwy::bfloat16_t>;

} // namespace HWY_NAMESPACE
} // namespace qzc::runtime::cpu
HWY_AFTER_NAMESPACE();

#endif
