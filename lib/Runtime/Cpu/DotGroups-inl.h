//===- DotGroups-inl.h - Dot products of rows side by side ------*- C++ -*-===//
//
// Of weights in groups of rows (RowGroups.h) times digits as in
// DotDigits-inl.h. A chunk's words are summed before they become f32. Code
// books: see DotBookGroups-inl.h.
//
// Included once for each namespace of kernels, QZC_DOT_NAMESPACE, as
// DotDigits-inl.h.
//
//===----------------------------------------------------------------------===//

#include "DotBookGroups-inl.h"
#include "DotBookProducts-inl.h"
#include "DotDigits-inl.h"
#include "GroupScales-inl.h"

QZC_BEFORE_DOTS
namespace qzc::runtime::cpu {
namespace QZC_DOT_NAMESPACE {

/// Vectors of a group's rows.
static constexpr int kParts = static_cast<int>(kGroupRows / kLanes);
/// Of these so many side by side: they share broadcast activations.
static constexpr int kPartsTogether = kParts == 1 ? 1 : 2;

/// A vector for each of the parts that are read together.
template <class D> struct Parts {
  hn::Vec<D> of[kPartsTogether];

  static HWY_INLINE Parts zero() {
    Parts parts;
#pragma GCC unroll 2
    for (auto &part : parts.of)
      part = hn::Zero(D());
    return parts;
  }
};

/// Sums of products by digits over some of a chunk's words.
class WordSums {
public:
  HWY_INLINE WordSums() {
#pragma GCC unroll 3
    for (auto &digit : Sums)
      digit = Parts<SumTag>::zero();
  }

  /// Adds the products of a field of a word's codes and a token's digits.
  template <int Fields>
  HWY_INLINE void add(const Parts<WordTag> &codes, const DigitStrip<Fields> &x,
                      int64_t place, int field, int word) {
#pragma GCC unroll 3
    for (int digit = 0; digit < 3; ++digit) {
      uint32_t four;
      __builtin_memcpy(&four, x.digits[digit][field][place] + 4 * word,
                       sizeof four);
      const WordVec digits = hn::Set(WordTag(), four);
#pragma GCC unroll 2
      for (int part = 0; part < kPartsTogether; ++part) {
        auto &sum = Sums[digit].of[part];
        sum = addTo(sum, codes.of[part], digits);
      }
    }
  }

  HWY_INLINE IntVec wide(int digit, int part) const {
#ifdef QZC_DOT_VNNI
    return Sums[digit].of[part];
#else
    return widenPairs(Sums[digit].of[part], 1);
#endif
  }

