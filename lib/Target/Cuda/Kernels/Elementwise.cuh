//===- Elementwise.cuh - Embedding, norms, arithmetic ---------------------===//
//
// The small steps. All work on f32 rows; blockIdx.x or .y is the token.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_KERNELS_ELEMENTWISE_CUH
#define QZC_KERNELS_ELEMENTWISE_CUH

#include "Weights.cuh"

namespace qzc::kernels {

/// out[t] = table[token t]. A negative token, where the step before failed, is
/// taken as 0. Grid: T blocks of 256 threads.
template <int Columns, Storage S, int Block>
QZC_DEVICE void embed(const void *data, const void *scales,
                      const TokenRow *rows, float *out, int stride) {
  launchDependents();
  waitForDependencies();
  const long long row = max(rows[blockIdx.x].token, 0);
  const float scale =
      Weights<S, Block>::rowScale(scales, static_cast<int>(row));
  out += static_cast<long long>(blockIdx.x) * stride;
  for (int i = threadIdx.x; i < Columns; i += blockDim.x)
    out[i] = Weights<S, Block>::at(data, scales, row * Columns + i) * scale;
}

/// out[t] = in[t] + table[position t + offset]. Grid: T blocks.
template <int Columns, Storage S, int Block>
QZC_DEVICE void addPositions(const float *in, int inStride, const void *data,
                             const void *scales, int offset,
                             const TokenRow *rows, float *out, int stride) {
  launchDependents();
  waitForDependencies();
  const int row = rows[blockIdx.x].position + offset;
  const float scale = Weights<S, Block>::rowScale(scales, row);
  in += static_cast<long long>(blockIdx.x) * inStride;
  out += static_cast<long long>(blockIdx.x) * stride;
  for (int i = threadIdx.x; i < Columns; i += blockDim.x)
    out[i] = in[i] + scale * Weights<S, Block>::at(
                                 data, scales,
                                 static_cast<long long>(row) * Columns + i);
}

/// Grid: T × heads blocks of 256 threads; out may be in. Columns are a head's.
template <int Columns, Norm N, Storage S, bool UnitOffset, bool HasWeight,
          bool HasBias>
QZC_DEVICE void norm(const float *in, int inStride, const void *weight,
                     const void *bias, float epsilon, float *out, int stride) {
  __shared__ float scratch[32];
  launchDependents();
  waitForDependencies();
  in += static_cast<long long>(blockIdx.x) * inStride + blockIdx.y * Columns;
  out += static_cast<long long>(blockIdx.x) * stride + blockIdx.y * Columns;
  float mean, factor;
  rowStatistics<Columns, N, 256>(in, epsilon, scratch, mean, factor);
  for (int i = threadIdx.x; i < Columns; i += 256)
    out[i] = normalize<S, UnitOffset, HasWeight, HasBias>(in[i], mean, factor,
                                                          weight, bias, i);
}

enum class Elementwise { Activate, Add, Mul, Scale, Clamp, SoftCap };

/// Grid: ceil(columns / 256) × T blocks of 256 threads. `b` is read by Add and
/// Mul only.
template <Elementwise Op, Activation Act>
QZC_DEVICE void elementwise(const float *a, int aStride, const float *b,
                            int bStride, float value, float *out, int stride,
                            int columns) {
  launchDependents();
  waitForDependencies();
  const int i = blockIdx.x * 256 + threadIdx.x;
  if (i >= columns)
    return;
  const long long t = blockIdx.y;
  const float v = a[t * aStride + i];
  float y = v;
  if constexpr (Op == Elementwise::Activate)
    y = activate<Act>(v);
  if constexpr (Op == Elementwise::Add)
    y = v + b[t * bStride + i];
  if constexpr (Op == Elementwise::Mul)
    y = v * b[t * bStride + i];
  if constexpr (Op == Elementwise::Scale)
    y = v * value;
  if constexpr (Op == Elementwise::Clamp)
    y = fminf(fmaxf(v, -value), value);
  if constexpr (Op == Elementwise::SoftCap)
    y = value * tanhf(v / value);
  out[t * stride + i] = y;
}

} // namespace qzc::kernels

#endif // QZC_KERNELS_ELEMENTWISE_CUH
