//===- DotGroups-inl.h - Dot products of rows side by side ------*- C++ -*-===//
//
// Of weights in groups of rows (RowGroups.h) times digits as in
// DotDigits-inl.h. The sums of a chunk's four words are added up before they
// become f32: as 32-bit numbers modulo 2^32, as codes less 8 times integers
// below 127 · 2^16 are, of 32 elements, below 2^31. Code books: see
// DotBookGroups-inl.h.
//
// Included once for each namespace of kernels, QZC_DOT_NAMESPACE, as
// DotDigits-inl.h.
//
//===----------------------------------------------------------------------===//

#include "DotBookGroups-inl.h"
#include "DotDigits-inl.h"

QZC_BEFORE_DOTS
namespace qzc::runtime::cpu {
namespace QZC_DOT_NAMESPACE {

/// Vectors of a group's rows.
static constexpr int kParts = static_cast<int>(kGroupRows / kLanes);
/// Of these so many side by side: they share broadcast activations.
static constexpr int kPartsTogether = kParts == 1 ? 1 : 2;

/// Sums over a chunk, by digits, for kPartsTogether vectors of rows.
class ChunkSums {
public:
  HWY_INLINE ChunkSums() {
#pragma GCC unroll 3
    for (int digit = 0; digit < 3; ++digit)
#pragma GCC unroll 2
      for (int part = 0; part < kPartsTogether; ++part)
        Sums[digit][part] = hn::Zero(SumTag());
  }

  /// Adds the products of a word's codes and a token's digits.
  HWY_INLINE void add(const WordVec (&codes)[kPartsTogether][2],
                      const DigitStrip<2> &x, int64_t place, int word) {
#pragma GCC unroll 3
    for (int digit = 0; digit < 3; ++digit)
#pragma GCC unroll 2
      for (int field = 0; field < 2; ++field) {
        uint32_t four;
        __builtin_memcpy(&four, x.digits[digit][field][place] + 4 * word,
                         sizeof four);
        const WordVec digits = hn::Set(WordTag(), four);
#pragma GCC unroll 2
        for (int part = 0; part < kPartsTogether; ++part) {
          auto &sum = Sums[digit][part];
          sum = addTo(sum, codes[part][field], digits);
        }
      }
  }

  /// Of all digits.
  HWY_INLINE IntVec total(int part) const {
    const IntVec high = hn::Add(hn::ShiftLeft<8>(wide(0, part)), wide(1, part));
    return hn::Add(hn::ShiftLeft<8>(high), wide(2, part));
  }

private:
#ifdef QZC_DOT_VNNI
  using SumTag = IntTag;
  static HWY_INLINE IntVec addTo(IntVec sum, WordVec codes, WordVec digits) {
    return addProducts(sum, codes, digits);
  }
  HWY_INLINE IntVec wide(int digit, int part) const {
    return Sums[digit][part];
  }
#else
  // Of eight pairs at most 8 · 15 · 128 · 2.
  using SumTag = ShortTag;
  static HWY_INLINE ShortVec addTo(ShortVec sum, WordVec codes,
                                   WordVec digits) {
    return hn::Add(sum, multiplyPairs(codes, digits));
  }
  HWY_INLINE IntVec wide(int digit, int part) const {
    return widenPairs(Sums[digit][part], 1);
  }
#endif
  hn::Vec<SumTag> Sums[3][kPartsTogether];
};

class GroupRows {
public:
  explicit GroupRows(const GroupedView &weight)
      : Data(reinterpret_cast<const uint8_t *>(weight.data)),
        Chunks(weight.shape.cols / kChunk), Bytes(groupBytes(weight.shape)),
        ScaleShift(__builtin_ctzll(
            static_cast<unsigned long long>(chunksOfScale(weight.shape)))) {}

  /// y[i] = row i of the group · x
  HWY_INLINE void dot(int64_t group, const Activations &x, float *y) const {
    const uint8_t *codes = Data + group * Bytes;
    for (int part = 0; part < kParts; part += kPartsTogether)
      dotParts(codes + part * kLanes * 4,
               codes + Chunks * kGroupedChunkBytes + part * kLanes * 2,
               x.nibbles, y + part * kLanes);
  }

private:
  static constexpr int64_t kWordBytes = kGroupRows * 4;
  static constexpr int64_t kScaleBytes = kGroupRows * 2;

  const uint8_t *Data;
  int64_t Chunks; ///< of a row
  int64_t Bytes;  ///< of a group
  int ScaleShift; ///< chunks of a scale, as a power of two

