//===- MatVec.cpp - Weights times one token -------------------------------===//

#include "HighwayTargets.h"
#include "KernelParts.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "MatVec.cpp"
#include "hwy/foreach_target.h"

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
  int64_t col = 0;
  for (; col + 2 * kLanes <= end; col += 2 * kLanes) {
    Vec x0 = hn::LoadU(kTag, x + col);
    Vec x1 = hn::LoadU(kTag, x + col + kLanes);
    Row::arrange(x0, x1);
#pragma GCC unroll 4
    for (int i = 0; i < Rows; ++i) {
      Vec w0;
      Vec w1;
      rows[i].loadPair(col, w0, w1);
      sum[i][0] = hn::MulAdd(w0, x0, sum[i][0]);
      sum[i][1] = hn::MulAdd(w1, x1, sum[i][1]);
    }
  }
  if (col < end) {
    const Vec x0 = hn::LoadU(kTag, x + col);
#pragma GCC unroll 4
    for (int i = 0; i < Rows; ++i)
      sum[i][0] = hn::MulAdd(rows[i].load(col), x0, sum[i][0]);
    col = end;
  }
#pragma GCC unroll 4
  for (int i = 0; i < Rows; ++i) {
    float total = sumOf(hn::Add(sum[i][0], sum[i][1]));
    for (int64_t at = col; at < rows[i].Cols; ++at)
      total += rows[i].at(at) * x[at];
    y[i] = total;
  }
}

template <typename Row> struct MatVec {
  static void run(const format::PackedView &weight, int64_t rowBegin,
                  int64_t rowEnd, const float *x, float *y) {
    int64_t row = rowBegin;
    for (; row + 4 <= rowEnd; row += 4, y += 4) {
      const Row rows[4] = {Row(weight, row), Row(weight, row + 1),
                           Row(weight, row + 2), Row(weight, row + 3)};
      dotRows(rows, x, y);
    }
    for (; row < rowEnd; ++row, ++y) {
      const Row rows[1] = {Row(weight, row)};
      dotRows(rows, x, y);
    }
  }
};

void matVec(const format::PackedView &weight, int64_t rowBegin, int64_t rowEnd,
            const float *x, float *y) {
  withRowType<MatVec>(weight.shape, weight, rowBegin, rowEnd, x, y);
}

} // namespace HWY_NAMESPACE
} // namespace qzc::runtime::cpu
HWY_AFTER_NAMESPACE();
