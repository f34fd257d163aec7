//===- Common.cuh - Reductions, activations, element types ----------------===//
//
// Reductions run in a fixed order, so that results do not depend on timing.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_KERNELS_COMMON_CUH
#define QZC_KERNELS_COMMON_CUH

#include "Common.h"
#include "Half.cuh"

namespace qzc::kernels {

constexpr int kWarp = 32;
#define QZC_FULL_WARP 0xffffffffu
#define QZC_INFINITY __int_as_float(0x7f800000)

/// The arguments of a kernel from the parameters of its __global__ function.
template <class Kernel, class... Values>
QZC_DEVICE typename Kernel::template Args<Value>
argsOf(const Values &...values) {
  return {values...};
}

/// A, or else B.
template <bool First, class A, class B> struct Choose { using Type = A; };
template <class A, class B> struct Choose<false, A, B> { using Type = B; };

constexpr int powerOfTwoFrom(int n) {
  int p = 1;
  while (p < n)
    p *= 2;
  return p;
}

/// This thread's warp in its block. Of a number that comes from one lane the
/// compiler knows that all have it: what hangs on it does not split the warp.
QZC_DEVICE int warpOfBlock() {
  return __shfl_sync(QZC_FULL_WARP, static_cast<int>(threadIdx.x / kWarp), 0);
}

/// Row t.
QZC_DEVICE const float *rowOf(const InRows<Value> &rows, long long t) {
  return rows.first + t * rows.stride;
}
QZC_DEVICE float *rowOf(const OutRows<Value> &rows, long long t) {
  return rows.first + t * rows.stride;
}

/// T.
template <Rows Which> QZC_DEVICE int rowCount(const DeviceState *state) {
  return Which == Rows::Tokens ? state->tokens : state->rows;
}

struct Sum {
  QZC_DEVICE static float identity() { return 0.0f; }
  QZC_DEVICE static float join(float a, float b) { return a + b; }
};
struct Max {
  QZC_DEVICE static float identity() { return -QZC_INFINITY; }
  QZC_DEVICE static float join(float a, float b) { return fmaxf(a, b); }
};
/// Magnitudes are ordered like their bits, and what is not a number is beyond
/// all of them: one that is met is not lost.
struct Magnitude {
  QZC_DEVICE static float join(float a, float b) {
    return __int_as_float(max(__float_as_int(a), __float_as_int(b)));
  }
};

template <class Op> QZC_DEVICE float reduceWarp(float v) {
#pragma unroll
  for (int offset = 16; offset > 0; offset >>= 1)
    v = Op::join(v, __shfl_xor_sync(QZC_FULL_WARP, v, offset));
  return v;
}

/// The same of four lanes, in each of them.
template <class Op> QZC_DEVICE float reduceQuad(float v) {
  v = Op::join(v, __shfl_xor_sync(QZC_FULL_WARP, v, 1));
  return Op::join(v, __shfl_xor_sync(QZC_FULL_WARP, v, 2));
}

/// The block's total in every thread. `scratch` holds 32 floats of shared
/// memory that no one else uses until the next barrier.
template <class Op, int Threads>
QZC_DEVICE float reduceBlock(float v, float *scratch) {
  v = reduceWarp<Op>(v);
  __syncthreads();
  if (threadIdx.x % kWarp == 0)
    scratch[threadIdx.x / kWarp] = v;
  __syncthreads();
  float total = scratch[0];
#pragma unroll
  for (int w = 1; w < Threads / kWarp; ++w)
    total = Op::join(total, scratch[w]);
  return total;
}

/// The total of `Warps` neighbouring warps of a block of Count, in each of
/// their threads. `scratch` is of no other use between the barriers before and
/// behind. All threads of the block.
template <class Op, int Warps, int Count>
QZC_DEVICE float reduceWarps(float v, float (&scratch)[Count]) {
  v = reduceWarp<Op>(v);
  if constexpr (Warps > 1) {
    const int warp = threadIdx.x / kWarp;
    scratch[warp] = v;
    __syncthreads();
    v = scratch[warp / Warps * Warps];
#pragma unroll
    for (int w = 1; w < Warps; ++w)
      v = Op::join(v, scratch[warp / Warps * Warps + w]);
  }
  return v;
}

constexpr float kLog2E = 1.4426950408889634f;

/// x / (1 + exp(−y)), within a few units in its last place where y is not far
/// below zero: no division, which takes longer than all else of an epilogue.
QZC_DEVICE float gatedBy(float x, float y) {
  return x * reciprocal(1.0f + powerOfTwo(-kLog2E * y));
}

template <Activation A> QZC_DEVICE float activate(float x) {
  if constexpr (A == Activation::Relu)
    return fmaxf(x, 0.0f);
  if constexpr (A == Activation::Silu)
    return gatedBy(x, x);
  if constexpr (A == Activation::Gelu)
    return 0.5f * x * (1.0f + erff(x * 0.70710678118654752f));
  // x / 2 · (1 + tanh(u)) is x / (1 + exp(−2u)), which cancels nothing.
  if constexpr (A == Activation::GeluTanh)
    return gatedBy(x, 1.59576912160573073f * fmaf(0.044715f * x * x, x, x));
  return x;
}

/// A score, or with a soft cap what it becomes, in base-2 logarithms.
template <bool SoftCap> QZC_DEVICE float cappedScore(float s, float cap) {
  if constexpr (SoftCap)
    return cap * tanhf(s / cap) * kLog2E;
  return s;
}

/// Element `i` of an unquantized tensor.
template <Storage S> QZC_DEVICE float element(const void *data, long long i) {
  static_assert(S == Storage::F32 || S == Storage::F16 || S == Storage::BF16);
  if constexpr (S == Storage::F16)
    return toFloat(static_cast<const Half *>(data)[i]);
  if constexpr (S == Storage::BF16)
    return toFloat(static_cast<const BFloat16 *>(data)[i]);
  return static_cast<const float *>(data)[i];
}

/// One normalized, weighted element.
template <NormConfig N>
QZC_DEVICE float normalize(float v, float mean, float factor,
                           const NormArgs<Value> &norm, int i) {
  v = (v - mean) * factor;
  if constexpr (N.hasWeight)
    v *= element<N.storage>(norm.weight, i) + (N.unitOffset ? 1.0f : 0.0f);
  if constexpr (N.hasBias)
    v += element<N.storage>(norm.bias, i);
  return v;
}

/// Four elements of an unquantized tensor as they are stored.
template <Storage S> struct FourElements {
  uint2 bits = {};
  /// Elements i to i + 3, i a multiple of 4.
  QZC_DEVICE void load(const void *data, int i) {
    bits = *reinterpret_cast<const uint2 *>(
        static_cast<const unsigned short *>(data) + i);
  }
  QZC_DEVICE void unpack(float (&v)[4]) const {
    const unsigned short parts[4] = {static_cast<unsigned short>(bits.x),
                                     static_cast<unsigned short>(bits.x >> 16),
                                     static_cast<unsigned short>(bits.y),
                                     static_cast<unsigned short>(bits.y >> 16)};
#pragma unroll
    for (int e = 0; e < 4; ++e) {
      if constexpr (S == Storage::F16)
        v[e] = toFloat(Half{parts[e]});
      else
        v[e] = toFloat(BFloat16{parts[e]});
    }
  }
};
template <> struct FourElements<Storage::F32> {
  float4 quad = {};
  QZC_DEVICE void load(const void *data, int i) {
    quad =
        *reinterpret_cast<const float4 *>(static_cast<const float *>(data) + i);
  }
  QZC_DEVICE void unpack(float (&v)[4]) const {
    v[0] = quad.x, v[1] = quad.y, v[2] = quad.z, v[3] = quad.w;
  }
};

/// Mean (0 for rms) and 1 / deviation of a row, in every thread.
template <int Columns, Norm N, int Threads>
QZC_DEVICE void rowStatistics(const float *in, float epsilon, float *scratch,
                              float &mean, float &factor) {
  mean = 0.0f;
  if constexpr (N == Norm::Layer) {
    float sum = 0.0f;
    for (int i = threadIdx.x; i < Columns; i += Threads)
      sum += in[i];
    mean = reduceBlock<Sum, Threads>(sum, scratch) / Columns;
  }
  float sum = 0.0f;
  for (int i = threadIdx.x; i < Columns; i += Threads) {
    const float d = in[i] - mean;
    sum = fmaf(d, d, sum);
  }
  const float square = reduceBlock<Sum, Threads>(sum, scratch) / Columns;
  factor = 1.0f / sqrtf(square + epsilon);
}

/// 2^e with |v| / 2^e in [1/2, 1) for the largest |v|; 1 for zero.
QZC_DEVICE float powerOfTwoAbove(float absmax) {
  if (!(absmax > 0.0f) || absmax == QZC_INFINITY)
    return 1.0f;
  // The next exponent, 2^-100 at least.
  const unsigned above =
      (static_cast<unsigned>(__float_as_int(absmax)) & 0x7f800000u) +
      0x00800000u;
  constexpr unsigned least = (127u - 100u) << 23;
  return __uint_as_float(above < least ? least : above);
}

/// 1 / scale of a power of two between 2^-126 and 2^126.
QZC_DEVICE float inverseOfPower(float scale) {
  return __uint_as_float((254u << 23) -
                         static_cast<unsigned>(__float_as_int(scale)));
}

/// Counts this block in; true in every thread of the last of `blocks` to
/// arrive, which sees all that the others wrote before. Leaves the counter at
/// zero.
QZC_DEVICE bool arriveLast(unsigned *counter, unsigned blocks, int *flag) {
  // What the block has written is thread 0's to publish behind the barrier, and
  // what others have, the block's behind the next one.
  __syncthreads();
  if (threadIdx.x == 0) {
    __threadfence();
    const bool last = atomicAdd(counter, 1u) == blocks - 1;
    if (last) {
      *counter = 0;
      __threadfence();
    }
    *flag = last;
  }
  __syncthreads();
  return *flag != 0;
}

} // namespace qzc::kernels

#endif // QZC_KERNELS_COMMON_CUH
