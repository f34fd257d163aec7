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
#include "PackGroups-inl.h"
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

void packPanelGroups(const GroupedView &weight, int64_t rowBegin, int64_t rows,
                     int64_t colBegin, int64_t cols, float *packed) {
  if (weight.shape.scheme == format::Scheme::Nf4)
    return packGroups<BookChunk<Nf4Book>>(weight, rowBegin, rows, colBegin,
                                          cols, packed);
  if (weight.shape.scheme == format::Scheme::Fp4)
    return packGroups<BookChunk<Fp4Book>>(weight, rowBegin, rows, colBegin,
                                          cols, packed);
#if HWY_TARGET == HWY_AVX3
  if (withGroupedByteRow<PackLinearGroups>(weight.shape, weight, rowBegin, rows,
                                           colBegin, cols, packed))
    return;
#endif
  withPlanarRow<PackLinearGroups>(weight.shape, weight, rowBegin, rows,
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
