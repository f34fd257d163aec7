//===- DotF32-inl.h - Dot products in f32 -----------------------*- C++ -*-===//
//
// Of weights whose elements have no scale, or one for the whole row.
//
//===----------------------------------------------------------------------===//

#if defined(QZC_RUNTIME_CPU_DOTF32_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef QZC_RUNTIME_CPU_DOTF32_INL_H
#undef QZC_RUNTIME_CPU_DOTF32_INL_H
#else
#define QZC_RUNTIME_CPU_DOTF32_INL_H
#endif

#include "Schemes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace qzc::runtime::cpu {
namespace HWY_NAMESPACE {

/// y[i] = row i of `Rows` rows · x. Several rows at once share the loads of x
/// and keep more of the memory system busy; each row's sum is the same as
/// alone: two partial sums by vectors, then the columns after the last vector.
template <int Rows, typename Row>
HWY_INLINE void dotRows(const Row (&rows)[Rows], const float *x, float *y) {
  Vec sum[Rows][2];
#pragma GCC unroll 4
  for (int i = 0; i < Rows; ++i)
    sum[i][0] = sum[i][1] = hn::Zero(kTag);
  const int64_t end = rows[0].vectorEnd();
  const int64_t step = rows[0].place(2 * kLanes) - rows[0].place(0);
  const int64_t rowBytes = rows[0].place(rows[0].Cols) - rows[0].place(0);
  int64_t col = 0;
  for (; col + 2 * kLanes <= end; col += 2 * kLanes) {
    const Vec x0 = hn::LoadU(kTag, x + col);
    const Vec x1 = hn::LoadU(kTag, x + col + kLanes);
#pragma GCC unroll 4
    for (int i = 0; i < Rows; ++i) {
      for (int64_t at = 0; at < step; at += kCacheLine)
        prefetchRows<Rows>(rows[i].place(col) + at, rowBytes);
      sum[i][0] = hn::MulAdd(rows[i].raw(col), x0, sum[i][0]);
      sum[i][1] = hn::MulAdd(rows[i].raw(col + kLanes), x1, sum[i][1]);
    }
  }
  if (col < end) {
    const Vec x0 = hn::LoadU(kTag, x + col);
#pragma GCC unroll 4
    for (int i = 0; i < Rows; ++i)
      sum[i][0] = hn::MulAdd(rows[i].raw(col), x0, sum[i][0]);
    col = end;
  }
#pragma GCC unroll 4
  for (int i = 0; i < Rows; ++i) {
    float total = sumOf(hn::Add(sum[i][0], sum[i][1]));
    for (int64_t at = col; at < rows[i].Cols; ++at)
      total += rows[i].rawAt(at) * x[at];
    y[i] = rows[i].scaled(total);
  }
}

template <typename Row> struct MatVecDense {
  static void run(const format::PackedView &weight, int64_t rowBegin,
                  int64_t rowEnd, const Activations *x, int64_t columns,
                  float *y, int64_t yStride) {
    int64_t row = rowBegin;
    for (; row + 4 <= rowEnd; row += 4, y += 4) {
      const Row rows[4] = {Row(weight, row), Row(weight, row + 1),
                           Row(weight, row + 2), Row(weight, row + 3)};
      for (int64_t column = 0; column < columns; ++column)
        dotRows(rows, x[column].values, y + column * yStride);
    }
    for (; row < rowEnd; ++row, ++y) {
      const Row rows[1] = {Row(weight, row)};
      for (int64_t column = 0; column < columns; ++column)
        dotRows(rows, x[column].values, y + column * yStride);
    }
  }
};

} // namespace HWY_NAMESPACE
} // namespace qzc::runtime::cpu
HWY_AFTER_NAMESPACE();

#endif