  HWY_INLINE void dotParts(const uint8_t *codes, const uint8_t *scales,
                           const DigitStrip<2> *x, float *y) const {
    Vec sums[kPartsTogether];
    for (Vec &sum : sums)
      sum = hn::Zero(kTag);
    for (int64_t chunk = 0; chunk < Chunks; ++x) {
      const int64_t end = HWY_MIN(chunk + kStripChunks, Chunks);
      for (int64_t at = 0; chunk < end; ++chunk, ++at)
        addChunk(codes + chunk * kGroupedChunkBytes,
                 scales + (chunk >> ScaleShift) * kScaleBytes, *x, at, sums);
    }
#pragma GCC unroll 2
    for (int part = 0; part < kPartsTogether; ++part)
      hn::StoreU(sums[part], kTag, y + part * kLanes);
  }

  static HWY_INLINE void addChunk(const uint8_t *codes, const uint8_t *scales,
                                  const DigitStrip<2> &x, int64_t at,
                                  Vec (&sums)[kPartsTogether]) {
    ChunkSums lanes;
    const WordVec mask = hn::Set(WordTag(), 0x0f0f0f0f);
    // A loop: of four words at once GCC would keep the products in memory.
#pragma GCC unroll 1
    for (int word = 0; word < 4; ++word) {
      const uint8_t *from = codes + word * kWordBytes;
      prefetchFar(from);
      WordVec fields[kPartsTogether][2];
#pragma GCC unroll 2
      for (int part = 0; part < kPartsTogether; ++part) {
        const WordVec both =
            hn::LoadU(WordTag(),
                      reinterpret_cast<const uint32_t *>(from) + part * kLanes);
        fields[part][0] = hn::And(both, mask);
        fields[part][1] = hn::And(hn::ShiftRight<4>(both), mask);
      }
      lanes.add(fields, x, kStripMargin + at, word);
    }
    prefetchFar(scales);
    const IntVec middle =
        hn::Set(IntTag(), static_cast<int32_t>(x.chunkSums[at]));
    const Vec ofX = hn::Set(kTag, x.scales[at]);
#pragma GCC unroll 2
    for (int part = 0; part < kPartsTogether; ++part) {
      const Vec scale =
          loadAsF32(kTag, reinterpret_cast<const hwy::float16_t *>(scales) +
                              part * kLanes);
      const Vec sum = hn::ConvertTo(kTag, hn::Sub(lanes.total(part), middle));
      sums[part] = hn::MulAdd(hn::Mul(sum, ofX), scale, sums[part]);
    }
  }
};

/// As MatVecFn, of rows that know the dot products of a group.
template <typename Rows>
HWY_INLINE void runGroups(const Rows &groups, int64_t rowBegin, int64_t rowEnd,
                          const Activations *x, int64_t columns, float *y,
                          int64_t yStride) {
  for (int64_t first = rowBegin & -kGroupRows; first < rowEnd;
       first += kGroupRows) {
    const int64_t begin = HWY_MAX(first, rowBegin);
    const int64_t end = HWY_MIN(first + kGroupRows, rowEnd);
    const bool whole = end - begin == kGroupRows;
    for (int64_t column = 0; column < columns; ++column) {
      HWY_ALIGN float some[kGroupRows];
      float *to = y + column * yStride + begin - rowBegin;
      groups.dot(first / kGroupRows, x[column], whole ? to : some);
      if (!whole)
        for (int64_t row = begin; row < end; ++row)
          to[row - begin] = some[row - first];
    }
  }
}

/// As KernelTable::matVecGroups.
void matVecGroups(const GroupedView &weight, int64_t rowBegin, int64_t rowEnd,
                  const Activations *x, int64_t columns, float *y,
                  int64_t yStride) {
  const auto run = [&](const auto &groups) HWY_ATTR {
    QZC_DOT_NAMESPACE::runGroups(groups, rowBegin, rowEnd, x, columns, y,
                                 yStride);
  };
#if HWY_TARGET == HWY_AVX3
  if (weight.shape.scheme == format::Scheme::Nf4)
    return run(BookGroupRows<Nf4Book>(weight));
  if (weight.shape.scheme == format::Scheme::Fp4)
    return run(BookGroupRows<Fp4Book>(weight));
#endif
  run(GroupRows(weight));
}

} // namespace QZC_DOT_NAMESPACE
} // namespace qzc::runtime::cpu
HWY_AFTER_NAMESPACE();
