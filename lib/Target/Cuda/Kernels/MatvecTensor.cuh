//===- MatvecTensor.cuh - A few tokens through a quantized layer ----------===//
//
// What matvec computes, with codes that cost little: a warp's 16 rows of
// weights are the row operand of mma.m16n8k16, the input its columns. Codes
// become f16 exactly, values of code books the sum of two f16. The input is the
// sum of two f16 as well, a column each. Products are exact, sums f32 in a
// fixed order.
//
// Lane 4g + t loads chunk t of rows g and g + 8. Columns 2t and 2t + 1 hold the
// input of chunk t alone, zeros elsewhere, so that a lane gets the sums of just
// the chunks it loaded, to be multiplied with their scales.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_KERNELS_MATVECTENSOR_CUH
#define QZC_KERNELS_MATVECTENSOR_CUH

#include "Matvec.cuh"
#include "Operands.cuh"

namespace qzc::kernels {

/// An input is 2^8 of one f16 and 2^-3 of another: inputs up to 2^24 keep 22
/// bits, or 2^-28 where that is more.
constexpr float kHighUnit = 256.0f;
constexpr float kLowUnit = 0.125f;

/// Stages the input as two planes of f16, `stride` apart, in the order of the
/// operands.
template <Storage S, int Padded, class Stage>
QZC_DEVICE void stageHalves(unsigned short *planes, int stride, float *scratch,
                            const Stage &stage, const float *x,
                            const typename Stage::Norms &norm) {
  constexpr int perChunk = Weights<S, 64>::kPerChunk;
  float4 v[Stage::kQuads];
  stage.values(v, scratch, x, norm);
#pragma unroll
  for (int j = 0; j < Stage::kQuads; ++j) {
    const int begin = 4 * Stage::quad(j);
    if (begin >= Padded)
      continue;
    const float elements[4] = {v[j].x, v[j].y, v[j].z, v[j].w};
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const int at = begin / perChunk * perChunk +
                     Operands<S>::order(begin % perChunk + i);
      const Half high = toHalf(elements[i] * (1.0f / kHighUnit));
      const float rest = elements[i] - toFloat(high) * kHighUnit;
      planes[at] = high.bits;
      planes[stride + at] = toHalf(rest * (1.0f / kLowUnit)).bits;
    }
  }
  __syncthreads();
}

/// The sum of each of `Chunks` chunks of `PerChunk` staged inputs.
template <int PerChunk, int Chunks>
QZC_DEVICE void sumChunks(const unsigned short *planes, int stride, float *sums,
                          int thread, int threads) {
  for (int c = thread; c < Chunks; c += threads) {
    float high = 0.0f;
    float low = 0.0f;
#pragma unroll
    for (int i = 0; i < PerChunk; i += 2) {
      const int at = c * PerChunk + i;
      const unsigned h = *reinterpret_cast<const unsigned *>(planes + at);
      const unsigned l =
          *reinterpret_cast<const unsigned *>(planes + stride + at);
      high += lowHalf(h) + highHalf(h);
      low += lowHalf(l) + highHalf(l);
    }
    sums[c] = high * kHighUnit + low * kLowUnit;
  }
  __syncthreads();
}

