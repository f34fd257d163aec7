//===- Bytes-inl.h - CPU access to int8g and fp8 weights --------*- C++ -*-===//
//
// A byte an element, and scales of rows or of groups within them. For dot
// products a row type has a source of scales and numbers(from): codes without
// their scales, and without what stands for 0 unless kSigned.
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

/// Rows of int8g; ScaleSource as in PlanarScales-inl.h.
template <typename ScaleSource> struct ByteRow {
  static constexpr int kBits = 8;
  using Source = ScaleSource;
  static constexpr bool kSigned = false;
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
  float at(int64_t col) const {
    return hn::GetLane(
        value(hn::Set(CodeTag(), Data[First + col]), First + col));
  }

  /// kLanes codes as numbers.
  static HWY_INLINE Vec numbers(const uint8_t *from) {
    return numbersOf(bytesFrom(from));
  }

private:
  static HWY_INLINE Vec numbersOf(CodeVec codes) {
    return hn::ConvertTo(kTag, hn::BitCast(hn::RebindToSigned<Tag>(), codes));
  }
  HWY_INLINE Vec value(CodeVec codes, int64_t element) const {
    Vec scale;
    Vec zero;
    Scales.at(element, scale, zero);
    return hn::Mul(hn::Sub(numbersOf(codes), zero), scale);
  }
};

using Int8gRow = ByteRow<GroupScales<128>>;
using Int8gAsymRow = ByteRow<GroupZeros>;

/// An f32 for a block of a row's columns, or for the row.
struct ColumnScales {
  Records<float> Scales;
  int64_t RowChunks; ///< 0: blocks

  explicit ColumnScales(const format::PackedView &weight)
      : Scales(weight,
               weight.shape.blockSize != 0 ? weight.shape.blockSize : kChunk),
        RowChunks(weight.shape.blockSize != 0 ? 0
                                              : weight.shape.cols / kChunk) {}

  struct Strip {
    const ColumnScales &Of;
    int64_t First;

    HWY_INLINE Strip(const ColumnScales &of, int64_t chunk, int64_t)
        : Of(of), First(chunk) {}
    HWY_INLINE void at(int64_t i, Vec &scale, Vec &) const {
      scale =
          Of.RowChunks != 0
              ? hn::Set(kTag, Of.Scales.Data[First / Of.RowChunks])
              : hn::TableLookupLanes(Of.Scales.load(kTag, First + i),
                                     groupIndices(First + i, Of.Scales.Shift));
    }
  };
};

/// Codes of e4m3: Format/Schemes/Fp8.h.
struct Fp8Row : Unscaled<Fp8Row> {
  using Source = ColumnScales;
  static constexpr bool kSigned = true;
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
    return hn::Mul(numbers(Codes + col), scaleAt(col));
  }
  const std::byte *place(int64_t col) const {
    return reinterpret_cast<const std::byte *>(Codes + col);
  }
  float at(int64_t col) const {
    const auto code = static_cast<int32_t>(static_cast<int8_t>(Codes[col]));
    return hn::GetLane(hn::Mul(
        numbersOf(hn::Set(hn::RebindToSigned<Tag>(), code)), scaleAt(col)));
  }

  /// kLanes codes as numbers.
  static HWY_INLINE Vec numbers(const uint8_t *from) {
    const hn::Rebind<int8_t, Tag> narrow;
    const auto codes =
        hn::LoadU(narrow, reinterpret_cast<const int8_t *>(from));
#if HWY_TARGET == HWY_SSE4
    return numbersOf(hn::PromoteTo(hn::RebindToSigned<Tag>(), codes));
#else
    // As f16, whose exponent has one bit more: no conversion waits for
    // subnormals.
    const hn::Rebind<int16_t, Tag> half;
    const auto bits = hn::And(hn::ShiftLeft<7>(hn::PromoteTo(half, codes)),
                              hn::Set(half, static_cast<int16_t>(0xbf80)));
    return hn::Mul(
        fromF16(kTag, hn::BitCast(hn::Rebind<uint16_t, Tag>(), bits)),
        hn::Set(kTag, 0x1p8f));
#endif
  }

private:
  /// Of codes that are extended by their sign. A multiplication would rebias
  /// the exponent at once, but takes many times as long where what it
  /// multiplies is subnormal as f32.
  static HWY_INLINE Vec numbersOf(hn::Vec<hn::RebindToSigned<Tag>> codes) {
    const hn::RebindToSigned<Tag> wide;
    const auto magnitude = hn::And(codes, hn::Set(wide, 0x7f));
    // Subnormals get the least exponent and a leading one, which then goes.
    const auto isSubnormal = hn::Lt(magnitude, hn::Set(wide, 8));
    const auto exponent = hn::IfThenElse(isSubnormal, hn::Set(wide, 121 << 23),
                                         hn::Set(wide, 120 << 23));
    const auto one = hn::IfThenElseZero(isSubnormal, hn::Set(wide, 121 << 23));
    const Vec value = hn::Sub(
        hn::BitCast(kTag, hn::Add(hn::ShiftLeft<20>(magnitude), exponent)),
        hn::BitCast(kTag, one));
    return hn::CopySignToAbs(value, hn::BitCast(kTag, codes));
  }
  HWY_INLINE Vec scaleAt(int64_t col) const {
    return hn::Set(kTag, Scales[col >> Shift]);
  }
};

} // namespace HWY_NAMESPACE
} // namespace qzc::runtime::cpu
HWY_AFTER_NAMESPACE();

#endif
