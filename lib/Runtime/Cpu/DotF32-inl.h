//===- DotF32-inl.h - Dot products in f32 -----------------------*- C++ -*-===//
//
// Of weights without codes, with codes of 8 bits, and with code books: their
// elements become f32, multiplied with a scale once a row or chunk.
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
  // Bytes of a step, and to the same columns of the rows behind these.
  const int64_t step = rows[0].place(2 * kLanes) - rows[0].place(0);
  const int64_t ahead = Rows * (rows[0].place(rows[0].Cols) - rows[0].place(0));
  int64_t col = 0;
  for (; col + 2 * kLanes <= end; col += 2 * kLanes) {
    const Vec x0 = hn::LoadU(kTag, x + col);
    const Vec x1 = hn::LoadU(kTag, x + col + kLanes);
#pragma GCC unroll 4
    for (int i = 0; i < Rows; ++i) {
      if (ahead <= kRowsAhead)
        for (int64_t at = 0; at < step; at += kCacheLine)
          prefetch(rows[i].place(col) + at, ahead);
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

template <typename Row> struct MatVecPlain {
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

/// A scale for every chunk.
template <> struct MatVecPlain<Q8_0Row> {
  static HWY_INLINE float dot(const Q8_0Row &row, const BlockScales<0> &source,
                              int64_t first, const float *x) {
    constexpr int64_t kVectors = kChunk / kLanes;
    HWY_ALIGN float scale[kStripChunks + 16];
    const int64_t chunks = row.Cols / kChunk;
    Vec sum = hn::Zero(kTag);
    for (int64_t begin = 0; begin < chunks; begin += kStripChunks) {
      const int64_t count = HWY_MIN(kStripChunks, chunks - begin);
      const BlockScales<0>::Strip strip(source, first + begin, count);
      for (int64_t i = 0; i < count; i += kLanes) {
        Vec ofWeights;
        Vec none;
        strip.at(i, ofWeights, none);
        hn::Store(ofWeights, kTag, scale + i);
      }
      for (int64_t i = 0; i < count; ++i) {
        const int64_t col = (begin + i) * kChunk;
        prefetch(row.Codes + col, kCodesAhead);
        Vec part[2] = {hn::Zero(kTag), hn::Zero(kTag)};
#pragma GCC unroll 8
        for (int64_t v = 0; v < kVectors; ++v)
          part[v % 2] =
              hn::MulAdd(row.codesAt(col + v * kLanes),
                         hn::LoadU(kTag, x + col + v * kLanes), part[v % 2]);
        sum =
            hn::MulAdd(hn::Add(part[0], part[1]), hn::Set(kTag, scale[i]), sum);
      }
    }
    return sumOf(sum);
  }
  static void run(const format::PackedView &weight, int64_t rowBegin,
                  int64_t rowEnd, const Activations *x, int64_t columns,
                  float *y, int64_t yStride) {
    const BlockScales<0> source(weight);
    for (int64_t row = rowBegin; row < rowEnd; ++row, ++y)
      for (int64_t column = 0; column < columns; ++column)
        y[column * yStride] =
            dot(Q8_0Row(weight, row), source,
                row * (weight.shape.cols / kChunk), x[column].values);
  }
};

/// Rows of whole chunks by vectors of them, others element by element.
template <typename Row> struct MatVecCodeBook {
  template <bool Slack>
  static HWY_INLINE float dot(const Row &row, const TurnedStrip *x) {
    HWY_ALIGN float scale[kStripChunks + 16];
    const int64_t chunks = row.Cols / kChunk;
    Vec sum = hn::Zero(kTag);
    for (int64_t begin = 0; begin < chunks; begin += kStripChunks, ++x) {
      const int64_t count = HWY_MIN(kStripChunks, chunks - begin);
      row.chunkScales(begin, count, scale);
      int64_t i = 0;
      for (; i + kChunks <= count; i += kChunks)
        sum =
            hn::MulAdd(row.template dotChunks<Slack>(begin + i, kChunks, *x, i),
                       spreadOverChunks(scale + i), sum);
      if (i < count)
        sum = hn::MulAdd(
            row.template dotChunks<false>(begin + i, count - i, *x, i),
            spreadOverChunks(scale + i), sum);
    }
    return sumOf(sum);
  }
  /// The tensor's last row has nothing behind it that may be read.
  static HWY_NOINLINE float dotLast(const Row &row, const TurnedStrip *x) {
    return dot<false>(row, x);
  }
  static float dotByElements(const Row &row, const float *x) {
    float sum = 0;
    for (int64_t col = 0; col < row.Cols; ++col)
      sum += row.at(col) * x[col];
    return sum;
  }
  static void run(const format::PackedView &weight, int64_t rowBegin,
                  int64_t rowEnd, const Activations *x, int64_t columns,
                  float *y, int64_t yStride) {
    const bool whole = weight.shape.cols % kChunk == 0;
    for (int64_t row = rowBegin; row < rowEnd; ++row, ++y) {
      const Row weights(weight, row);
      for (int64_t column = 0; column < columns; ++column)
        y[column * yStride] = !whole ? dotByElements(weights, x[column].values)
                              : row + 1 < weight.shape.rows
                                  ? dot<true>(weights, x[column].turned)
                                  : dotLast(weights, x[column].turned);
    }
  }
};

} // namespace HWY_NAMESPACE
} // namespace qzc::runtime::cpu
HWY_AFTER_NAMESPACE();

#endif