/// Rows of whole chunks, x 16-byte aligned. Grid: T × blocks of tiles.
/// splitK × splitN warps: those of one row of warps share the columns of a tile
/// of 16 rows (gated: 8 gate rows and their 8 up rows) among them. A block
/// takes splitN × tiles tiles. Dynamic shared memory: both planes of the input,
/// the table, the partial sums, and where weights have minima the sum of each
/// chunk's input.
template <MatvecTensor::Config C>
QZC_DEVICE void matvecTensor(const MatvecTensor::Args<Value> &a) {
  constexpr int K = C.layer.inputs;
  constexpr Storage S = C.layer.weight.storage;
  using W = WeightsOf<C.layer.weight>;
  using O = LoneOperands<S>;
  using Norms = InputNorm<C.norm>;
  constexpr int threads = C.splitK * C.splitN * kWarp;
  using Parts = MatvecParts<C.layer>;
  constexpr int total = Parts::outputs();
  constexpr int sides = C.layer.gated ? 2 : 1;
  constexpr int perTile = 16 / sides;
  constexpr int chunks = K / W::kPerChunk;
  constexpr int groups = (chunks + 3) / 4;
  constexpr int steps = (groups + C.splitK - 1) / C.splitK;
  constexpr int units = steps * C.tiles;
  constexpr int depth = units < 4 ? units : 4;
  constexpr int padded = groups * 4 * W::kPerChunk;
  // Apart by half the banks, where the two planes are read together.
  constexpr int stride = padded + 16;
  constexpr int multiplies = W::kPerChunk / 4;
  static_assert(K % W::kPerChunk == 0, "rows are whole chunks");
  using Stage = RegisterStage<threads, K, padded, W::kPerChunk, Norms>;

  QZC_DYNAMIC_SHARED(shared);
  __shared__ float scratch[32];
  auto *planes = reinterpret_cast<unsigned short *>(shared);
  char *table = reinterpret_cast<char *>(planes + 2 * stride);
  auto *partial = reinterpret_cast<float *>(table + O::kTableBytes);
  float *chunkSums = partial + C.splitK * C.splitN * C.tiles * 16;

  // Blocks of the next launch that fill tables would be in the way.
  if constexpr (O::kTableBytes == 0)
    launchDependents();
  const int warp = threadIdx.x / kWarp;
  const int warpK = warp % C.splitK;
  const int warpN = warp / C.splitK;
  const int lane = threadIdx.x % kWarp;
  const int row = lane / 4;
  const int chunk = lane % 4;
  const int firstTile = (blockIdx.y * C.splitN + warpN) * C.tiles;
  const long long token = blockIdx.x;
  const float *x = rowOf(a.x, token);
  const float *residual = rowOf(a.layer.residual, token);
  float *out = rowOf(a.layer.out, token);
  const Norms norm = {a.norm};

  const Parts parts = {a.layer};
  struct Unit {
    typename W::Chunk low, high; ///< of rows `row` and `row` + 8
  };
  auto load = [&](Unit &unit, int number) {
    const int index = 4 * (warpK * steps + number % steps) + chunk;
    const int tile = firstTile + number / steps;
    if (index >= chunks || tile * perTile >= total) {
      unit.low = W::zero();
      unit.high = W::zero();
      return;
    }
    auto chunkOf = [&](const MatvecRow &p) {
      return W::load(p.data, p.scales,
                     static_cast<long long>(p.stored) * K +
                         index * W::kPerChunk);
    };
    unit.low = chunkOf(parts.find(tile * perTile + row, 0));
    unit.high =
        chunkOf(C.layer.gated ? parts.find(tile * perTile + row, 1)
                              : parts.find(tile * perTile + row + 8, 0));
  };

  Unit ring[depth];
#pragma unroll
  for (int d = 0; d < depth; ++d)
    load(ring[d], d);
  Stage stage;
  stage.prepare(norm);
  O::fill(table, threadIdx.x, threads);
  waitForDependencies();
  stageHalves<S, padded>(planes, stride, scratch, stage, x, norm);
  if constexpr (W::kAffine)
    sumChunks<W::kPerChunk, groups * 4>(planes, stride, chunkSums, threadIdx.x,
                                        threads);
  if constexpr (O::kTableBytes > 0)
    launchDependents();

  // Which plane and chunk this lane's columns are of: column `row` holds plane
  // row % 2 of chunk row / 2.
  const bool mine = row / 2 == chunk;
  const unsigned short *column =
      planes + row % 2 * stride + chunk * W::kPerChunk;
  float sumLow = 0.0f;
  float sumHigh = 0.0f;
#pragma unroll 1
  for (int begin = 0; begin < units; begin += depth) {
#pragma unroll
    for (int d = 0; d < depth; ++d) {
      const int number = begin + d;
      if (units % depth != 0 && number >= units)
        continue;
      const int step = number % steps;
      const int group = warpK * steps + step;
      float c[2][O::kTerms][4] = {};
#pragma unroll
      for (int m = 0; m < multiplies; m += 2) {
        uint4 b = make_uint4(0, 0, 0, 0);
        if (mine && group < groups)
          b = *reinterpret_cast<const uint4 *>(
              column + group * 4 * W::kPerChunk + 4 * m);
#pragma unroll
        for (int half = 0; half < 2; ++half) {
          unsigned low[2][O::kTerms];
          unsigned high[2][O::kTerms];
          O::pairs(ring[d].low.bits, m + half, table, low[0], low[1]);
          O::pairs(ring[d].high.bits, m + half, table, high[0], high[1]);
#pragma unroll
          for (int term = 0; term < O::kTerms; ++term) {
            const unsigned rows[4] = {low[0][term], high[0][term], low[1][term],
                                      high[1][term]};
            multiplyAccumulate(c[half][term], rows, half ? b.z : b.x,
                               half ? b.w : b.y);
          }
        }
      }
      float dotLow = 0.0f;
      float dotHigh = 0.0f;
#pragma unroll
      for (int half = 0; half < 2; ++half)
#pragma unroll
        for (int term = 0; term < O::kTerms; ++term) {
          dotLow += c[half][term][0] * kHighUnit + c[half][term][1] * kLowUnit;
          dotHigh += c[half][term][2] * kHighUnit + c[half][term][3] * kLowUnit;
        }
      sumLow = fmaf(dotLow, W::scale(ring[d].low), sumLow);
      sumHigh = fmaf(dotHigh, W::scale(ring[d].high), sumHigh);
      if constexpr (W::kAffine) {
        const float inputs = group < groups ? chunkSums[group * 4 + chunk] : 0;
        sumLow = fmaf(W::minimum(ring[d].low), inputs, sumLow);
        sumHigh = fmaf(W::minimum(ring[d].high), inputs, sumHigh);
      }
      if (number + depth < units)
        load(ring[d], number + depth);
      if (step == steps - 1) {
        sumLow += __shfl_xor_sync(QZC_FULL_WARP, sumLow, 1);
        sumHigh += __shfl_xor_sync(QZC_FULL_WARP, sumHigh, 1);
        sumLow += __shfl_xor_sync(QZC_FULL_WARP, sumLow, 2);
        sumHigh += __shfl_xor_sync(QZC_FULL_WARP, sumHigh, 2);
        if (chunk == 0) {
          float *to =
              partial +
              ((warpN * C.tiles + number / steps) * C.splitK + warpK) * 16;
          to[row] = sumLow;
          to[row + 8] = sumHigh;
        }
        sumLow = 0.0f;
        sumHigh = 0.0f;
      }
    }
  }
  __syncthreads();

  for (int i = threadIdx.x; i < C.splitN * C.tiles * perTile; i += threads) {
    const int n = blockIdx.y * C.splitN * C.tiles * perTile + i;
    if (n >= total)
      return;
    float y[sides];
#pragma unroll
    for (int side = 0; side < sides; ++side) {
      const float *from =
          partial + i / perTile * C.splitK * 16 + i % perTile + side * 8;
      float sum = from[0];
#pragma unroll
      for (int w = 1; w < C.splitK; ++w)
        sum += from[w * 16];
      const MatvecRow p = parts.find(n, side);
      y[side] = sum * W::rowScale(p.scales, p.stored);
      if constexpr (C.layer.end.hasBias)
        y[side] += element<C.layer.end.bias>(p.bias, p.row);
    }
    float result = activate<C.layer.end.activation>(y[0]);
    if constexpr (C.layer.gated)
      result *= y[1];
    if constexpr (C.layer.end.residual)
      result += residual[n];
    out[n] = result;
  }
}

} // namespace qzc::kernels

#endif // QZC_KERNELS_MATVECTENSOR_CUH
