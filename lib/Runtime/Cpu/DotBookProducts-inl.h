//===- DotBookProducts-inl.h - Books by tables of products ------*- C++ -*-===//
//
// Of weights of code books in groups of rows (RowGroups.h), for targets whose
// permutations of f32 have fewer than 16 entries: a table of an activation's
// products with the book (BookProducts) is looked up by bytes, for 16 rows at
// once; each of the three bytes that products have is summed by itself.
//
//===----------------------------------------------------------------------===//

#if defined(QZC_RUNTIME_CPU_DOTBOOKPRODUCTS_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef QZC_RUNTIME_CPU_DOTBOOKPRODUCTS_INL_H
#undef QZC_RUNTIME_CPU_DOTBOOKPRODUCTS_INL_H
#else
#define QZC_RUNTIME_CPU_DOTBOOKPRODUCTS_INL_H
#endif

#include "Schemes/CodeBook-inl.h"

HWY_BEFORE_NAMESPACE();
namespace qzc::runtime::cpu {
namespace HWY_NAMESPACE {

/// Bytes of codes whose tables lie side by side, each in a block of a vector,
/// and how many tables these are: those of the low nibbles, by planes, then
/// those of the high ones.
static constexpr int64_t kBytesTogether = kLanes / 4;
static constexpr int64_t kTablesTogether = 2 * 3 * kBytesTogether;

#if HWY_TARGET != HWY_AVX3
template <typename Book> class BookGroupRows : GroupedRows {
  using Byte = hn::Repartition<uint8_t, Tag>;
  using Short = hn::Repartition<uint16_t, Tag>;
  using Int = hn::RebindToSigned<Tag>;

public:
  explicit BookGroupRows(const GroupedView &weight) : GroupedRows(weight) {}

  /// y[i] = row i of the group · x
  HWY_INLINE void dot(int64_t group, const Activations &x, float *y) const {
    const uint8_t *codes = Data + group * Bytes;
    const auto *scales =
        reinterpret_cast<const float *>(codes + Chunks * kChunkBytes);
    // A unit's activations have one scale; a block may end within it.
    const int64_t step = ScaleShift == 0 ? 1 : BookProducts::kChunks;
    Vec sums[4] = {hn::Zero(kTag), hn::Zero(kTag), hn::Zero(kTag),
                   hn::Zero(kTag)};
    for (int64_t chunk = 0; chunk < Chunks; chunk += step)
      addChunks(codes + chunk * kChunkBytes, step,
                scales + (chunk >> ScaleShift) * kGroupRows,
                x.products[Book::kIndex][chunk / BookProducts::kChunks],
                chunk % BookProducts::kChunks, sums);
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i)
      hn::StoreU(sumOfBlocks(kTag, sums[i]), hn::FixedTag<float, 4>(),
                 y + 4 * i);
  }

private:
  static constexpr int64_t kChunkBytes = 16 * kGroupRows;
  static constexpr int64_t kVectorBytes = kLanes * 4;
  static_assert(kGroupRows == 16, "a block has a byte of each row");

  /// Sums of even bytes, which are those of all words less the odd ones, and of
  /// odd ones.
  struct PlaneSums {
    hn::Vec<Short> All;
    hn::Vec<Short> Odd;

    HWY_INLINE PlaneSums() : All(hn::Zero(Short())), Odd(hn::Zero(Short())) {}
    HWY_INLINE void add(hn::Vec<Byte> bytes) {
      const auto words = hn::BitCast(Short(), bytes);
      All = hn::Add(All, words);
      Odd = hn::Add(Odd, hn::ShiftRight<8>(words));
    }
    HWY_INLINE hn::Vec<Short> even() const {
      return hn::Sub(All, hn::ShiftLeft<8>(Odd));
    }
  };

  /// sums[i] += rows 4i … 4i + 3 of `chunks` chunks, a share in each block.
  static HWY_INLINE void addChunks(const uint8_t *codes, int64_t chunks,
                                   const float *scales, const BookProducts &x,
                                   int64_t first, Vec (&sums)[4]) {
    const Byte byteTag;
    const auto mask = hn::Set(byteTag, 15);
    const uint8_t *tables = x.tables[first * kChunk * 3];
    PlaneSums planes[3];
    const uint8_t *end = codes + chunks * kChunkBytes;
#pragma GCC unroll 1
    while (codes < end) {
      prefetchFar(codes);
#pragma GCC unroll 4
      for (int64_t i = 0; i < 64; i += kVectorBytes, codes += kVectorBytes) {
        const auto both = hn::LoadU(byteTag, codes);
        const auto low = hn::And(both, mask);
        const auto high = hn::And(
            hn::BitCast(byteTag, hn::ShiftRight<4>(hn::BitCast(Short(), both))),
            mask);
#pragma GCC unroll 3
        for (int plane = 0; plane < 3; ++plane, tables += kVectorBytes) {
          planes[plane].add(
              hn::TableLookupBytes(hn::Load(byteTag, tables), low));
          planes[plane].add(hn::TableLookupBytes(
              hn::Load(byteTag, tables + 3 * kVectorBytes), high));
        }
        tables += 3 * kVectorBytes;
      }
    }
    prefetchFar(scales);
    addRows(planes[0].even(), planes[1].even(), planes[2].even(), chunks, x,
            scales, sums);
    addRows(planes[0].Odd, planes[1].Odd, planes[2].Odd, chunks, x, scales + 8,
            sums + 2);
  }

  /// Sums of eight rows, which are bytes in each block.
  static HWY_INLINE void addRows(hn::Vec<Short> plane0, hn::Vec<Short> plane1,
                                 hn::Vec<Short> plane2, int64_t chunks,
                                 const BookProducts &x, const float *scales,
                                 Vec *sums) {
    const auto none = hn::Zero(Short());
    const auto add = [&](hn::Vec<Short> lower, hn::Vec<Short> upper,
                         const float *scale, Vec &sum) HWY_ATTR {
      const hn::Repartition<int16_t, Tag> pairs;
      const auto weights = hn::BitCast(pairs, hn::Set(Int(), 1 | 1 << 24));
      const auto all = hn::Add(multiplyWide(hn::BitCast(pairs, lower), weights),
                               hn::ShiftLeft<16>(hn::BitCast(Int(), upper)));
      // Products are that much more, a block has kBytesTogether of them.
      const auto middle =
          hn::Set(Int(), static_cast<int32_t>(chunks * kChunk / kBytesTogether *
                                              BookProducts::kMiddle));
      const Vec number = hn::ConvertTo(kTag, hn::Sub(all, middle));
      sum = hn::MulAdd(hn::Mul(number, hn::Set(kTag, x.scale)),
                       hn::LoadDup128(kTag, scale), sum);
    };
    add(hn::InterleaveLower(Short(), plane0, plane1),
        hn::InterleaveLower(Short(), plane2, none), scales, sums[0]);
    add(hn::InterleaveUpper(Short(), plane0, plane1),
        hn::InterleaveUpper(Short(), plane2, none), scales + 4, sums[1]);
  }

  template <class D>
  static HWY_INLINE hn::Vec<hn::FixedTag<float, 4>> sumOfBlocks(D d,
                                                                hn::Vec<D> v) {
    if constexpr (hn::MaxLanes(D()) == 4) {
      return v;
    } else {
      const hn::Half<D> half;
      return sumOfBlocks(
          half, hn::Add(hn::LowerHalf(half, v), hn::UpperHalf(half, v)));
    }
  }
};
#endif

} // namespace HWY_NAMESPACE
} // namespace qzc::runtime::cpu
HWY_AFTER_NAMESPACE();

#endif
