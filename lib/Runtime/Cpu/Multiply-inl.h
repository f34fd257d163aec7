//===- Multiply-inl.h - The register-blocked matrix product -----*- C++ -*-===//
//
// c [rows, cols] (+)= a [rows, depth] · b [depth, cols], with vectors along the
// columns. Every element of the result is one chain of multiply-adds over the
// depth, however rows and columns are grouped.
//
//===----------------------------------------------------------------------===//

#if defined(QZC_RUNTIME_CPU_MULTIPLY_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef QZC_RUNTIME_CPU_MULTIPLY_INL_H
#undef QZC_RUNTIME_CPU_MULTIPLY_INL_H
#else
#define QZC_RUNTIME_CPU_MULTIPLY_INL_H
#endif

#include "Simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace qzc::runtime::cpu {
namespace HWY_NAMESPACE {

/// Rows of the largest tile: with two vectors of columns they leave room for
/// the operands.
static constexpr int kTileRows = kRegisters == 32 ? 12 : 6;

template <int Rows, int Vectors>
HWY_INLINE void multiplyTile(const float *HWY_RESTRICT a, int64_t aStride,
                             const float *HWY_RESTRICT b, int64_t bStride,
                             int64_t depth, float *HWY_RESTRICT c,
                             int64_t cStride, bool accumulate) {
  Vec sum[Rows][Vectors];
#pragma GCC unroll 16
  for (int row = 0; row < Rows; ++row)
#pragma GCC unroll 2
    for (int v = 0; v < Vectors; ++v)
      sum[row][v] = hn::Zero(kTag);
  for (int64_t k = 0; k < depth; ++k, b += bStride) {
    Vec right[Vectors];
#pragma GCC unroll 2
    for (int v = 0; v < Vectors; ++v)
      right[v] = hn::LoadU(kTag, b + v * kLanes);
#pragma GCC unroll 16
    for (int row = 0; row < Rows; ++row) {
      const Vec left = hn::Set(kTag, a[row * aStride + k]);
#pragma GCC unroll 2
      for (int v = 0; v < Vectors; ++v)
        sum[row][v] = hn::MulAdd(left, right[v], sum[row][v]);
    }
  }
#pragma GCC unroll 16
  for (int row = 0; row < Rows; ++row)
#pragma GCC unroll 2
    for (int v = 0; v < Vectors; ++v) {
      float *at = c + row * cStride + v * kLanes;
      hn::StoreU(accumulate ? hn::Add(hn::LoadU(kTag, at), sum[row][v])
                            : sum[row][v],
                 kTag, at);
    }
}

template <int Vectors>
HWY_NOINLINE void multiplyColumns(const float *a, int64_t aStride, int64_t rows,
                                  const float *b, int64_t bStride,
                                  int64_t depth, float *c, int64_t cStride,
                                  bool accumulate) {
  const auto take = [&](int64_t count) HWY_ATTR {
    a += count * aStride;
    c += count * cStride;
    rows -= count;
  };
  for (; rows >= kTileRows; take(kTileRows))
    multiplyTile<kTileRows, Vectors>(a, aStride, b, bStride, depth, c, cStride,
                                     accumulate);
  if constexpr (kTileRows > 6)
    for (; rows >= 6; take(6))
      multiplyTile<6, Vectors>(a, aStride, b, bStride, depth, c, cStride,
                               accumulate);
  if (rows >= 4) {
    multiplyTile<4, Vectors>(a, aStride, b, bStride, depth, c, cStride,
                             accumulate);
    take(4);
  }
  if (rows == 3)
    multiplyTile<3, Vectors>(a, aStride, b, bStride, depth, c, cStride,
                             accumulate);
  if (rows == 2)
    multiplyTile<2, Vectors>(a, aStride, b, bStride, depth, c, cStride,
                             accumulate);
  if (rows == 1)
    multiplyTile<1, Vectors>(a, aStride, b, bStride, depth, c, cStride,
                             accumulate);
}

/// As KernelTable::multiply.
HWY_INLINE void multiplyRows(const float *a, int64_t aStride, int64_t rows,
                             const float *b, int64_t bStride, int64_t depth,
                             int64_t cols, float *c, int64_t cStride,
                             bool accumulate) {
  int64_t col = 0;
  for (; col + 2 * kLanes <= cols; col += 2 * kLanes)
    multiplyColumns<2>(a, aStride, rows, b + col, bStride, depth, c + col,
                       cStride, accumulate);
  for (; col < cols; col += kLanes)
    multiplyColumns<1>(a, aStride, rows, b + col, bStride, depth, c + col,
                       cStride, accumulate);
}

} // namespace HWY_NAMESPACE
} // namespace qzc::runtime::cpu
HWY_AFTER_NAMESPACE();

#endif
