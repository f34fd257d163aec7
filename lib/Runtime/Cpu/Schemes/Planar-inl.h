//===- Planar-inl.h - CPU access to linear codes in planes ------*- C++ -*-===//
//
// Codes are those of Format/Schemes/Planes.h. What is beside them is read by a
// scale source:
//   kAffine   a value is code · scale + second, otherwise (code - second) ·
//             scale
//   at(element, scale, second)
//             of the elements of a vector from `element` of the flattened
//             tensor on
//
//===----------------------------------------------------------------------===//

#if defined(QZC_RUNTIME_CPU_SCHEMES_PLANAR_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef QZC_RUNTIME_CPU_SCHEMES_PLANAR_INL_H
#undef QZC_RUNTIME_CPU_SCHEMES_PLANAR_INL_H
#else
#define QZC_RUNTIME_CPU_SCHEMES_PLANAR_INL_H
#endif

#include "../Simd-inl.h"
#include "qzc/Format/Schemes/Planes.h"

HWY_BEFORE_NAMESPACE();
namespace qzc::runtime::cpu {
namespace HWY_NAMESPACE {

/// The unsigned number at a byte.
template <typename T> HWY_INLINE T wordAt(const void *data) {
  T word;
  __builtin_memcpy(&word, data, sizeof word);
  return word;
}

//===----------------------------------------------------------------------===//
// Codes
//===----------------------------------------------------------------------===//

using CodeTag = hn::RebindToUnsigned<Tag>;
using CodeVec = hn::Vec<CodeTag>;

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
      const CodeVec bytes = bytesAt(e % 16);
      return withHigh(hn::And(e < 16 ? bytes : hn::ShiftRight<4>(bytes),
                              hn::Set(CodeTag(), 15)),
                      e);
    } else {
      return withHigh(crumbs(Low, e), e);
    }
  }
  /// Codes e … e + 2 · kLanes - 1.
  HWY_INLINE void pair(int64_t e, CodeVec &first, CodeVec &second) const {
    if constexpr (P::kLow == 4 && kLanes == 16) {
      const CodeVec bytes = bytesAt(0);
      first = withHigh(hn::And(bytes, hn::Set(CodeTag(), 15)), 0);
      second = withHigh(hn::ShiftRight<4>(bytes), 16);
    } else {
      first = at(e);
      second = at(e + kLanes);
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
  HWY_INLINE CodeVec bytesAt(int64_t i) const {
    const hn::Rebind<uint8_t, Tag> narrow;
    return hn::PromoteTo(CodeTag(), hn::LoadU(narrow, Low + i));
  }
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
// Scales
//===----------------------------------------------------------------------===//

/// An f16 for 32 (Middle: the code of 0).
template <int Middle> struct BlockScales {
  static constexpr bool kAffine = false;
  const uint16_t *Data;

  explicit BlockScales(const format::PackedView &weight)
      : Data(reinterpret_cast<const uint16_t *>(weight.parts[1])) {}
  HWY_INLINE void at(int64_t element, Vec &scale, Vec &second) const {
    scale = broadcastF16(Data[element / 32]);
    second = hn::Set(kTag, static_cast<float>(Middle));
  }
};

/// An f16 scale and minimum for 32.
struct BlockMinima {
  static constexpr bool kAffine = true;
  const uint16_t *Data;

  explicit BlockMinima(const format::PackedView &weight)
      : Data(reinterpret_cast<const uint16_t *>(weight.parts[1])) {}
  HWY_INLINE void at(int64_t element, Vec &scale, Vec &second) const {
    scale = broadcastF16(Data[element / 32 * 2]);
    second = broadcastF16(Data[element / 32 * 2 + 1]);
  }
};

/// An f16 a group.
template <int Middle> struct GroupScales {
  static constexpr bool kAffine = false;
  const uint16_t *Data;
  int Shift;

  explicit GroupScales(const format::PackedView &weight)
      : Data(reinterpret_cast<const uint16_t *>(weight.parts[1])),
        Shift(__builtin_ctzll(
            static_cast<unsigned long long>(weight.shape.blockSize))) {}
  HWY_INLINE void at(int64_t element, Vec &scale, Vec &second) const {
    scale = broadcastF16(Data[element >> Shift]);
    second = hn::Set(kTag, static_cast<float>(Middle));
  }
};

/// An f16 scale and zero point a group.
struct GroupZeros {
  static constexpr bool kAffine = false;
  const uint16_t *Data;
  int Shift;

  explicit GroupZeros(const format::PackedView &weight)
      : Data(reinterpret_cast<const uint16_t *>(weight.parts[1])),
        Shift(__builtin_ctzll(
            static_cast<unsigned long long>(weight.shape.blockSize))) {}
  HWY_INLINE void at(int64_t element, Vec &scale, Vec &second) const {
    scale = broadcastF16(Data[(element >> Shift) * 2]);
    second = broadcastF16(Data[(element >> Shift) * 2 + 1]);
  }
};

/// Six-bit scales and minima of two f16 for 256: Format/Schemes/KScales.h.
struct SixBitScales {
  static constexpr bool kAffine = true;
  const uint8_t *Data;

  explicit SixBitScales(const format::PackedView &weight)
      : Data(reinterpret_cast<const uint8_t *>(weight.parts[1])) {}
  HWY_INLINE void at(int64_t element, Vec &scale, Vec &second) const {
    const uint8_t *record = Data + element / 256 * 16;
    const uint8_t *bytes = record + 4 + element / 32 % 4;
    const bool upper = element % 256 >= 128;
    const int first =
        upper ? (bytes[8] & 15) | bytes[0] >> 6 << 4 : bytes[0] & 63;
    const int other =
        upper ? bytes[8] >> 4 | bytes[4] >> 6 << 4 : bytes[4] & 63;
    scale = hn::Mul(broadcastF16(wordAt<uint16_t>(record)),
                    hn::Set(kTag, static_cast<float>(first)));
    second = hn::Neg(hn::Mul(broadcastF16(wordAt<uint16_t>(record + 2)),
                             hn::Set(kTag, static_cast<float>(other))));
  }
};

/// Eight-bit scales for 16 of an f16 for 256.
struct EightBitScales {
  static constexpr bool kAffine = false;
  const uint8_t *Data;

  explicit EightBitScales(const format::PackedView &weight)
      : Data(reinterpret_cast<const uint8_t *>(weight.parts[1])) {}
  HWY_INLINE void at(int64_t element, Vec &scale, Vec &second) const {
    const uint8_t *record = Data + element / 256 * 18;
    const auto one = static_cast<int8_t>(record[element / 16 % 16]);
    scale = hn::Mul(broadcastF16(wordAt<uint16_t>(record + 16)),
                    hn::Set(kTag, static_cast<float>(one)));
    second = hn::Set(kTag, 32.0f);
  }
};

//===----------------------------------------------------------------------===//
// Rows
//===----------------------------------------------------------------------===//

/// Rows are whole chunks, and a pair of vectors lies in one of them.
template <int Bits, typename ScaleSource> struct PlanarRow {
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
    return value(PlanarChunk<Bits>(Data, element).at(element % 32), element);
  }
  HWY_INLINE void loadPair(int64_t col, Vec &first, Vec &second) const {
    const int64_t element = First + col;
    CodeVec low;
    CodeVec high;
    PlanarChunk<Bits>(Data, element).pair(element % 32, low, high);
    first = value(low, element);
    second = value(high, element + kLanes);
  }
  static HWY_INLINE void arrange(Vec &first, Vec &second) {}
  float at(int64_t col) const {
    const int64_t element = First + col;
    const uint32_t code = PlanarChunk<Bits>(Data, element).one(element % 32);
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

} // namespace HWY_NAMESPACE
} // namespace qzc::runtime::cpu
HWY_AFTER_NAMESPACE();

#endif
