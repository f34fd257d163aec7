//===- Bytes-inl.h - CPU access to int8g and fp8 weights --------*- C++ -*-===//
//
// A byte an element, and scales of rows or of groups within them.
//
//===----------------------------------------------------------------------===//

#if defined(QZC_RUNTIME_CPU_SCHEMES_BYTES_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef QZC_RUNTIME_CPU_SCHEMES_BYTES_INL_H
#undef QZC_RUNTIME_CPU_SCHEMES_BYTES_INL_H
#else
#define QZC_RUNTIME_CPU_SCHEMES_BYTES_INL_H
#endif

#include "None-inl.h"
#include "Planar-inl.h"

HWY_BEFORE_NAMESPACE();
namespace qzc::runtime::cpu {
namespace HWY_NAMESPACE {

/// Rows of int8g; ScaleSource as in Planar-inl.h.
template <typename ScaleSource>
struct ByteRow : Unscaled<ByteRow<ScaleSource>> {
  const uint8_t *Data;
  ScaleSource Scales;
  int64_t First; ///< the row's first element in the flattened tensor
  int64_t Cols;

  ByteRow(const format::PackedView &weight, int64_t row)
      : Data(reinterpret_cast<const uint8_t *>(weight.parts[0])),
        Scales(weight), First(row * weight.shape.cols),
        Cols(weight.shape.cols) {}
  int64_t vectorEnd() const { return Cols; }
  HWY_INLINE Vec load(int64_t col) const {
    return value(bytesFrom(Data + First + col), First + col);
  }
  const std::byte *place(int64_t col) const {
    return reinterpret_cast<const std::byte *>(Data + First + col);
  }
  float at(int64_t col) const {
    return hn::GetLane(
        value(hn::Set(CodeTag(), Data[First + col]), First + col));
  }

private:
  HWY_INLINE Vec value(CodeVec codes, int64_t element) const {
    Vec scale;
    Vec zero;
    Scales.at(element, scale, zero);
    const Vec number =
        hn::ConvertTo(kTag, hn::BitCast(hn::RebindToSigned<Tag>(), codes));
    return hn::Mul(hn::Sub(number, zero), scale);
  }
};

using Int8gRow = ByteRow<GroupScales<128>>;
using Int8gAsymRow = ByteRow<GroupZeros>;

/// Codes of e4m3: Format/Schemes/Fp8.h.
struct Fp8Row : Unscaled<Fp8Row> {
  const uint8_t *Codes;
  const float *Scales;
  int64_t Cols;
  int Shift; ///< columns that share a scale, as a power of two

  Fp8Row(const format::PackedView &weight, int64_t row)
      : Codes(reinterpret_cast<const uint8_t *>(weight.parts[0]) +
              row * weight.shape.cols),
        Cols(weight.shape.cols) {
    const int64_t block = weight.shape.blockSize;
    Shift = block == 0
                ? 62
                : __builtin_ctzll(static_cast<unsigned long long>(block));
    Scales = reinterpret_cast<const float *>(weight.parts[1]) +
             row * (block == 0 ? 1 : Cols / block);
  }
  int64_t vectorEnd() const { return Cols / kLanes * kLanes; }
  HWY_INLINE Vec load(int64_t col) const {
    return value(bytesFrom(Codes + col), col);
  }
  const std::byte *place(int64_t col) const {
    return reinterpret_cast<const std::byte *>(Codes + col);
  }
  float at(int64_t col) const {
    return hn::GetLane(value(hn::Set(CodeTag(), Codes[col]), col));
  }

private:
  HWY_INLINE Vec value(CodeVec codes, int64_t col) const {
    const CodeVec sign =
        hn::ShiftLeft<24>(hn::And(codes, hn::Set(CodeTag(), 0x80)));
    const CodeVec rest =
        hn::ShiftLeft<20>(hn::And(codes, hn::Set(CodeTag(), 0x7f)));
    const Vec magnitude =
        hn::Mul(hn::BitCast(kTag, rest), hn::Set(kTag, 0x1p120f));
    return hn::Mul(hn::Or(magnitude, hn::BitCast(kTag, sign)),
                   hn::Set(kTag, Scales[col >> Shift]));
  }
};

} // namespace HWY_NAMESPACE
} // namespace qzc::runtime::cpu
HWY_AFTER_NAMESPACE();

#endif
