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

/// to[col][row] = the columns of a chunk of a group's rows.
HWY_INLINE void decodeChunk(const uint8_t *codes, const hwy::float16_t *scales,
                            float (*to)[kGroupRows]) {
  const hn::RebindToUnsigned<Tag> wordTag;
  const hn::RebindToSigned<Tag> wide;
  const auto mask = hn::Set(wordTag, 15);
  const Vec middle = hn::Set(kTag, 8);
  for (int64_t row = 0; row < kGroupRows; row += kLanes) {
    const Vec scale = loadAsF32(kTag, scales + row);
    for (int word = 0; word < 4; ++word) {
      auto rest = hn::LoadU(wordTag, reinterpret_cast<const uint32_t *>(codes) +
                                         word * kGroupRows + row);
      // Byte i of a word has elements 4 · word + i and 16 more.
      for (int nibble = 0; nibble < 8; ++nibble) {
        const int col = nibble % 2 * 16 + 4 * word + nibble / 2;
        const Vec code =
            hn::ConvertTo(kTag, hn::BitCast(wide, hn::And(rest, mask)));
        hn::StoreU(hn::Mul(hn::Sub(code, middle), scale), kTag, to[col] + row);
        rest = hn::ShiftRight<4>(rest);
      }
    }
  }
}

void packPanelGroups(const GroupedView &weight, int64_t rowBegin, int64_t rows,
                     int64_t colBegin, int64_t cols, float *packed) {
  const int64_t chunks = weight.shape.cols / kChunk;
  if (rows < kPanel)
    __builtin_memset(packed, 0, sizeof(float) * cols * kPanel);
  HWY_ALIGN float decoded[kChunk][kGroupRows];
  for (int64_t first = rowBegin & -kGroupRows; first < rowBegin + rows;
       first += kGroupRows) {
    const auto *codes = reinterpret_cast<const uint8_t *>(weight.data) +
                        first / kGroupRows * groupBytes(weight.shape);
    const auto *scales = reinterpret_cast<const hwy::float16_t *>(
        codes + chunks * kGroupedChunkBytes);
    const int64_t begin = HWY_MAX(first, rowBegin);
    const int64_t end = HWY_MIN(first + kGroupRows, rowBegin + rows);
    for (int64_t col = 0; col < cols; col += kChunk) {
      const int64_t chunk = (colBegin + col) / kChunk;
      decodeChunk(codes + chunk * kGroupedChunkBytes,
                  scales + chunk / chunksOfScale(weight.shape) * kGroupRows,
                  decoded);
      for (int64_t i = 0; i < kChunk; ++i)
        __builtin_memcpy(packed + (col + i) * kPanel + begin - rowBegin,
                         decoded[i] + begin - first,
                         sizeof(float) * (end - begin));
    }
  }
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
