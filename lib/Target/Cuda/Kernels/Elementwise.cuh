//===- Elementwise.cuh - Embedding, norms, arithmetic ---------------------===//
//
// The small steps. All work on f32 rows; blockIdx.x or .y is the token.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_KERNELS_ELEMENTWISE_CUH
#define QZC_KERNELS_ELEMENTWISE_CUH

#include "Elementwise.h"
#include "Weights.cuh"

namespace qzc::kernels {

/// out[t] = table[token t]. A negative token, where the step before failed, is
/// taken as 0. Grid: ceil(columns / 256) × T blocks of 256 threads: all of a
/// row is asked of memory at once.
template <Embed::Config C> QZC_DEVICE void embed(const Embed::Args<Value> &a) {
  using W = WeightsOf<C.table>;
  launchDependents();
  waitForDependencies();
  const int i = blockIdx.x * 256 + threadIdx.x;
  if (i >= C.columns)
    return;
  const int row = max(a.rows[blockIdx.y].token, 0);
  rowOf(a.out, blockIdx.y)[i] =
      W::at(a.table.data, a.table.scales,
            elementNumber<C.table, C.columns>(row, i)) *
      W::rowScale(a.table.scales, row);
}

/// out[t] = in[t] + table[position t + offset]. Grid: as embed's.
template <AddPositions::Config C>
QZC_DEVICE void addPositions(const AddPositions::Args<Value> &a) {
  using W = WeightsOf<C.table>;
  launchDependents();
  waitForDependencies();
  const int i = blockIdx.x * 256 + threadIdx.x;
  if (i >= C.columns)
    return;
  const int row = a.rows[blockIdx.y].position + a.offset;
  const float scale = W::rowScale(a.table.scales, row);
  rowOf(a.out, blockIdx.y)[i] =
      rowOf(a.in, blockIdx.y)[i] +
      scale * W::at(a.table.data, a.table.scales,
                    elementNumber<C.table, C.columns>(row, i));
}

/// Grid: T × heads blocks of 256 threads.
template <NormRows::Config C>
QZC_DEVICE void norm(const NormRows::Args<Value> &a) {
  __shared__ float scratch[32];
  launchDependents();
  waitForDependencies();
  const float *in = rowOf(a.in, blockIdx.x) + blockIdx.y * C.columns;
  float *out = rowOf(a.out, blockIdx.x) + blockIdx.y * C.columns;
  float mean, factor;
  rowStatistics<C.columns, C.norm.kind, 256>(in, a.norm.epsilon, scratch, mean,
                                             factor);
  for (int i = threadIdx.x; i < C.columns; i += 256)
    out[i] = normalize<C.norm>(in[i], mean, factor, a.norm, i);
}

/// Grid: ceil(columns / 256) × T blocks of 256 threads.
template <Elementwise::Config C>
QZC_DEVICE void elementwise(const Elementwise::Args<Value> &a) {
  launchDependents();
  waitForDependencies();
  const int i = blockIdx.x * 256 + threadIdx.x;
  if (i >= a.columns)
    return;
  const long long t = blockIdx.y;
  const float v = rowOf(a.a, t)[i];
  float y = v;
  if constexpr (C.op == ElementwiseOp::Activate)
    y = activate<C.activation>(v);
  if constexpr (C.op == ElementwiseOp::Add)
    y = v + rowOf(a.b, t)[i];
  if constexpr (C.op == ElementwiseOp::Mul)
    y = v * rowOf(a.b, t)[i];
  if constexpr (C.op == ElementwiseOp::Scale)
    y = v * a.value;
  if constexpr (C.op == ElementwiseOp::Clamp)
    y = fminf(fmaxf(v, -a.value), a.value);
  if constexpr (C.op == ElementwiseOp::SoftCap)
    y = a.value * tanhf(v / a.value);
  rowOf(a.out, t)[i] = y;
}

} // namespace qzc::kernels

#endif // QZC_KERNELS_ELEMENTWISE_CUH
