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

#include "Groups-inl.h"
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

  explicit PlainScales(const format::PackedView &weight)
      : Data(reinterpret_cast<const float *>(weight.parts[1])) {}
  float at(int64_t block) const { return Data[block]; }
  /// Those of `count` ≤ kLanes blocks; anything behind them.
  HWY_INLINE Vec vectorAt(int64_t block, int64_t count) const {
    prefetch(Data + block, kScalesAhead);
    return loadAvailable(kTag, Data + block, count);
  }
};

/// Scales of double quantization.
struct GroupedScales {
  const std::byte *Groups;
  int64_t Count; ///< but for a last block that is not full

  explicit GroupedScales(const format::PackedView &weight)
      : Groups(weight.parts[1]),
        Count(weight.shape.rows * weight.shape.cols >>
              __builtin_ctzll(
                  static_cast<unsigned long long>(weight.shape.blockSize))) {}
  float at(int64_t block) const {
    const Group group = groupOf(block);
    const auto code = static_cast<size_t>(group.codes[block & 255]);
    return kMap[code] * group.head[0] + group.head[1];
  }
  /// Zeros behind them.
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
      const Vec scales = hn::Add(hn::Mul(values, hn::Set(kTag, group.head[0])),
                                 hn::Set(kTag, group.head[1]));
      return hn::IfThenElseZero(
          hn::FirstN(kTag, static_cast<size_t>(HWY_MIN(count, kLanes))),
          scales);
    }
    HWY_ALIGN float scales[kLanes] = {};
    for (int64_t i = 0; i < HWY_MIN(count, kLanes); ++i)
      scales[i] = at(block + i);
    return hn::Load(kTag, scales);
  }

private:
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
/// Activations::turned, as dotChunks decodes it.
HWY_INLINE int64_t turnedElement(int64_t row, int64_t lane) {
#if HWY_TARGET == HWY_AVX3
  // By lanes: four bytes, from their low nibbles up.
  return 8 * lane + (row ^ 1);
#else
  // By nibbles: the odd elements, then the even ones.
  return 8 * (row % 4) + 2 * lane + (row < 4 ? 1 : 0);
#endif
}

/// Bytes of the floats of a book: values[i][code] is byte i.
struct BookBytes {
  uint8_t values[4][16];
};
template <typename Book> constexpr BookBytes makeBookBytes() {
  BookBytes bytes = {};
  for (int code = 0; code < 16; ++code) {
    const auto bits = __builtin_bit_cast(uint32_t, Book::kValues[code]);
    for (int i = 0; i < 4; ++i)
      bytes.values[i][code] = static_cast<uint8_t>(bits >> 8 * i);
  }
  return bytes;
}

