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

#include "PlanarScales-inl.h"
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

/// kIndex: of its products in Activations.
struct Nf4Book {
  static constexpr int kIndex = 0;
  static constexpr const float *kValues = format::nf4::kCodeBook;
};
struct Fp4Book {
  static constexpr int kIndex = 1;
  static constexpr const float *kValues = format::fp4::kCodeBook;
};

/// Scales of blocks in f32; sources as in PlanarScales-inl.h.
struct PlainScales {
  Records<float> Scales;

  explicit PlainScales(const format::PackedView &weight)
      : Scales(weight, weight.shape.blockSize) {}
  float at(int64_t block) const { return Scales.Data[block]; }

  struct Strip {
    const PlainScales &Of;
    int64_t First;

    HWY_INLINE Strip(const PlainScales &of, int64_t chunk, int64_t)
        : Of(of), First(chunk) {}
    HWY_INLINE void at(int64_t i, Vec &scale, Vec &) const {
      scale = hn::TableLookupLanes(Of.Scales.load(kTag, First + i),
                                   groupIndices(First + i, Of.Scales.Shift));
    }
  };
};

/// Scales of double quantization.
struct GroupedScales {
  const std::byte *Groups;
  int64_t Count; ///< but for a last block that is not full
  int Shift;     ///< chunks of a block, as a power of two

  explicit GroupedScales(const format::PackedView &weight)
      : Groups(weight.parts[1]),
        Count(weight.shape.rows * weight.shape.cols / weight.shape.blockSize),
        Shift(__builtin_ctzll(
            static_cast<unsigned long long>(weight.shape.blockSize / kChunk))) {
  }
  float at(int64_t block) const {
    const Group group = groupOf(block);
    const auto code = static_cast<size_t>(group.codes[block & 255]);
    return kMap[code] * group.head[0] + group.head[1];
  }

  struct Strip {
    HWY_ALIGN float Scales[kStripChunks + 32]; ///< of the strip's blocks
    int64_t First;
    int64_t Block;
    int Shift;

    HWY_INLINE Strip(const GroupedScales &of, int64_t chunk, int64_t count)
        : First(chunk), Block(chunk >> of.Shift), Shift(of.Shift) {
      const int64_t blocks = ((chunk + count - 1) >> Shift) - Block + 1;
      for (int64_t i = 0; i < blocks; i += kLanes)
        hn::Store(of.vectorAt(Block + i, HWY_MIN(blocks - i, kLanes)), kTag,
                  Scales + i);
    }
    HWY_INLINE void at(int64_t i, Vec &scale, Vec &) const {
      scale = hn::TableLookupLanes(
          hn::LoadU(kTag, Scales + (((First + i) >> Shift) - Block)),
          groupIndices(First + i, Shift));
    }
  };

private:
  /// Those of `count` ≤ kLanes blocks; anything behind them.
  HWY_INLINE Vec vectorAt(int64_t block, int64_t count) const {
    if (HWY_LIKELY((block & 255) + kLanes <= format::doublequant::kGroup &&
                   block + kLanes <= Count)) {
      const Group group = groupOf(block);
      const hn::Rebind<uint8_t, Tag> bytes;
      const auto codes =
          hn::LoadU(bytes, reinterpret_cast<const uint8_t *>(group.codes) +
                               (block & 255));
      const Vec values = hn::GatherIndex(
          kTag, kMap, hn::PromoteTo(hn::RebindToSigned<Tag>(), codes));
      return hn::Add(hn::Mul(values, hn::Set(kTag, group.head[0])),
                     hn::Set(kTag, group.head[1]));
    }
    HWY_ALIGN float scales[kLanes] = {};
    for (int64_t i = 0; i < count; ++i)
      scales[i] = at(block + i);
    return hn::Load(kTag, scales);
  }

  struct Group {
    float head[2]; ///< absmax and offset
    const std::byte *codes;
  };
  static constexpr const float *kMap = format::doublequant::kDynamicMap.values;

  HWY_INLINE Group groupOf(int64_t block) const {
    constexpr auto bytes =
        static_cast<int64_t>(sizeof(format::doublequant::ScaleGroup));
    static_assert(format::doublequant::kGroup == 256, "a shift and a mask");
    const std::byte *from = Groups + (block >> 8) * bytes;
    Group group;
    __builtin_memcpy(group.head, from, sizeof group.head);
    group.codes = from + sizeof group.head;
    return group;
  }
};

/// The element of a chunk that is in a lane of the chunk's block in a row of
/// Activations::turned, as dot products decode it (DotBooks-inl.h).
HWY_INLINE int64_t turnedElement(int64_t row, int64_t lane) {
#if HWY_TARGET == HWY_AVX3
  // By lanes: four bytes, from their low nibbles up.
  return 8 * lane + (row ^ 1);
#else
  // By nibbles: the odd elements, then the even ones.
  return 8 * (row % 4) + 2 * lane + (row < 4 ? 1 : 0);
#endif
}

/// The code book at the low four bits of each lane.
template <typename Book>
HWY_INLINE Vec bookEntries(hn::Vec<hn::RebindToUnsigned<Tag>> codes) {
#if HWY_TARGET == HWY_SSE4
  const hn::RebindToUnsigned<Tag> wide;
  HWY_ALIGN uint32_t index[4];
  hn::Store(hn::And(codes, hn::Set(wide, 15)), wide, index);
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

template <typename CodeBook, typename ScaleSource> struct CodeBookRow {
  using Book = CodeBook;
  using Source = ScaleSource;
  const uint8_t *Codes;
  ScaleSource Scales;
  int64_t First; ///< the row's first element in the flattened tensor
  int64_t Cols;
  int BlockShift;

  CodeBookRow(const format::PackedView &weight, int64_t row)
      : Codes(reinterpret_cast<const uint8_t *>(weight.parts[0])),
        Scales(weight), First(row * weight.shape.cols), Cols(weight.shape.cols),
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
    return hn::Mul(bookEntries<Book>(hn::Shr(twice, hn::Load(wide, kShifts))),
                   scaleAt(col));
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
};

using Nf4Row = CodeBookRow<Nf4Book, PlainScales>;
using Nf4DoubleRow = CodeBookRow<Nf4Book, GroupedScales>;
using Fp4Row = CodeBookRow<Fp4Book, PlainScales>;
using Fp4DoubleRow = CodeBookRow<Fp4Book, GroupedScales>;

} // namespace HWY_NAMESPACE
} // namespace qzc::runtime::cpu
HWY_AFTER_NAMESPACE();

#endif
