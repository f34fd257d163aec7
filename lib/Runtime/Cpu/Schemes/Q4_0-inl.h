//===- Q4_0-inl.h - CPU access to q4_0 weights ------------------*- C++ -*-===//

#if defined(QZC_RUNTIME_CPU_SCHEMES_Q4_0_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef QZC_RUNTIME_CPU_SCHEMES_Q4_0_INL_H
#undef QZC_RUNTIME_CPU_SCHEMES_Q4_0_INL_H
#else
#define QZC_RUNTIME_CPU_SCHEMES_Q4_0_INL_H
#endif

#include "../Simd-inl.h"
#include "qzc/Format/Ggml.h"

HWY_BEFORE_NAMESPACE();
namespace qzc::runtime::cpu {
namespace HWY_NAMESPACE {

/// Rows are whole blocks, of 16 bytes: elements 0…15 in their low nibbles, then
/// 16…31 in their high ones. A pair of vectors lies in one block.
struct Q4_0Row {
  const uint8_t *Codes;
  const uint16_t *Scales;
  int64_t Cols;

  Q4_0Row(const format::PackedView &weight, int64_t row)
      : Codes(reinterpret_cast<const uint8_t *>(weight.parts[0]) +
              row * weight.shape.cols / 2),
        Scales(reinterpret_cast<const uint16_t *>(weight.parts[1]) +
               row * weight.shape.cols / format::ggml::kBlock),
        Cols(weight.shape.cols) {}
  int64_t vectorEnd() const { return Cols; }

  HWY_INLINE Vec load(int64_t col) const {
    return hn::Mul(valuesAt(col), scaleAt(col));
  }
  HWY_INLINE void loadPair(int64_t col, Vec &first, Vec &second) const {
    const Vec scale = scaleAt(col);
    if constexpr (kLanes == 16) {
      const auto bytes = bytesAt(col);
      first = hn::Mul(values(bytes), scale);
      second = hn::Mul(values(hn::ShiftRight<4>(bytes)), scale);
    } else {
      first = hn::Mul(valuesAt(col), scale);
      second = hn::Mul(valuesAt(col + kLanes), scale);
    }
  }
  static HWY_INLINE void arrange(Vec &first, Vec &second) {}
  float at(int64_t col) const {
    const int byte = Codes[byteOf(col)];
    const int code = col % 32 < 16 ? byte & 15 : byte >> 4;
    return static_cast<float>(code - 8) * hn::GetLane(scaleAt(col));
  }

private:
  using Wide = hn::RebindToSigned<Tag>;

  static int64_t byteOf(int64_t col) { return col / 32 * 16 + col % 16; }
  /// The bytes of kLanes columns, in 32-bit lanes.
  HWY_INLINE hn::Vec<Wide> bytesAt(int64_t col) const {
    const hn::Rebind<uint8_t, Tag> narrow;
    return hn::PromoteTo(Wide(), hn::LoadU(narrow, Codes + byteOf(col)));
  }
  /// The values of the low nibbles.
  static HWY_INLINE Vec values(hn::Vec<Wide> bytes) {
    if constexpr (kLanes == 16) {
      // The permutation looks at the low four bits only.
      HWY_ALIGN static constexpr float kValues[16] = {
          -8, -7, -6, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7};
      return hn::TableLookupLanes(hn::Load(kTag, kValues),
                                  hn::IndicesFromVec(kTag, bytes));
    }
    const auto codes = hn::And(bytes, hn::Set(Wide(), 15));
    return hn::ConvertTo(kTag, hn::Sub(codes, hn::Set(Wide(), 8)));
  }
  HWY_INLINE Vec valuesAt(int64_t col) const {
    const auto bytes = bytesAt(col);
    return values(col % 32 < 16 ? bytes : hn::ShiftRight<4>(bytes));
  }
  HWY_INLINE Vec scaleAt(int64_t col) const {
    return broadcastF16(Scales[col / format::ggml::kBlock]);
  }
};

} // namespace HWY_NAMESPACE
} // namespace qzc::runtime::cpu
HWY_AFTER_NAMESPACE();

#endif
