//===- Q8_0-inl.h - CPU access to q8_0 weights ------------------*- C++ -*-===//

#if defined(QZC_RUNTIME_CPU_SCHEMES_Q8_0_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef QZC_RUNTIME_CPU_SCHEMES_Q8_0_INL_H
#undef QZC_RUNTIME_CPU_SCHEMES_Q8_0_INL_H
#else
#define QZC_RUNTIME_CPU_SCHEMES_Q8_0_INL_H
#endif

#include "PlanarScales-inl.h"
#include "qzc/Format/Ggml.h"

HWY_BEFORE_NAMESPACE();
namespace qzc::runtime::cpu {
namespace HWY_NAMESPACE {

/// Rows are whole blocks, and a pair of vectors lies in one of them.
struct Q8_0Row {
  using Source = BlockScales<0>;
  static constexpr bool kSigned = true;
  const int8_t *Codes;
  const uint16_t *Scales;
  int64_t Cols;

  Q8_0Row(const format::PackedView &weight, int64_t row)
      : Codes(reinterpret_cast<const int8_t *>(weight.parts[0]) +
              row * weight.shape.cols),
        Scales(reinterpret_cast<const uint16_t *>(weight.parts[1]) +
               row * weight.shape.cols / format::ggml::kBlock),
        Cols(weight.shape.cols) {}
  int64_t vectorEnd() const { return Cols; }

  HWY_INLINE Vec load(int64_t col) const {
    return hn::Mul(loadAsF32(kTag, Codes + col), scaleAt(col));
  }
  float at(int64_t col) const {
    return static_cast<float>(Codes[col]) * hn::GetLane(scaleAt(col));
  }

  /// As rows of Bytes-inl.h.
  static HWY_INLINE Vec numbers(const uint8_t *from) {
    return loadAsF32(kTag, reinterpret_cast<const int8_t *>(from));
  }

private:
  HWY_INLINE Vec scaleAt(int64_t col) const {
    return broadcastF16(Scales[col / format::ggml::kBlock]);
  }
};

/// What rows are in groups: codes are 128 more.
struct Q8_0GroupedRow {
  static constexpr int kBits = 8;
  using Source = BlockScales<128>;
};

} // namespace HWY_NAMESPACE
} // namespace qzc::runtime::cpu
HWY_AFTER_NAMESPACE();

#endif