  /// How many of a chunk's `words` may be added, so that sums of pairs fit.
  static constexpr int most(int bits, int words) {
#ifdef QZC_DOT_VNNI
    return words;
#else
    return bits >= 5 ? words / 2 : words;
#endif
  }

private:
#ifdef QZC_DOT_VNNI
  using SumTag = IntTag;
  static HWY_INLINE IntVec addTo(IntVec sum, WordVec codes, WordVec digits) {
    return addProducts(sum, codes, digits);
  }
#else
  // Of eight pairs at most 8 · 15 · 128 · 2, of four 4 · 31 · 128 · 2, of two
  // 2 · 63 · 128 · 2.
  using SumTag = ShortTag;
  static HWY_INLINE ShortVec addTo(ShortVec sum, WordVec codes,
                                   WordVec digits) {
    return hn::Add(sum, multiplyPairs(codes, digits));
  }
#endif
  Parts<SumTag> Sums[3];
};

/// A chunk's codes in a group: its words of low bits, then one of high bits or,
/// of two of them, one for each field.
template <int Bits> struct GroupCodes {
  static constexpr int kLow = Bits == 8 ? 8 : Bits <= 3 ? 2 : 4;
  static constexpr int kFields = 8 / kLow;
  static constexpr int kWords = kLow;
  static constexpr int kHigh = Bits - kLow;
  static_assert(kHigh <= 1 || (kHigh == 2 && kFields == 2));
  static constexpr bool kHasHigh = kHigh != 0;
  /// Bits of a byte of high bits that belong to one word, and to one field.
  static constexpr int kHighStep = kLow == 4 ? kHigh : 4;
  static constexpr int kFieldStep = kHigh == 2 ? 0 : kLow == 4 ? 4 : 1;

  /// Of a word's field; `high` begins with the word's bits.
  static HWY_INLINE WordVec field(WordVec low, WordVec high, int field) {
    if constexpr (Bits == 8)
      return low;
    const WordVec codes =
        hn::And(hn::ShiftRightSame(low, kLow * field), bytes((1 << kLow) - 1));
    if constexpr (!kHasHigh)
      return codes;
    const int up = kLow - kFieldStep * field;
    return hn::OrAnd(codes,
                     up >= 0 ? hn::ShiftLeftSame(high, up)
                             : hn::ShiftRightSame(high, -up),
                     bytes((1 << Bits) - (1 << kLow)));
  }

private:
  static HWY_INLINE WordVec bytes(uint32_t byte) {
    return hn::Set(WordTag(), byte * 0x01010101u);
  }
};

/// Rows of a scheme (Schemes/Planar-inl.h) in groups.
template <typename Row> class GroupRows : GroupedRows {
  using Source = typename Row::Source;
  using Scales = GroupScalesOf<Source>;
  using Codes = GroupCodes<Row::kBits>;
  using Strip = DigitStrip<Codes::kFields>;

public:
  explicit GroupRows(const GroupedView &weight) : GroupedRows(weight) {}

  /// y[i] = row i of the group · x
  HWY_INLINE void dot(int64_t group, const Activations &x, float *y) const {
    const uint8_t *codes = Data + group * Bytes;
    for (int part = 0; part < kParts; part += kPartsTogether)
      dotParts(codes + part * kLanes * 4, codes + Chunks * kChunkBytes,
               part * kLanes, stripsOf(x), y + part * kLanes);
  }

private:
  static constexpr int64_t kWordBytes = kGroupRows * 4;
  static constexpr int64_t kChunkBytes = Row::kBits * kWordBytes;
  /// The code that stands for 0 or, where there are addends, the middle one.
  static constexpr int middle() {
    if constexpr (Source::kAddends)
      return 1 << (Row::kBits - 1);
    else
      return Source::kMiddle;
  }
  static constexpr int kMiddle = middle();

  static HWY_INLINE const Strip *stripsOf(const Activations &x) {
    if constexpr (Codes::kFields == 1)
      return x.bytes;
    else if constexpr (Codes::kFields == 2)
      return x.nibbles;
    else
      return x.crumbs;
  }

  HWY_INLINE void dotParts(const uint8_t *codes, const uint8_t *scales,
                           int64_t row, const Strip *x, float *y) const {
    auto sums = Parts<Tag>::zero();
    for (int64_t chunk = 0; chunk < Chunks; ++x) {
      const int64_t end = HWY_MIN(chunk + kStripChunks, Chunks);
      for (int64_t at = 0; chunk < end; ++chunk, ++at)
        addChunk(codes + chunk * kChunkBytes,
                 scales + (chunk >> ScaleShift) * Scales::kBlockBytes, chunk,
                 row, *x, at, sums);
    }
#pragma GCC unroll 2
    for (int part = 0; part < kPartsTogether; ++part)
      hn::StoreU(sums.of[part], kTag, y + part * kLanes);
  }

  static HWY_INLINE Parts<WordTag> loadWord(const uint8_t *from) {
    Parts<WordTag> word;
    prefetchFar(from);
#pragma GCC unroll 2
    for (int part = 0; part < kPartsTogether; ++part)
      word.of[part] = hn::LoadU(
          WordTag(), reinterpret_cast<const uint32_t *>(from) + part * kLanes);
    return word;
  }

  using Digits = Parts<IntTag>[3];

  static HWY_INLINE void addChunk(const uint8_t *codes, const uint8_t *block,
                                  int64_t chunk, int64_t row, const Strip &x,
                                  int64_t at, Parts<Tag> &sums) {
    if constexpr (Source::kHalves) {
      // A field is a half.
      addFields<0, 1>(codes, block, chunk, row, x, at, sums);
      addFields<1, 2>(codes, block, chunk, row, x, at, sums);
    } else {
      addFields<0, Codes::kFields>(codes, block, chunk, row, x, at, sums);
    }
  }

  /// Adds fields [First, Last) of a chunk.
  template <int First, int Last>
  static HWY_INLINE void addFields(const uint8_t *codes, const uint8_t *block,
                                   int64_t chunk, int64_t row, const Strip &x,
                                   int64_t at, Parts<Tag> &sums) {
    Digits digits = {Parts<IntTag>::zero(), Parts<IntTag>::zero(),
                     Parts<IntTag>::zero()};
    multiplyFields<First, Last>(codes, x, at, digits);
    const Vec ofX = hn::Set(kTag, x.scales[at]);
#pragma GCC unroll 2
    for (int part = 0; part < kPartsTogether; ++part) {
      const Vec sum = numbers<First>(digits, part, x, at);
      Vec scale;
      Vec second;
      Scales::read(block, chunk, row + part * kLanes, scale, second);
      sums.of[part] = hn::MulAdd(hn::Mul(sum, ofX), First == 0 ? scale : second,
                                 sums.of[part]);
      if constexpr (Source::kAddends)
        sums.of[part] = hn::MulAdd(addend(scale, second),
                                   hn::Set(kTag, x.sums[at]), sums.of[part]);
    }
  }

  template <int First, int Last>
  static HWY_INLINE void multiplyFields(const uint8_t *codes, const Strip &x,
                                        int64_t at, Digits &digits) {
    constexpr int kTogether = WordSums::most(Row::kBits, Codes::kWords);
    auto high = Parts<WordTag>::zero();
    if constexpr (Codes::kHasHigh)
      high =
          loadWord(codes + (Codes::kWords + (Codes::kHigh == 2 ? First : 0)) *
                               kWordBytes);
    for (int first = 0; first < Codes::kWords; first += kTogether) {
      WordSums some;
      // A loop: of four words at once GCC would keep the products in memory.
#pragma GCC unroll 1
      for (int word = first; word < first + kTogether; ++word) {
        const Parts<WordTag> low = loadWord(codes + word * kWordBytes);
#pragma GCC unroll 4
        for (int field = First; field < Last; ++field) {
          Parts<WordTag> fields;
#pragma GCC unroll 2
          for (int part = 0; part < kPartsTogether; ++part)
            fields.of[part] = Codes::field(low.of[part], high.of[part], field);
          some.add(fields, x, kStripMargin + at, field, word);
        }
        if constexpr (Codes::kHasHigh)
#pragma GCC unroll 2
          for (auto &part : high.of)
            part = hn::ShiftRight<Codes::kHighStep>(part);
      }
#pragma GCC unroll 3
      for (int digit = 0; digit < 3; ++digit)
#pragma GCC unroll 2
        for (int part = 0; part < kPartsTogether; ++part)
          digits[digit].of[part] =
              hn::Add(digits[digit].of[part], some.wide(digit, part));
    }
  }

  /// Of codes less the middle one, in units of the activations' scale: sums
  /// stay small, and with them what their conversion to f32 rounds away.
  template <int First>
  static HWY_INLINE Vec numbers(const Digits &digits, int part, const Strip &x,
                                int64_t at) {
    const auto less = [](IntVec sum, int32_t of) HWY_ATTR {
      return hn::Sub(
          sum, hn::Set(IntTag(), static_cast<int32_t>(
                                     static_cast<uint32_t>(of) * kMiddle)));
    };
    if constexpr (Row::kBits <= 4) {
      // As 32-bit numbers modulo 2^32: codes less 8 times integers below
      // 127 · 2^16 are, of 32 elements, below 2^31.
      const IntVec high =
          hn::Add(hn::ShiftLeft<8>(digits[0].of[part]), digits[1].of[part]);
      const IntVec all = hn::Add(hn::ShiftLeft<8>(high), digits[2].of[part]);
      return hn::ConvertTo(kTag, less(all, x.chunkSums[at]));
    } else {
      // Each digit's sum is an f32.
      const auto &digitSums = Source::kHalves
                                  ? x.halfDigitSums[Source::kHalves ? First : 0]
                                  : x.digitSums;
      const auto number = [&](int digit) HWY_ATTR {
        return hn::ConvertTo(
            kTag, less(digits[digit].of[part], digitSums[digit][at]));
      };
      const Vec base = hn::Set(kTag, 256.0f);
      return hn::MulAdd(hn::MulAdd(number(0), base, number(1)), base,
                        number(2));
    }
  }

  /// What a chunk's activations add, from its scale and what is beside it.
  static HWY_INLINE Vec addend(Vec scale, Vec second) {
    const Vec code = hn::Set(kTag, static_cast<float>(kMiddle));
    if constexpr (Source::kAffine)
      return hn::MulAdd(scale, code, second);
    else
      return hn::Mul(hn::Sub(code, second), scale);
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

template <typename Row> struct MatVecGroups {
  static void run(const GroupedView &weight, int64_t rowBegin, int64_t rowEnd,
                  const Activations *x, int64_t columns, float *y,
                  int64_t yStride) {
    QZC_DOT_NAMESPACE::runGroups(GroupRows<Row>(weight), rowBegin, rowEnd, x,
                                 columns, y, yStride);
  }
};

/// As KernelTable::matVecGroups.
void matVecGroups(const GroupedView &weight, int64_t rowBegin, int64_t rowEnd,
                  const Activations *x, int64_t columns, float *y,
                  int64_t yStride) {
  const auto run = [&](const auto &groups) HWY_ATTR {
    QZC_DOT_NAMESPACE::runGroups(groups, rowBegin, rowEnd, x, columns, y,
                                 yStride);
  };
  if (weight.shape.scheme == format::Scheme::Nf4)
    return run(BookGroupRows<Nf4Book>(weight));
  if (weight.shape.scheme == format::Scheme::Fp4)
    return run(BookGroupRows<Fp4Book>(weight));
#ifdef QZC_DOT_VNNI
  if (withGroupedByteRow<MatVecGroups>(weight.shape, weight, rowBegin, rowEnd,
                                       x, columns, y, yStride))
    return;
#endif
  withPlanarRow<MatVecGroups>(weight.shape, weight, rowBegin, rowEnd, x,
                              columns, y, yStride);
}

} // namespace QZC_DOT_NAMESPACE
} // namespace qzc::runtime::cpu
HWY_AFTER_NAMESPACE();
