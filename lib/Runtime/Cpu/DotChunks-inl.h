//===- DotChunks-inl.h - Dot products of rows of whole chunks ---*- C++ -*-===//
//
// Walks over rows by vectors of chunks. Where a row does not end with a vector,
// up to four rows are read as one (rowsTogether), and a vector that lies in two
// of them is multiplied once. A `Weight` knows its codes:
//   Strip       what activations are read from; stripsOf(activations)
//   kPerVector  chunks of a vector
//   kAlign      vectors start at multiples of so many chunks of the tensor
//   kSlack      chunks that must follow a vector that is read as a whole
//   kStreams    how many long rows are read side by side
//   Scales      read(weight, first, count, strip) reads what lies beside the
//               chunks [first, first + count) of the flattened tensor; with
//               kAddends, addends(i) is what kLanes of them add to their row
//   add<Whole>(chunk, stride, count, strip, at, scales, sums)
//               sums[i] += chunks [first, first + count) of the tensor, where
//               first is chunk + i · stride, times those of the strip from `at`
//               on, kPerVector if Whole; what is behind `count` may be anything
//
// Included once for each namespace of kernels, QZC_DOT_NAMESPACE, as
// DotDigits-inl.h.
//
//===----------------------------------------------------------------------===//

#include "Schemes-inl.h"

#undef QZC_DOT_NAMESPACE
#undef QZC_BEFORE_DOTS
#ifdef QZC_DOT_VNNI
#define QZC_DOT_NAMESPACE N_AVX3_VNNI
#define QZC_BEFORE_DOTS                                                        \
  HWY_BEFORE_NAMESPACE();                                                      \
  _Pragma("GCC target(\"avx512vnni\")")
#else
#define QZC_DOT_NAMESPACE HWY_NAMESPACE
#define QZC_BEFORE_DOTS HWY_BEFORE_NAMESPACE();
#endif

