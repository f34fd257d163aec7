//===- PackGroups-inl.h - Decoding weights in groups of rows ----*- C++ -*-===//

#if defined(QZC_RUNTIME_CPU_PACKGROUPS_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef QZC_RUNTIME_CPU_PACKGROUPS_INL_H
#undef QZC_RUNTIME_CPU_PACKGROUPS_INL_H
#else
#define QZC_RUNTIME_CPU_PACKGROUPS_INL_H
#endif

#include "GroupScales-inl.h"
#include "Schemes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace qzc::runtime::cpu {
namespace HWY_NAMESPACE {

/// How a chunk of a group becomes numbers: `column` is that of a byte of a word
/// of low bits, in which it has a field.
template <typename Row> struct LinearCodes {
  using Words = hn::RebindToUnsigned<Tag>;
  static constexpr int kBits = Row::kBits;
  static constexpr int kLow = kBits == 8 ? 8 : kBits <= 3 ? 2 : 4;
  static constexpr int kHigh = kBits - kLow;

  static int column(int word, int byte, int field) {
    return kLow == 4 ? 16 * field + 4 * word + byte
                     : 32 / kLow * word + 4 * field + byte;
  }
  /// The word of the high bits, and their shift.
  static int highWord(int field) { return kLow + (kHigh == 2 ? field : 0); }
  static int highShift(int word, int byte, int field) {
    return 8 * byte + (kHigh == 2  ? 2 * word
                       : kLow == 4 ? 4 * field + word
                                   : 4 * word + field);
  }

  struct Scales {
    Vec Scale;
    Vec Second;
    Vec SecondHalf; ///< the scale of field 1, where halves have their own

    HWY_INLINE Scales(const uint8_t *block, int64_t chunk, int64_t row) {
      GroupScalesOf<typename Row::Source>::read(block, chunk, row, Scale,
                                                Second);
      if constexpr (Row::Source::kHalves)
        SecondHalf = Second;
      if constexpr (!Row::Source::kAddends)
        Second = hn::Set(kTag, static_cast<float>(Row::Source::kMiddle));
    }
    HWY_INLINE Vec value(hn::Vec<Words> codes, int field) const {
      const Vec number =
          hn::ConvertTo(kTag, hn::BitCast(hn::RebindToSigned<Tag>(), codes));
      if constexpr (Row::Source::kAffine)
        return hn::Add(hn::Mul(number, Scale), Second);
      else if constexpr (Row::Source::kHalves)
        return hn::Mul(hn::Sub(number, Second),
                       field == 0 ? Scale : SecondHalf);
      else
        return hn::Mul(hn::Sub(number, Second), Scale);
    }
  };
};
/// to[col][row] = the columns of a chunk of a group's rows.
template <typename Codes>
HWY_INLINE void decodeLinear(const uint8_t *codes, const uint8_t *scales,
                             int64_t chunk, float (*to)[kGroupRows]) {
  const typename Codes::Words wordTag;
  const auto load = [&](int word, int64_t row) HWY_ATTR {
    return hn::LoadU(wordTag, reinterpret_cast<const uint32_t *>(codes) +
                                  word * kGroupRows + row);
  };
  for (int64_t row = 0; row < kGroupRows; row += kLanes) {
    const typename Codes::Scales scale(scales, chunk, row);
    for (int word = 0; word < Codes::kLow; ++word) {
      auto rest = load(word, row);
      for (int byte = 0; byte < 4; ++byte)
        for (int field = 0; field < 8 / Codes::kLow; ++field) {
          auto code = hn::And(rest, hn::Set(wordTag, (1u << Codes::kLow) - 1));
          if constexpr (Codes::kHigh != 0)
            code = hn::Or(
                code,
                hn::ShiftLeft<Codes::kLow>(hn::And(
                    hn::ShiftRightSame(load(Codes::highWord(field), row),
                                       Codes::highShift(word, byte, field)),
                    hn::Set(wordTag, (1u << Codes::kHigh) - 1))));
          hn::StoreU(scale.value(code, field), kTag,
                     to[Codes::column(word, byte, field)] + row);
          rest = hn::ShiftRight<Codes::kLow>(rest);
        }
    }
  }
}

/// The same of a book's codes.
template <typename Book>
HWY_INLINE void decodeBook(const uint8_t *codes, const uint8_t *scales,
                           float (*to)[kGroupRows]) {
  const hn::RebindToUnsigned<Tag> wide;
  for (int64_t row = 0; row < kGroupRows; row += kLanes) {
    const Vec scale =
        hn::LoadU(kTag, reinterpret_cast<const float *>(scales) + row);
    for (int64_t byte = 0; byte < kChunk / 2; ++byte) {
#if HWY_TARGET == HWY_AVX3
      // A word of each row, of four bytes.
      const auto *words = reinterpret_cast<const uint32_t *>(codes);
      const auto pair =
          hn::ShiftRightSame(hn::LoadU(wide, words + byte / 4 * kGroupRows),
                             static_cast<int>(byte % 4 * 8));
#else
      // A byte of each row: of rows i and i + 8 in a word.
      const auto *words =
          reinterpret_cast<const uint16_t *>(codes + byte * kGroupRows);
      const auto pair = hn::ShiftRightSame(
          hn::PromoteTo(
              wide, hn::LoadU(hn::Rebind<uint16_t, Tag>(), words + row % 8)),
          static_cast<int>(row / 8 * 8));
#endif
      const auto put = [&](hn::Vec<decltype(wide)> code, int64_t col) HWY_ATTR {
        hn::StoreU(hn::Mul(bookEntries<Book>(code), scale), kTag,
                   to[col] + row);
      };
      put(hn::ShiftRight<4>(pair), 2 * byte);
      put(pair, 2 * byte + 1);
    }
  }
}

/// How packGroups decodes a chunk.
template <typename Row> struct LinearChunk {
  static HWY_INLINE void decode(const uint8_t *codes, const uint8_t *scales,
                                int64_t chunk, float (*to)[kGroupRows]) {
    decodeLinear<LinearCodes<Row>>(codes, scales, chunk, to);
  }
};
template <typename Book> struct BookChunk {
  static HWY_INLINE void decode(const uint8_t *codes, const uint8_t *scales,
                                int64_t, float (*to)[kGroupRows]) {
    decodeBook<Book>(codes, scales, to);
  }
};

/// As KernelTable::packPanelGroups.
template <typename Chunk>
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
      Chunk::decode(codes + chunk * chunkBytes,
                    scales + chunk / chunksOfScale(weight.shape) * scaleBytes,
                    chunk, decoded);
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
    packGroups<LinearChunk<Row>>(weight, rowBegin, rows, colBegin, cols,
                                 packed);
  }
};

} // namespace HWY_NAMESPACE
} // namespace qzc::runtime::cpu
HWY_AFTER_NAMESPACE();

#endif
