//===- DotBooks-inl.h - Dot products of code books --------------*- C++ -*-===//
//
// Codes of four bits become the f32 entries of their book, without rounding.
//
//===----------------------------------------------------------------------===//

#if defined(QZC_RUNTIME_CPU_DOTBOOKS_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef QZC_RUNTIME_CPU_DOTBOOKS_INL_H
#undef QZC_RUNTIME_CPU_DOTBOOKS_INL_H
#else
#define QZC_RUNTIME_CPU_DOTBOOKS_INL_H
#endif

#include "Schemes/CodeBook-inl.h"

HWY_BEFORE_NAMESPACE();
namespace qzc::runtime::cpu {
namespace HWY_NAMESPACE {

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

/// A weight of a code book (DotChunks-inl.h says what that is).
template <typename Book, typename Source> class BookWeight {
  using Wide = hn::RebindToUnsigned<Tag>;

public:
  using Strip = TurnedStrip;
  static constexpr int64_t kPerVector = kChunks;
  static constexpr int kStreams = kRegisters == 32 ? 4 : 1;
  static constexpr int64_t kAlign = 1;
  static constexpr int64_t kSlack = HWY_TARGET == HWY_AVX3 ? 1 : 0;
  static constexpr bool kAddends = false;

  explicit BookWeight(const format::PackedView &weight)
      : Codes(reinterpret_cast<const uint8_t *>(weight.parts[0])),
        Beside(weight) {}

  static HWY_INLINE const Strip *stripsOf(const Activations &x) {
    return x.turned;
  }

  class Scales {
  public:
    HWY_INLINE void read(const BookWeight &of, int64_t first, int64_t count,
                         const Strip &) {
      const typename Source::Strip strip(of.Beside, first, count);
      for (int64_t i = 0; i < count; i += kLanes) {
        Vec scale;
        Vec none;
        strip.at(i, scale, none);
        hn::Store(scale, kTag, Values + i);
      }
    }
    HWY_INLINE Vec at(int64_t chunk) const {
      return spreadOverChunks(Values + chunk);
    }

  private:
    HWY_ALIGN float Values[kStripChunks + 16];
  };

  template <bool Whole, int Streams>
  HWY_INLINE void
  add(int64_t chunk, int64_t stride, int64_t count, const Strip &x, int64_t at,
      const Scales (&scales)[Streams], Vec (&sums)[Streams]) const {
#pragma GCC unroll 4
    for (int i = 0; i < Streams; ++i) {
      const uint8_t *codes = Codes + (chunk + i * stride) * (kChunk / 2);
      prefetchCodes<Streams>(codes, stride * (kChunk / 2));
      sums[i] = hn::MulAdd(dot<Whole>(codes, count, x, kStripMargin + at),
                           scales[i].at(at), sums[i]);
    }
  }

private:
  const uint8_t *Codes;
  Source Beside;

  /// Entries of the book times activations, summed over lanes of one chunk. If
  /// Whole, three more bytes of codes may be read.
  template <bool Whole>
  static HWY_INLINE Vec dot(const uint8_t *codes, int64_t count, const Strip &x,
                            int64_t place) {
    const auto row = [&](int64_t i)
                         HWY_ATTR { return hn::LoadU(kTag, x.rows[i][place]); };
    // Bytes `skip` + 4i in the low byte of lane i.
    const auto load = [&](int64_t skip) HWY_ATTR {
      return hn::LoadU(Wide(),
                       reinterpret_cast<const uint32_t *>(codes + skip));
    };
    hn::Vec<Wide> words;
    if constexpr (Whole) {
      words = load(0);
    } else {
      HWY_ALIGN uint32_t some[kLanes] = {};
      __builtin_memcpy(some, codes, static_cast<size_t>(count * kChunk / 2));
      words = hn::Load(Wide(), some);
    }
#if HWY_TARGET == HWY_AVX3
    // The permutation looks at the low four bits only.
    const Vec book = hn::LoadU(kTag, Book::kValues);
    const auto value = [&](hn::Vec<Wide> lanes) HWY_ATTR {
      return hn::TableLookupLanes(book, hn::IndicesFromVec(kTag, lanes));
    };
    // Loads cost less here than shifts.
    const auto word8 = Whole ? load(1) : hn::ShiftRight<8>(words);
    const auto word16 = Whole ? load(2) : hn::ShiftRight<16>(words);
    const auto word24 = Whole ? load(3) : hn::ShiftRight<24>(words);
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
    lookUp(hn::And(words, mask), values);
    Vec sum0 = hn::Mul(values[0], row(0));
    Vec sum1 = hn::Mul(values[1], row(1));
    sum0 = hn::MulAdd(values[2], row(2), sum0);
    sum1 = hn::MulAdd(values[3], row(3), sum1);
    lookUp(hn::And(hn::ShiftRight<4>(words), mask), values);
    sum0 = hn::MulAdd(values[0], row(4), sum0);
    sum1 = hn::MulAdd(values[1], row(5), sum1);
    sum0 = hn::MulAdd(values[2], row(6), sum0);
    sum1 = hn::MulAdd(values[3], row(7), sum1);
    return hn::Add(sum0, sum1);
#endif
  }

#if HWY_TARGET != HWY_AVX3
  /// The entries of a vector of codes as bytes: byte 4i + lane of a block
  /// becomes that lane of values[i].
  static HWY_INLINE void lookUp(hn::Vec<Wide> codes, Vec (&values)[4]) {
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
};

/// Rows of whole chunks by vectors of them, others element by element.
template <typename Row> struct MatVecBook {
  static float dotByElements(const Row &row, const float *x) {
    float sum = 0;
    for (int64_t col = 0; col < row.Cols; ++col)
      sum += row.at(col) * x[col];
    return sum;
  }
  static void run(const format::PackedView &weight, int64_t rowBegin,
                  int64_t rowEnd, const Activations *x, int64_t columns,
                  float *y, int64_t yStride) {
    if (weight.shape.cols % kChunk == 0)
      return runChunkRows<BookWeight<typename Row::Book, typename Row::Source>>(
          weight, rowBegin, rowEnd, x, columns, y, yStride);
    for (int64_t row = rowBegin; row < rowEnd; ++row, ++y) {
      const Row weights(weight, row);
      for (int64_t column = 0; column < columns; ++column)
        y[column * yStride] = dotByElements(weights, x[column].values);
    }
  }
};

} // namespace HWY_NAMESPACE
} // namespace qzc::runtime::cpu
HWY_AFTER_NAMESPACE();

#endif