QZC_BEFORE_DOTS
namespace qzc::runtime::cpu {
namespace QZC_DOT_NAMESPACE {
#ifdef QZC_DOT_VNNI
using namespace N_AVX3;
#endif

template <typename Weight> class ChunkRows {
public:
  using Strip = typename Weight::Strip;

  explicit ChunkRows(const format::PackedView &weight)
      : Of(weight), Rows(weight.shape.rows), Count(weight.shape.cols / kChunk),
        Together(rowsTogether(Count, kStep)),
        Even(Together * Count % kStep == 0 ? Rows - (Weight::kSlack != 0) : 0) {
  }

  /// y[row - begin] = row · x for the rows of [begin, end) among the four from
  /// `row` on, a multiple of four.
  HWY_INLINE void dotFour(int64_t row, int64_t begin, int64_t end,
                          const Strip *x, float *y) const {
    Vec sums[4] = {hn::Zero(kTag), hn::Zero(kTag), hn::Zero(kTag),
                   hn::Zero(kTag)};
    const int64_t from = HWY_MAX(begin - row, 0);
    const int64_t to = HWY_MIN(end - row, 4);
    if (HWY_LIKELY(Count <= kStripChunks)) {
      for (int64_t i = from & -Together; i < to; i += Together)
        if (HWY_LIKELY(row + i + Together <= Even))
          addRows<true>((row + i) * Count, Together, Count, *x, sums + i);
        else
          addAtEdge((row + i) * Count, HWY_MIN(Together, Rows - row - i), Count,
                    *x, sums + i);
    } else if (Weight::kStreams > 1 && from == 0 && to == 4 &&
               row + 4 <= Even) {
      for (int64_t i = 0; i < 4; i += Weight::kStreams)
        addSideBySide(row + i, x, sums + i);
    } else {
      for (int64_t i = from; i < to; ++i)
        addLong(row + i, x, sums[i]);
    }
    HWY_ALIGN float results[4];
    storeSums(sums, results);
    for (int64_t i = from; i < to; ++i)
      y[row + i - begin] = results[i];
  }

private:
  static constexpr int64_t kStep = Weight::kPerVector;
  using Scales = typename Weight::Scales;

  Weight Of;
  int64_t Rows;
  int64_t Count;    ///< chunks of a row
  int64_t Together; ///< rows read as one
  int64_t Even; ///< rows that begin and end, so many at a time, with vectors
                ///< that may be read as a whole

  HWY_NOINLINE void addLong(int64_t row, const Strip *x, Vec &sum) const {
    for (int64_t begin = 0; begin < Count; begin += kStripChunks, ++x)
      addRows<false>(row * Count + begin, 1,
                     HWY_MIN(kStripChunks, Count - begin), *x, &sum);
  }
  /// sums[i] += row `row` + i · x: activations of long rows do not stay in the
  /// first-level cache, and serve several rows each time they are read.
  HWY_NOINLINE void addSideBySide(int64_t row, const Strip *x,
                                  Vec *sums) const {
    constexpr int kStreams = Weight::kStreams;
    Vec sum[kStreams];
#pragma GCC unroll 4
    for (int i = 0; i < kStreams; ++i)
      sum[i] = sums[i];
    for (int64_t begin = 0; begin < Count; begin += kStripChunks, ++x) {
      const int64_t first = row * Count + begin;
      const int64_t count = HWY_MIN(kStripChunks, Count - begin);
      Scales scales[kStreams];
#pragma GCC unroll 4
      for (int i = 0; i < kStreams; ++i) {
        scales[i].read(Of, first + i * Count, count, *x);
        if constexpr (Weight::kAddends)
          sum[i] = addAddends(scales[i], 0, count, sum[i]);
      }
      for (int64_t at = 0; at < count; at += kStep)
        Of.template add<true>(first + at, Count, kStep, *x, at, scales, sum);
    }
#pragma GCC unroll 4
    for (int i = 0; i < kStreams; ++i)
      sums[i] = sum[i];
  }
  HWY_NOINLINE void addAtEdge(int64_t first, int64_t rows, int64_t count,
                              const Strip &x, Vec *sums) const {
    addRows<false>(first, rows, count, x, sums);
  }

  /// sums[i] += row i of `rows` · x: rows of `count` chunks, one behind the
  /// other from chunk `first` of the tensor on.
  template <bool IsEven>
  HWY_INLINE void addRows(int64_t first, int64_t rows, int64_t count,
                          const Strip &x, Vec *sums) const {
    Scales scales[1];
    scales[0].read(Of, first, rows * count, x);
    const int64_t whole =
        IsEven ? rows * count : Rows * Count - first - Weight::kSlack;
    int64_t at = IsEven ? 0 : -(first & (Weight::kAlign - 1));
    Vec next = hn::Zero(kTag);
    for (int64_t row = 0, begin = 0; row < rows; ++row, begin += count) {
      const int64_t end = begin + count;
      Vec sum[1] = {hn::Add(sums[row], next)};
      if constexpr (Weight::kAddends)
        sum[0] = addAddends(scales[0], begin, end, sum[0]);
      next = hn::Zero(kTag);
      if (!IsEven && at < begin && row == 0) {
        sum[0] = hn::Add(sum[0], between(product(first, at, x, scales),
                                         begin - at, end - at));
        at += kStep;
      }
      for (const int64_t last = HWY_MIN(end, whole) - kStep; at <= last;
           at += kStep)
        Of.template add<true>(first + at, 0, kStep, x, at, scales, sum);
      if (at < end) {
        Vec both[1] = {hn::Zero(kTag)};
        if (IsEven || at + kStep <= whole)
          Of.template add<true>(first + at, 0, kStep, x, at, scales, both);
        else
          both[0] = product(first, at, x, scales);
        sum[0] = hn::Add(sum[0], between(both[0], 0, end - at));
        if (row + 1 < rows)
          next = between(both[0], end - at, kStep);
        at += kStep;
      }
      sums[row] = sum[0];
    }
  }

  /// A vector that may reach beyond the tensor.
  HWY_NOINLINE Vec product(int64_t first, int64_t at, const Strip &x,
                           const Scales (&scales)[1]) const {
    const int64_t chunk = first + at;
    Vec sum[1] = {hn::Zero(kTag)};
    Of.template add<false>(chunk, 0, HWY_MIN(kStep, Rows * Count - chunk), x,
                           at, scales, sum);
    return sum[0];
  }

  /// Chunks [begin, end) of a vector.
  static HWY_INLINE Vec between(Vec vector, int64_t begin, int64_t end) {
    constexpr int64_t lanes = kLanes / kStep;
    const auto before = [](int64_t chunk) HWY_ATTR {
      return hn::FirstN(kTag, static_cast<size_t>(chunk * lanes));
    };
    const Vec some = hn::IfThenElseZero(before(HWY_MIN(end, kStep)), vector);
    return begin == 0 ? some : hn::IfThenZeroElse(before(begin), some);
  }

  static HWY_INLINE Vec addAddends(const Scales &scales, int64_t begin,
                                   int64_t end, Vec sum) {
    int64_t i = begin;
    for (; i + kLanes <= end; i += kLanes)
      sum = hn::Add(sum, scales.addends(i));
    if (i < end)
      sum = hn::Add(sum, hn::IfThenElseZero(
                             hn::FirstN(kTag, static_cast<size_t>(end - i)),
                             scales.addends(i)));
    return sum;
  }
};

/// As MatVecFn.
template <typename Weight>
HWY_INLINE void runChunkRows(const format::PackedView &weight, int64_t rowBegin,
                             int64_t rowEnd, const Activations *x,
                             int64_t columns, float *y, int64_t yStride) {
  const ChunkRows<Weight> rows(weight);
  for (int64_t row = rowBegin & -4; row < rowEnd; row += 4)
    for (int64_t column = 0; column < columns; ++column)
      rows.dotFour(row, rowBegin, rowEnd, Weight::stripsOf(x[column]),
                   y + column * yStride);
}

} // namespace QZC_DOT_NAMESPACE
} // namespace qzc::runtime::cpu
HWY_AFTER_NAMESPACE();
