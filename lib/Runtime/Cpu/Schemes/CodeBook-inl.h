//===- CodeBook-inl.h - CPU access to nf4 and fp4 weights -------*- C++ -*-===//
//
// Blocks run over the flattened tensor. Where 32 divides a row, each vector
// lies in one block and starts at a whole byte; other rows are read element by
// element.
//
//===----------------------------------------------------------------------===//

#if defined(QZC_RUNTIME_CPU_SCHEMES_CODEBOOK_INL_H) ==                         \
    defined(HWY_TARGET_TOGGLE)
#ifdef QZC_RUNTIME_CPU_SCHEMES_CODEBOOK_INL_H
#undef QZC_RUNTIME_CPU_SCHEMES_CODEBOOK_INL_H
#else
#define QZC_RUNTIME_CPU_SCHEMES_CODEBOOK_INL_H
#endif

#include "../Simd-inl.h"
#include "qzc/Format/Schemes/DoubleQuant.h"
#include "qzc/Format/Schemes/Fp4.h"
#include "qzc/Format/Schemes/Nf4.h"

HWY_BEFORE_NAMESPACE();
namespace qzc::runtime::cpu {
namespace HWY_NAMESPACE {

/// An integer of the bytes that hold `Lanes` codes.
template <int64_t Lanes> struct HalfWord;
template <> struct HalfWord<4> { using Type = uint16_t; };
template <> struct HalfWord<8> { using Type = uint32_t; };
template <> struct HalfWord<16> { using Type = uint64_t; };

struct Nf4Book {
  static constexpr const float *kValues = format::nf4::kCodeBook;
};
struct Fp4Book {
  static constexpr const float *kValues = format::fp4::kCodeBook;
};

/// Scales of blocks in f32.
struct PlainScales {
  const float *Data;

  explicit PlainScales(const std::byte *part)
      : Data(reinterpret_cast<const float *>(part)) {}
  float at(int64_t block) const { return Data[block]; }
};

/// Scales of double quantization.
struct GroupedScales {
  const std::byte *Groups;

  explicit GroupedScales(const std::byte *part) : Groups(part) {}
  float at(int64_t block) const {
    using format::doublequant::kGroup;
    constexpr auto bytes =
        static_cast<int64_t>(sizeof(format::doublequant::ScaleGroup));
    static_assert(kGroup == 256, "a shift and a mask");
    const std::byte *group = Groups + (block >> 8) * bytes;
    float head[2]; // absmax and offset
    __builtin_memcpy(head, group, sizeof head);
    const auto code = static_cast<size_t>(group[sizeof head + (block & 255)]);
    return format::doublequant::kDynamicMap.values[code] * head[0] + head[1];
  }
};

template <typename Book, typename ScaleSource> struct CodeBookRow {
  const uint8_t *Codes;
  ScaleSource Scales;
  int64_t First; ///< the row's first element in the flattened tensor
  int64_t Cols;
  int BlockShift;

  CodeBookRow(const format::PackedView &weight, int64_t row)
      : Codes(reinterpret_cast<const uint8_t *>(weight.parts[0])),
        Scales(weight.parts[1]), First(row * weight.shape.cols),
        Cols(weight.shape.cols),
        BlockShift(__builtin_ctzll(
            static_cast<unsigned long long>(weight.shape.blockSize))) {}
  int64_t vectorEnd() const { return Cols % 32 == 0 ? Cols : 0; }

  HWY_INLINE Vec load(int64_t col) const {
    // Each byte twice, as 32-bit lanes; the even lanes shifted to the high
    // nibble.
    const hn::Rebind<uint8_t, Tag> narrow;
    using Word = typename HalfWord<kLanes>::Type;
    Word word;
    __builtin_memcpy(&word, bytesAt(col), sizeof(word));
    const auto codes = hn::BitCast(
        narrow, hn::Set(hn::Repartition<Word, decltype(narrow)>(), word));
    HWY_ALIGN static constexpr uint32_t kShifts[16] = {4, 0, 4, 0, 4, 0, 4, 0,
                                                       4, 0, 4, 0, 4, 0, 4, 0};
    const Wide wide;
    const auto twice = hn::PromoteTo(wide, hn::InterleaveLower(codes, codes));
    return hn::Mul(lookUp(hn::Shr(twice, hn::Load(wide, kShifts))),
                   scaleAt(col));
  }
  /// Even columns, then odd columns: a byte's two nibbles stay in one lane.
  HWY_INLINE void loadPair(int64_t col, Vec &even, Vec &odd) const {
    const hn::Rebind<uint8_t, Tag> narrow;
    const auto bytes = hn::PromoteTo(Wide(), hn::LoadU(narrow, bytesAt(col)));
    const Vec scale = scaleAt(col);
    even = hn::Mul(lookUp(hn::ShiftRight<4>(bytes)), scale);
    odd = hn::Mul(lookUp(bytes), scale);
  }
  static HWY_INLINE void arrange(Vec &first, Vec &second) {
    const Vec even = hn::ConcatEven(kTag, second, first);
    second = hn::ConcatOdd(kTag, second, first);
    first = even;
  }
  float at(int64_t col) const {
    const int64_t element = First + col;
    const int byte = Codes[element / 2];
    const int code = element % 2 == 0 ? byte >> 4 : byte & 15;
    return Book::kValues[code] * Scales.at(element >> BlockShift);
  }

private:
  using Wide = hn::RebindToUnsigned<Tag>;

  HWY_INLINE const uint8_t *bytesAt(int64_t col) const {
    return Codes + ((First + col) >> 1);
  }
  HWY_INLINE Vec scaleAt(int64_t col) const {
    return hn::Set(kTag, Scales.at((First + col) >> BlockShift));
  }

  /// The code book at the low four bits of each lane.
  static HWY_INLINE Vec lookUp(hn::Vec<Wide> codes) {
#if HWY_TARGET == HWY_SSE4
    HWY_ALIGN uint32_t index[4];
    hn::Store(hn::And(codes, hn::Set(Wide(), 15)), Wide(), index);
    HWY_ALIGN float values[4];
    for (int i = 0; i < 4; ++i)
      values[i] = Book::kValues[index[i]];
    return hn::Load(kTag, values);
#else
    // The permutation looks at log2(lanes) bits only.
    const auto lanes = hn::IndicesFromVec(kTag, codes);
    const Vec low = hn::TableLookupLanes(hn::LoadU(kTag, Book::kValues), lanes);
#if HWY_TARGET == HWY_AVX2
    // Eight lanes a permutation: bit 3 selects between two.
    const Vec high =
        hn::TableLookupLanes(hn::LoadU(kTag, Book::kValues + 8), lanes);
    const Vec sign = hn::BitCast(kTag, hn::ShiftLeft<28>(codes));
    return hn::IfThenElse(hn::MaskFromVec(sign), high, low);
#else
    return low;
#endif
#endif
  }
};

using Nf4Row = CodeBookRow<Nf4Book, PlainScales>;
using Nf4DoubleRow = CodeBookRow<Nf4Book, GroupedScales>;
using Fp4Row = CodeBookRow<Fp4Book, PlainScales>;
using Fp4DoubleRow = CodeBookRow<Fp4Book, GroupedScales>;

} // namespace HWY_NAMESPACE
} // namespace qzc::runtime::cpu
HWY_AFTER_NAMESPACE();

#endif
