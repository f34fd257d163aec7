//===- MatVec.cpp - Weights times single tokens ---------------------------===//
//
// Dot products of weight rows. The result of a row and a token is the same
// whatever other rows and tokens are computed in the same call.
//
//===----------------------------------------------------------------------===//

#include "HighwayTargets.h"
#include "KernelParts.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "MatVec.cpp"
#include "hwy/foreach_target.h"

#include "DotGroups-inl.h"

#include "DotBooks-inl.h"
#include "DotBytes-inl.h"
#include "DotF32-inl.h"

HWY_BEFORE_NAMESPACE();
namespace qzc::runtime::cpu {
namespace HWY_NAMESPACE {

void matVec(const format::PackedView &weight, int64_t rowBegin, int64_t rowEnd,
            const Activations *x, int64_t columns, float *y, int64_t yStride) {
  withPlanarRow<MatVecDigits>(weight.shape, weight, rowBegin, rowEnd, x,
                              columns, y, yStride) ||
      withCodeBookRow<MatVecBook>(weight.shape, weight, rowBegin, rowEnd, x,
                                  columns, y, yStride) ||
      withByteRow<MatVecBytes>(weight.shape, weight, rowBegin, rowEnd, x,
                               columns, y, yStride) ||
      withDenseRow<MatVecDense>(weight.shape, weight, rowBegin, rowEnd, x,
                                columns, y, yStride);
}

} // namespace HWY_NAMESPACE
} // namespace qzc::runtime::cpu
HWY_AFTER_NAMESPACE();

#if HWY_TARGET == HWY_AVX3
#define QZC_DOT_VNNI
#include "DotGroups-inl.h"
#undef QZC_DOT_VNNI

QZC_BEFORE_DOTS
namespace qzc::runtime::cpu {
namespace QZC_DOT_NAMESPACE {

void matVec(const format::PackedView &weight, int64_t rowBegin, int64_t rowEnd,
            const Activations *x, int64_t columns, float *y, int64_t yStride) {
  if (!withPlanarRow<MatVecDigits>(weight.shape, weight, rowBegin, rowEnd, x,
                                   columns, y, yStride))
    N_AVX3::matVec(weight, rowBegin, rowEnd, x, columns, y, yStride);
}

} // namespace QZC_DOT_NAMESPACE
} // namespace qzc::runtime::cpu
HWY_AFTER_NAMESPACE();
#endif