template <typename Book, typename ScaleSource> struct CodeBookRow {
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
    return hn::Mul(lookUp(hn::Shr(twice, hn::Load(wide, kShifts))),
                   scaleAt(col));
  }
  float at(int64_t col) const {
    const int64_t element = First + col;
    const int byte = Codes[element / 2];
    const int code = element % 2 == 0 ? byte >> 4 : byte & 15;
    return Book::kValues[code] * Scales.at(element >> BlockShift);
  }

  /// The scales of chunks [chunk, chunk + count) of the row; up to kLanes - 1
  /// more may be written.
  HWY_INLINE void chunkScales(int64_t chunk, int64_t count, float *out) const {
    const int shift = BlockShift - 5;
    for (int64_t i = 0; i < count; i += kLanes) {
      const int64_t first = First / kChunk + chunk + i;
      const int64_t last = first + HWY_MIN(count - i, kLanes) - 1;
      const int64_t block = first >> shift;
      hn::StoreU(hn::TableLookupLanes(
                     Scales.vectorAt(block, (last >> shift) - block + 1),
                     groupIndices(first, shift)),
                 kTag, out + i);
    }
  }

  /// Entries of the book times activations from chunk `from` of a strip on, for
  /// chunks [chunk, chunk + count) of the row, count ≤ kChunks; summed over
  /// lanes of one chunk. Rows are whole chunks, and behind them activations are
  /// 0. With Slack, three more bytes of codes may be read.
  template <bool Slack>
  HWY_INLINE Vec dotChunks(int64_t chunk, int64_t count, const TurnedStrip &x,
                           int64_t from) const {
    const uint8_t *at = bytesAt(chunk * kChunk);
    prefetch(at, kCodesAhead);
    // Bytes `skip` + 4i in the low byte of lane i.
    const auto load = [&](int64_t skip) HWY_ATTR {
      return hn::LoadU(Wide(), reinterpret_cast<const uint32_t *>(at + skip));
    };
    const auto words =
        count == kChunks
            ? load(0)
            : hn::MaskedLoad(
                  hn::FirstN(Wide(), static_cast<size_t>(kChunkLanes * count)),
                  Wide(), reinterpret_cast<const uint32_t *>(at));
    const auto row = [&](int64_t i)
                         HWY_ATTR { return hn::LoadU(kTag, x.rows[i][from]); };
#if HWY_TARGET == HWY_AVX3
    // The permutation looks at the low four bits only.
    const Vec book = hn::LoadU(kTag, Book::kValues);
    const auto value = [&](hn::Vec<Wide> codes) HWY_ATTR {
      return hn::TableLookupLanes(book, hn::IndicesFromVec(kTag, codes));
    };
    // Loads cost less here than shifts.
    const auto word8 = Slack ? load(1) : hn::ShiftRight<8>(words);
    const auto word16 = Slack ? load(2) : hn::ShiftRight<16>(words);
    const auto word24 = Slack ? load(3) : hn::ShiftRight<24>(words);
    Vec sum0 = hn::Mul(value(words), row(0));
    Vec sum1 = hn::Mul(value(hn::ShiftRight<4>(words)), row(1));
    sum0 = hn::MulAdd(value(word8), row(2), sum0);
    sum1 = hn::MulAdd(value(hn::ShiftRight<4>(word8)), row(3), sum1);
    sum0 = hn::MulAdd(value(word16), row(4), sum0);
    sum1 = hn::MulAdd(value(hn::ShiftRight<4>(word16)), row(5), sum1);
    sum0 = hn::MulAdd(value(word24), row(6), sum0);
    sum1 = hn::MulAdd(value(hn::ShiftRight<4>(word24)), row(7), sum1);
    return hn::Add(sum0, sum1);
#else
    const auto mask = hn::Set(Wide(), 0x0f0f0f0f);
    Vec values[4];
    lookUpBytes(hn::And(words, mask), values);
    Vec sum0 = hn::Mul(values[0], row(0));
    Vec sum1 = hn::Mul(values[1], row(1));
    sum0 = hn::MulAdd(values[2], row(2), sum0);
    sum1 = hn::MulAdd(values[3], row(3), sum1);
    lookUpBytes(hn::And(hn::ShiftRight<4>(words), mask), values);
    sum0 = hn::MulAdd(values[0], row(4), sum0);
    sum1 = hn::MulAdd(values[1], row(5), sum1);
    sum0 = hn::MulAdd(values[2], row(6), sum0);
    sum1 = hn::MulAdd(values[3], row(7), sum1);
    return hn::Add(sum0, sum1);
#endif
  }

private:
  using Wide = hn::RebindToUnsigned<Tag>;

  HWY_INLINE const uint8_t *bytesAt(int64_t col) const {
    return Codes + ((First + col) >> 1);
  }
  HWY_INLINE Vec scaleAt(int64_t col) const {
    return hn::Set(kTag, Scales.at((First + col) >> BlockShift));
  }

#if HWY_TARGET != HWY_AVX3
  /// The entries of a vector of codes as bytes: byte 4i + lane of a block
  /// becomes that lane of values[i].
  static HWY_INLINE void lookUpBytes(hn::Vec<Wide> codes, Vec (&values)[4]) {
    const hn::Repartition<uint8_t, Tag> bytes;
    const hn::Repartition<uint16_t, Tag> pairs;
    const auto index = hn::BitCast(bytes, codes);
    const auto plane = [&](int i) HWY_ATTR {
      return hn::TableLookupBytes(hn::LoadDup128(bytes, kBytes.values[i]),
                                  index);
    };
    const auto plane0 = plane(0);
    const auto plane1 = plane(1);
    const auto plane2 = plane(2);
    const auto plane3 = plane(3);
    const auto join = [&](auto low, auto high, Vec &first,
                          Vec &second) HWY_ATTR {
      first =
          hn::BitCast(kTag, hn::InterleaveLower(pairs, hn::BitCast(pairs, low),
                                                hn::BitCast(pairs, high)));
      second =
          hn::BitCast(kTag, hn::InterleaveUpper(pairs, hn::BitCast(pairs, low),
                                                hn::BitCast(pairs, high)));
    };
    join(hn::InterleaveLower(bytes, plane0, plane1),
         hn::InterleaveLower(bytes, plane2, plane3), values[0], values[1]);
    join(hn::InterleaveUpper(bytes, plane0, plane1),
         hn::InterleaveUpper(bytes, plane2, plane3), values[2], values[3]);
  }
  HWY_ALIGN static constexpr BookBytes kBytes = makeBookBytes<Book>();
#endif

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
