//===- Planar-inl.h - CPU access to linear codes in planes ------*- C++ -*-===//
//
// Codes are those of Format/Schemes/Planes.h. What is beside them is read by a
// scale source (PlanarScales-inl.h).
//
//===----------------------------------------------------------------------===//

#if defined(QZC_RUNTIME_CPU_SCHEMES_PLANAR_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef QZC_RUNTIME_CPU_SCHEMES_PLANAR_INL_H
#undef QZC_RUNTIME_CPU_SCHEMES_PLANAR_INL_H
#else
#define QZC_RUNTIME_CPU_SCHEMES_PLANAR_INL_H
#endif

#include "PlanarScales-inl.h"
#include "qzc/Format/Schemes/Planes.h"

HWY_BEFORE_NAMESPACE();
namespace qzc::runtime::cpu {
namespace HWY_NAMESPACE {

//===----------------------------------------------------------------------===//
// Codes
//===----------------------------------------------------------------------===//

using CodeTag = hn::RebindToUnsigned<Tag>;
using CodeVec = hn::Vec<CodeTag>;

/// Bytes from `from` on, a lane each.
HWY_INLINE CodeVec bytesFrom(const uint8_t *from) {
  const hn::Rebind<uint8_t, Tag> narrow;
  return hn::PromoteTo(CodeTag(), hn::LoadU(narrow, from));
}

/// Codes of 32 elements of one chunk, by vectors.
template <int Bits> struct PlanarChunk {
  using P = format::Planes<Bits>;
  const uint8_t *Low;
  const uint8_t *High;

  PlanarChunk(const uint8_t *data, int64_t element) {
    const int64_t unit = element / P::kUnit;
    const int64_t chunk = element % P::kUnit / P::kChunk;
    Low = data + unit * P::kUnitBytes + chunk * P::kLowBytes;
    High = data + unit * P::kUnitBytes + P::kChunks * P::kLowBytes +
           chunk * P::kHighBytes;
  }

  /// Codes e … e + kLanes - 1; e is a multiple of kLanes.
  HWY_INLINE CodeVec at(int64_t e) const {
    if constexpr (P::kLow == 4) {
      const CodeVec bytes = bytesFrom(Low + e % 16);
      return withHigh(hn::And(e < 16 ? bytes : hn::ShiftRight<4>(bytes),
                              hn::Set(CodeTag(), 15)),
                      e);
    } else {
      return withHigh(crumbs(Low, e), e);
    }
  }
  HWY_INLINE uint32_t one(int64_t e) const {
    uint32_t code =
        P::kLow == 4 ? Low[e % 16] >> (e < 16 ? 0 : 4) & 15 : crumb(Low, e);
    if constexpr (P::kHigh == 1)
      code |= (High[e % 4] >> e / 4 & 1u) << P::kLow;
    if constexpr (P::kHigh == 2)
      code |= crumb(High, e) << P::kLow;
    return code;
  }

private:
  static HWY_INLINE uint32_t crumb(const uint8_t *plane, int64_t e) {
    return plane[e / 16 * 4 + e % 4] >> e / 4 % 4 * 2 & 3u;
  }
  /// Two bits each.
  static HWY_INLINE CodeVec crumbs(const uint8_t *plane, int64_t e) {
    HWY_ALIGN static constexpr uint32_t kShifts[16] = {
        0, 8, 16, 24, 2, 10, 18, 26, 4, 12, 20, 28, 6, 14, 22, 30};
    const auto word = wordAt<uint32_t>(plane + e / 16 * 4);
    return hn::And(hn::Shr(hn::Set(CodeTag(), word),
                           hn::LoadU(CodeTag(), kShifts + e % 16)),
                   hn::Set(CodeTag(), 3));
  }
  HWY_INLINE CodeVec withHigh(CodeVec low, int64_t e) const {
    if constexpr (P::kHigh == 0) {
      return low;
    } else if constexpr (P::kHigh == 2) {
      return hn::Or(low, hn::ShiftLeft<P::kLow>(crumbs(High, e)));
    } else {
      HWY_ALIGN static constexpr uint32_t kBits[32] = {
          1u << 0,  1u << 8,  1u << 16, 1u << 24, 1u << 1,  1u << 9,  1u << 17,
          1u << 25, 1u << 2,  1u << 10, 1u << 18, 1u << 26, 1u << 3,  1u << 11,
          1u << 19, 1u << 27, 1u << 4,  1u << 12, 1u << 20, 1u << 28, 1u << 5,
          1u << 13, 1u << 21, 1u << 29, 1u << 6,  1u << 14, 1u << 22, 1u << 30,
          1u << 7,  1u << 15, 1u << 23, 1u << 31};
      const CodeVec set = hn::And(hn::Set(CodeTag(), wordAt<uint32_t>(High)),
                                  hn::LoadU(CodeTag(), kBits + e));
      const CodeVec one = hn::Set(CodeTag(), 1u << P::kLow);
      return hn::Or(low,
                    hn::IfThenElseZero(hn::Ne(set, hn::Zero(CodeTag())), one));
    }
  }
};

//===----------------------------------------------------------------------===//
// Rows
//===----------------------------------------------------------------------===//

/// Rows are whole chunks, and a pair of vectors lies in one of them.
template <int CodeBits, typename ScaleSource> struct PlanarRow {
  static constexpr int kBits = CodeBits;
  using Source = ScaleSource;
  const uint8_t *Data;
  ScaleSource Scales;
  int64_t First; ///< the row's first element in the flattened tensor
  int64_t Cols;

  PlanarRow(const format::PackedView &weight, int64_t row)
      : Data(reinterpret_cast<const uint8_t *>(weight.parts[0])),
        Scales(weight), First(row * weight.shape.cols),
        Cols(weight.shape.cols) {}
  int64_t vectorEnd() const { return Cols; }

  HWY_INLINE Vec load(int64_t col) const {
    const int64_t element = First + col;
    return value(PlanarChunk<CodeBits>(Data, element).at(element % 32),
                 element);
  }
  float at(int64_t col) const {
    const int64_t element = First + col;
    const uint32_t code =
        PlanarChunk<CodeBits>(Data, element).one(element % 32);
    return hn::GetLane(value(hn::Set(CodeTag(), code), element));
  }

private:
  HWY_INLINE Vec value(CodeVec codes, int64_t element) const {
    Vec scale;
    Vec second;
    Scales.at(element, scale, second);
    const Vec number =
        hn::ConvertTo(kTag, hn::BitCast(hn::RebindToSigned<Tag>(), codes));
    if constexpr (ScaleSource::kAffine)
      return hn::Add(hn::Mul(number, scale), second);
    else
      return hn::Mul(hn::Sub(number, second), scale);
  }
};

using Q4_0Row = PlanarRow<4, BlockScales<8>>;
using Q4_1Row = PlanarRow<4, BlockMinima>;
using Q5_0Row = PlanarRow<5, BlockScales<16>>;
using Q5_1Row = PlanarRow<5, BlockMinima>;
using Q4_KRow = PlanarRow<4, SixBitScales>;
using Q5_KRow = PlanarRow<5, SixBitScales>;
using Q6_KRow = PlanarRow<6, EightBitScales>;
using Int4Row = PlanarRow<4, GroupScales<8>>;
using Int4AsymRow = PlanarRow<4, GroupZeros>;
using Int3Row = PlanarRow<3, GroupScales<4>>;
using Int3AsymRow = PlanarRow<3, GroupZeros>;
using Int2Row = PlanarRow<2, GroupScales<2>>;
using Int2AsymRow = PlanarRow<2, GroupZeros>;
using TernaryRow = PlanarRow<2, GroupScales<1, 256>>;

} // namespace HWY_NAMESPACE
} // namespace qzc::runtime::cpu
HWY_AFTER_NAMESPACE();

#endif
