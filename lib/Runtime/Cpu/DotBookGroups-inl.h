//===- DotBookGroups-inl.h - Dot products of books in groups ----*- C++ -*-===//
//
// Of weights of code books in groups of rows (RowGroups.h): a permutation finds
// the f32 entries of 16 rows, which a broadcast activation is multiplied with.
// For targets whose permutation has 16 entries.
//
//===----------------------------------------------------------------------===//

#if defined(QZC_RUNTIME_CPU_DOTBOOKGROUPS_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef QZC_RUNTIME_CPU_DOTBOOKGROUPS_INL_H
#undef QZC_RUNTIME_CPU_DOTBOOKGROUPS_INL_H
#else
#define QZC_RUNTIME_CPU_DOTBOOKGROUPS_INL_H
#endif

#include "Schemes/CodeBook-inl.h"

HWY_BEFORE_NAMESPACE();
namespace qzc::runtime::cpu {
namespace HWY_NAMESPACE {

#if HWY_TARGET == HWY_AVX3
template <typename Book> class BookGroupRows : GroupedRows {
public:
  explicit BookGroupRows(const GroupedView &weight) : GroupedRows(weight) {}

  /// y[i] = row i of the group · x
  HWY_INLINE void dot(int64_t group, const Activations &x, float *y) const {
    static_assert(kLanes == kGroupRows);
    const uint8_t *codes = Data + group * Bytes;
    const auto *scales =
        reinterpret_cast<const float *>(codes + Chunks * kChunkBytes);
    const Vec book = hn::LoadU(kTag, Book::kValues);
    Vec sum = hn::Zero(kTag);
    for (int64_t chunk = 0; chunk < Chunks; ++chunk) {
      const float *scale = scales + (chunk >> ScaleShift) * kGroupRows;
      prefetchFar(scale);
      sum = hn::MulAdd(dotChunk(book, codes + chunk * kChunkBytes,
                                x.values + chunk * kChunk),
                       hn::LoadU(kTag, scale), sum);
    }
    hn::StoreU(sum, kTag, y);
  }

private:
  static constexpr int64_t kWordBytes = kGroupRows * 4;
  static constexpr int64_t kChunkBytes = 4 * kWordBytes;

  static HWY_INLINE Vec dotChunk(Vec book, const uint8_t *codes,
                                 const float *x) {
    using Words = hn::RebindToUnsigned<Tag>;
    Vec sums[4] = {hn::Zero(kTag), hn::Zero(kTag), hn::Zero(kTag),
                   hn::Zero(kTag)};
#pragma GCC unroll 4
    for (int word = 0; word < 4; ++word, codes += kWordBytes) {
      prefetchFar(codes);
#pragma GCC unroll 4
      for (int byte = 0; byte < 4; ++byte, x += 2) {
        // A load costs less than a shift, and the permutation looks at the low
        // four bits only. Scales follow behind the last codes.
        auto pair = hn::LoadU(Words(),
                              reinterpret_cast<const uint32_t *>(codes + byte));
        // GCC would load it for either nibble.
        asm("" : "+v"(pair.raw));
        const auto add = [&](hn::Vec<Words> code, float activation,
                             Vec &sum) HWY_ATTR {
          const Vec entry =
              hn::TableLookupLanes(book, hn::IndicesFromVec(kTag, code));
          sum = hn::MulAdd(entry, hn::Set(kTag, activation), sum);
        };
        add(hn::ShiftRight<4>(pair), x[0], sums[byte % 2 * 2]);
        add(pair, x[1], sums[byte % 2 * 2 + 1]);
      }
    }
    return hn::Add(hn::Add(sums[0], sums[1]), hn::Add(sums[2], sums[3]));
  }
};
#endif

} // namespace HWY_NAMESPACE
} // namespace qzc::runtime::cpu
HWY_AFTER_NAMESPACE();

#endif
