//===- MatMul.cpp - Weights times many tokens -----------------------------===//
//
// Weight rows are decoded once for all tokens into a panel with the rows side
// by side, [cols, kPanel], which the register-blocked product reads vector by
// vector.
//
//===----------------------------------------------------------------------===//

#include "HighwayTargets.h"
#include "KernelParts.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "MatMul.cpp"
#include "hwy/foreach_target.h"

#include "Multiply-inl.h"
#include "Schemes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace qzc::runtime::cpu {
namespace HWY_NAMESPACE {

template <typename Row>
HWY_INLINE void decodeColumns(const Row &row, int64_t begin, int64_t end,
                              float *out) {
  const int64_t vectorEnd = HWY_MIN(row.vectorEnd(), end);
  int64_t col = begin;
  for (; col + kLanes <= vectorEnd; col += kLanes, out += kLanes)
    hn::StoreU(row.load(col), kTag, out);
  for (; col < end; ++col)
    *out++ = row.at(col);
}

/// packed[col][0..3] = rows 0..3 of `decoded` at col; stride kMaxDepth.
HWY_INLINE void interleaveFour(const float *decoded, int64_t cols,
                               float *packed) {
  const hn::FixedTag<float, 4> four;
  const hn::FixedTag<double, 2> two;
  const auto pair = [&](auto v) HWY_ATTR { return hn::BitCast(two, v); };
  int64_t col = 0;
  for (; col + 4 <= cols; col += 4, packed += 4 * kPanel) {
    const float *from = decoded + col;
    const auto row0 = hn::LoadU(four, from);
    const auto row1 = hn::LoadU(four, from + kMaxDepth);
    const auto row2 = hn::LoadU(four, from + 2 * kMaxDepth);
    const auto row3 = hn::LoadU(four, from + 3 * kMaxDepth);
    const auto low01 = pair(hn::InterleaveLower(four, row0, row1));
    const auto low23 = pair(hn::InterleaveLower(four, row2, row3));
    const auto high01 = pair(hn::InterleaveUpper(four, row0, row1));
    const auto high23 = pair(hn::InterleaveUpper(four, row2, row3));
    const auto store = [&](auto v, int64_t at) HWY_ATTR {
      hn::StoreU(hn::BitCast(four, v), four, packed + at * kPanel);
    };
    store(hn::InterleaveLower(two, low01, low23), 0);
    store(hn::InterleaveUpper(two, low01, low23), 1);
    store(hn::InterleaveLower(two, high01, high23), 2);
    store(hn::InterleaveUpper(two, high01, high23), 3);
  }
  for (; col < cols; ++col, packed += kPanel)
    for (int64_t row = 0; row < 4; ++row)
      packed[row] = decoded[row * kMaxDepth + col];
}

template <typename Row> struct PackPanel {
  static void run(const format::PackedView &weight, int64_t rowBegin,
                  int64_t rows, int64_t colBegin, int64_t cols, float *packed) {
    HWY_ALIGN float decoded[4 * kMaxDepth];
    for (int64_t row = 0; row < kPanel; row += 4) {
      for (int64_t i = 0; i < 4; ++i) {
        float *out = decoded + i * kMaxDepth;
        if (row + i < rows)
          decodeColumns(Row(weight, rowBegin + row + i), colBegin,
                        colBegin + cols, out);
        else
          for (int64_t col = 0; col < cols; ++col)
            out[col] = 0;
      }
      interleaveFour(decoded, cols, packed + row);
    }
  }
};

void packPanel(const format::PackedView &weight, int64_t rowBegin, int64_t rows,
               int64_t colBegin, int64_t cols, float *packed) {
  withDenseRow<PackPanel>(weight.shape, weight, rowBegin, rows, colBegin, cols,
                          packed) ||
      withByteRow<PackPanel>(weight.shape, weight, rowBegin, rows, colBegin,
                             cols, packed) ||
      withCodeBookRow<PackPanel>(weight.shape, weight, rowBegin, rows, colBegin,
                                 cols, packed) ||
      withPlanarRow<PackPanel>(weight.shape, weight, rowBegin, rows, colBegin,
                               cols, packed);
}

/// How a chunk of a group becomes numbers: `column` is that of a byte of a word
/// of low bits, in which it has a field.
template <typename Row> struct LinearCodes {
  using Words = hn::RebindToUnsigned<Tag>;
  static constexpr int kBits = Row::kBits;
  static constexpr int kLow = kBits == 8 ? 8 : kBits <= 3 ? 2 : 4;
  static constexpr bool kHasHigh = kBits != kLow;

  static int column(int word, int byte, int field) {
    return kLow == 4 ? 16 * field + 4 * word + byte
                     : 32 / kLow * word + 4 * field + byte;
  }
  /// Shift of the high bit.
  static int highShift(int word, int byte, int field) {
    return 8 * byte + (kLow == 4 ? 4 * field + word : 4 * word + field);
  }

  struct Scales {
    Vec Scale;
    Vec Second;

    HWY_INLINE Scales(const uint8_t *from, int64_t row) {
      const auto *halves = reinterpret_cast<const hwy::float16_t *>(from) + row;
      Scale = loadAsF32(kTag, halves);
      if constexpr (Row::Source::kAddends)
        Second = loadAsF32(kTag, halves + kGroupRows);
      else
        Second = hn::Set(kTag, static_cast<float>(Row::Source::kMiddle));
    }
    HWY_INLINE Vec value(hn::Vec<Words> codes) const {
      const Vec number =
          hn::ConvertTo(kTag, hn::BitCast(hn::RebindToSigned<Tag>(), codes));
      if constexpr (Row::Source::kAffine)
        return hn::Add(hn::Mul(number, Scale), Second);
      else
        return hn::Mul(hn::Sub(number, Second), Scale);
    }
  };
};
template <typename Book> struct BookCodes {
  using Words = hn::RebindToUnsigned<Tag>;
  static constexpr int kBits = 4;
  static constexpr int kLow = 4;
  static constexpr bool kHasHigh = false;

  static int column(int word, int byte, int field) {
    return 8 * word + 2 * byte + 1 - field;
  }

  struct Scales {
    Vec Scale;

    HWY_INLINE Scales(const uint8_t *from, int64_t row)
        : Scale(hn::LoadU(kTag, reinterpret_cast<const float *>(from) + row)) {}
    HWY_INLINE Vec value(hn::Vec<Words> codes) const {
      return hn::Mul(hn::TableLookupLanes(hn::LoadU(kTag, Book::kValues),
                                          hn::IndicesFromVec(kTag, codes)),
                     Scale);
    }
  };
};

/// to[col][row] = the columns of a chunk of a group's rows.
template <typename Codes>
HWY_INLINE void decodeChunk(const uint8_t *codes, const uint8_t *scales,
                            float (*to)[kGroupRows]) {
  const typename Codes::Words wordTag;
  const auto load = [&](int word, int64_t row) HWY_ATTR {
    return hn::LoadU(wordTag, reinterpret_cast<const uint32_t *>(codes) +
                                  word * kGroupRows + row);
  };
  for (int64_t row = 0; row < kGroupRows; row += kLanes) {
    const typename Codes::Scales scale(scales, row);
    auto high = hn::Zero(wordTag);
    if constexpr (Codes::kHasHigh)
      high = load(Codes::kLow, row);
    for (int word = 0; word < Codes::kLow; ++word) {
      auto rest = load(word, row);
      for (int byte = 0; byte < 4; ++byte)
        for (int field = 0; field < 8 / Codes::kLow; ++field) {
          auto code = hn::And(rest, hn::Set(wordTag, (1u << Codes::kLow) - 1));
          if constexpr (Codes::kHasHigh)
            code =
                hn::Or(code, hn::ShiftLeft<Codes::kLow>(hn::And(
                                 hn::ShiftRightSame(
                                     high, Codes::highShift(word, byte, field)),
                                 hn::Set(wordTag, 1))));
          hn::StoreU(scale.value(code), kTag,
                     to[Codes::column(word, byte, field)] + row);
          rest = hn::ShiftRight<Codes::kLow>(rest);
        }
    }
  }
}

template <typename Codes>
HWY_INLINE void packGroups(const GroupedView &weight, int64_t rowBegin,
                           int64_t rows, int64_t colBegin, int64_t cols,
                           float *packed) {
  const int64_t chunks = weight.shape.cols / kChunk;
  const int64_t chunkBytes = groupedChunkBytes(weight.shape);
  const int64_t scaleBytes = groupedScaleBytes(weight.shape) * kGroupRows;
  if (rows < kPanel)
    __builtin_memset(packed, 0, sizeof(float) * cols * kPanel);
  HWY_ALIGN float decoded[kChunk][kGroupRows];
  for (int64_t first = rowBegin & -kGroupRows; first < rowBegin + rows;
       first += kGroupRows) {
    const auto *codes = reinterpret_cast<const uint8_t *>(weight.data) +
                        first / kGroupRows * groupBytes(weight.shape);
    const uint8_t *scales = codes + chunks * chunkBytes;
    const int64_t begin = HWY_MAX(first, rowBegin);
    const int64_t end = HWY_MIN(first + kGroupRows, rowBegin + rows);
    for (int64_t col = 0; col < cols; col += kChunk) {
      const int64_t chunk = (colBegin + col) / kChunk;
      decodeChunk<Codes>(
          codes + chunk * chunkBytes,
          scales + chunk / chunksOfScale(weight.shape) * scaleBytes, decoded);
      for (int64_t i = 0; i < kChunk; ++i)
        __builtin_memcpy(packed + (col + i) * kPanel + begin - rowBegin,
                         decoded[i] + begin - first,
                         sizeof(float) * (end - begin));
    }
  }
}

template <typename Row> struct PackLinearGroups {
  static void run(const GroupedView &weight, int64_t rowBegin, int64_t rows,
                  int64_t colBegin, int64_t cols, float *packed) {
    packGroups<LinearCodes<Row>>(weight, rowBegin, rows, colBegin, cols,
                                 packed);
  }
};

void packPanelGroups(const GroupedView &weight, int64_t rowBegin, int64_t rows,
                     int64_t colBegin, int64_t cols, float *packed) {
#if HWY_TARGET == HWY_AVX3
  if (weight.shape.scheme == format::Scheme::Nf4)
    return packGroups<BookCodes<Nf4Book>>(weight, rowBegin, rows, colBegin,
                                          cols, packed);
  if (weight.shape.scheme == format::Scheme::Fp4)
    return packGroups<BookCodes<Fp4Book>>(weight, rowBegin, rows, colBegin,
                                          cols, packed);
  if (withGroupedByteRow<PackLinearGroups>(weight.shape, weight, rowBegin, rows,
                                           colBegin, cols, packed))
    return;
#endif
  withGroupedRow<PackLinearGroups>(weight.shape, weight, rowBegin, rows,
                                   colBegin, cols, packed);
}

void multiply(const float *a, int64_t aStride, int64_t rows, const float *b,
              int64_t bStride, int64_t depth, int64_t cols, float *c,
              int64_t cStride, bool accumulate) {
  multiplyRows(a, aStride, rows, b, bStride, depth, cols, c, cStride,
               accumulate);
}

} // namespace HWY_NAMESPACE
} // namespace qzc::runtime::cpu
HWY_AFTER_NAMESPACE();
