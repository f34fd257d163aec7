//===- Matvec.cuh - A few tokens through a linear layer -------------------===//
//
// out = f(W · norm(x) + bias) [+ residual] for up to three weights of one
// input, a token a block. Blocks of the same rows of weights are neighbours, so
// that memory gives these once. Every block stages norm(x) in shared memory,
// computing the norm again (cheaper than a launch of its own); every warp then
// dots a few rows with it. Everything that does not depend on the kernels
// before, the first weights above all, is loaded before waiting for them, and
// several 16-byte loads a lane are in flight at any time. Sums are f32 in a
// fixed order.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_KERNELS_MATVEC_CUH
#define QZC_KERNELS_MATVEC_CUH

#include "Weights.cuh"

namespace qzc::kernels {

/// The norm before the layer: what it is and what its weights are.
template <Norm N, Storage S, bool UnitOffset, bool HasWeight, bool HasBias>
struct InputNorm {
  static constexpr Norm kKind = N;
  static constexpr bool kHasWeight = HasWeight;
  static constexpr bool kHasBias = HasBias;
  const void *weight;
  const void *bias;
  float epsilon;

  QZC_DEVICE float apply(float v, float mean, float factor, int i) const {
    return normalize<NormConfig{N, S, UnitOffset, HasWeight, HasBias}>(
        v, mean, factor, {weight, bias, epsilon}, i);
  }

  /// Weights and biases of four elements.
  struct Four {
    FourElements<S> weights, biases;

    /// Of elements i to i + 3.
    QZC_DEVICE void load(const InputNorm &norm, int i) {
      if constexpr (HasWeight)
        weights.load(norm.weight, i);
      if constexpr (HasBias)
        biases.load(norm.bias, i);
    }
    /// The elements, from whose values the mean is taken already.
    QZC_DEVICE void apply(float4 &v, float factor) const {
      float w[4];
      float b[4];
      weights.unpack(w);
      biases.unpack(b);
      float *e = &v.x;
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        e[i] *= factor;
        if constexpr (HasWeight)
          e[i] *= w[i] + (UnitOffset ? 1.0f : 0.0f);
        if constexpr (HasBias)
          e[i] += b[i];
      }
    }
  };
};

/// Where quad i of the input lies in shared memory: so that the lanes' 16-byte
/// reads of chunk `lane` hit different banks.
template <int PerChunk> QZC_DEVICE int stagedQuad(int i) {
  constexpr int quads = PerChunk / 4;
  const int step = i / (kWarp * quads);
  const int lane = i / quads % kWarp;
  return (step * quads + i % quads) * kWarp + lane;
}

/// Quads of the staged input that each of `threads` threads brings.
constexpr int quadsPerThread(int padded, int threads) {
  return (padded / 4 + threads - 1) / threads;
}

/// v = norm(v), a row of K elements of which threads have quads in registers,
/// zeros beyond the row. isInput(j): whether v[j] is of the row; total(sum, i):
/// of all its threads, for i = 0 and 1.
template <int K, class Norms, int Quads, class IsInput, class Total>
QZC_DEVICE void
normalizeQuads(float4 (&v)[Quads], const typename Norms::Four (&fours)[Quads],
               float epsilon, const IsInput &isInput, const Total &total) {
  float mean = 0.0f;
  if constexpr (Norms::kKind == Norm::Layer) {
    float sum = 0.0f;
#pragma unroll
    for (int j = 0; j < Quads; ++j)
      sum += (v[j].x + v[j].y) + (v[j].z + v[j].w);
    mean = total(sum, 0) / K;
  }
  float sum = 0.0f;
#pragma unroll
  for (int j = 0; j < Quads; ++j) {
    if (!isInput(j))
      continue;
    v[j].x -= mean, v[j].y -= mean, v[j].z -= mean, v[j].w -= mean;
    sum += (v[j].x * v[j].x + v[j].y * v[j].y) +
           (v[j].z * v[j].z + v[j].w * v[j].w);
  }
  const float square = total(sum, 1) / K;
  const float factor = 1.0f / sqrtf(square + epsilon);
#pragma unroll
  for (int j = 0; j < Quads; ++j)
    if (isInput(j))
      fours[j].apply(v[j], factor);
}

/// Stages norm(x) of K elements, zero up to `Padded`, a multiple of 4, by way
/// of registers: every thread keeps kQuads quads, and its norm weights, loaded
/// before the wait.
template <int Threads, int K, int Padded, int PerChunk, class NormsOfInput>
struct RegisterStage {
  using Norms = NormsOfInput;
  static constexpr int kQuads = quadsPerThread(Padded, Threads);
  typename Norms::Four fours[kQuads];

  QZC_DEVICE static int quad(int j) { return j * Threads + threadIdx.x; }

  QZC_DEVICE void prepare(const Norms &norm) {
#pragma unroll
    for (int j = 0; j < kQuads; ++j)
      if (4 * quad(j) < K)
        fours[j].load(norm, 4 * quad(j));
  }
  /// This thread's quads of norm(x).
  QZC_DEVICE void values(float4 (&v)[kQuads], float *scratch, const float *x,
                         const Norms &norm) const {
#pragma unroll
    for (int j = 0; j < kQuads; ++j)
      v[j] = 4 * quad(j) < K
                 ? *reinterpret_cast<const float4 *>(x + 4 * quad(j))
                 : float4{0.0f, 0.0f, 0.0f, 0.0f};
    if constexpr (Norms::kKind != Norm::None)
      normalizeQuads<K, Norms>(
          v, fours, norm.epsilon, [](int j) { return 4 * quad(j) < K; },
          [&](float sum, int) {
            return reduceBlock<Sum, Threads>(sum, scratch);
          });
  }
  QZC_DEVICE void run(float4 *staged, float *scratch, const float *x,
                      const Norms &norm) const {
    float4 v[kQuads];
    values(v, scratch, x, norm);
#pragma unroll
    for (int j = 0; j < kQuads; ++j)
      if (4 * quad(j) < Padded)
        staged[stagedQuad<PerChunk>(quad(j))] = v[j];
    __syncthreads();
  }
};

/// The same for rows of any length and alignment, in plain order where the
/// kernel does not read chunks.
template <int Threads, int K, int Padded, bool Chunked, int PerChunk,
          class Norms>
struct LoopStage {
  QZC_DEVICE static int slot(int i) {
    if constexpr (Chunked)
      return 4 * stagedQuad<PerChunk>(i / 4) + i % 4;
    return i;
  }
  QZC_DEVICE void prepare(const Norms &) {}
  QZC_DEVICE void run(float4 *stagedQuads, float *scratch, const float *x,
                      const Norms &norm) const {
    float *staged = reinterpret_cast<float *>(stagedQuads);
#pragma unroll 4
    for (int i = threadIdx.x; i < Padded; i += Threads)
      staged[slot(i)] = i < K ? x[i] : 0.0f;
    if constexpr (Norms::kKind != Norm::None) {
      float mean, factor;
      rowStatistics<K, Norms::kKind, Threads>(x, norm.epsilon, scratch, mean,
                                              factor);
      for (int i = threadIdx.x; i < K; i += Threads)
        staged[slot(i)] = norm.apply(staged[slot(i)], mean, factor, i);
    }
    __syncthreads();
  }
};

template <bool First, class A, class B> struct Choose { using Type = A; };
template <class A, class B> struct Choose<false, A, B> { using Type = B; };

/// The sum of a chunk's input.
template <int Count> QZC_DEVICE float sumOf(const float (&x)[Count]) {
  float even = 0.0f;
  float odd = 0.0f;
#pragma unroll
  for (int i = 0; i < Count; i += 2) {
    even += x[i];
    odd += x[i + 1];
  }
  return even + odd;
}

/// The dot product of a chunk with the staged input of the same elements, whose
/// sum is `sum`.
template <Storage S, int Block>
QZC_DEVICE float
dotChunk(const typename Weights<S, Block>::Chunk &chunk, float entry,
         const float (&x)[Weights<S, Block>::kPerChunk], float sum) {
  constexpr int count = Weights<S, Block>::kPerChunk;
  float w[count];
  Weights<S, Block>::decode(chunk, entry, w);
  float even = 0.0f;
  float odd = 0.0f;
#pragma unroll
  for (int i = 0; i < count; i += 2) {
    even = fmaf(w[i], x[i], even);
    odd = fmaf(w[i + 1], x[i + 1], odd);
  }
  const float dot = (even + odd) * Weights<S, Block>::scale(chunk);
  if constexpr (Weights<S, Block>::kAffine)
    return fmaf(Weights<S, Block>::minimum(chunk), sum, dot);
  else
    return dot;
}

/// Loads in flight a lane: as near to eight chunks as gives the fewest steps
/// beyond `steps` when these are rounded up to a multiple.
constexpr int pipelineDepth(int steps, int columns) {
  const int most = columns >= 8 ? 1 : 8 / columns;
  if (steps <= most)
    return steps;
  int best = most;
  for (int depth = most; 2 * depth > most; --depth)
    if ((steps + depth - 1) / depth * depth < (steps + best - 1) / best * best)
      best = depth;
  return best;
}

/// One part of the layer: data, scales, bias, and the row of the stored weight
/// that its own rows begin with.
struct MatvecPart {
  const void *data;
  const void *scales;
  const void *bias;
  int begin;
};

/// One row of a part: its number in the part, and in the stored weight.
struct MatvecRow {
  const void *data;
  const void *scales;
  const void *bias;
  int row;
  int stored;
};

/// The parts of a layer of N0 + N1 + N2 outputs, whose rows are Runs0, Runs1,
/// Runs2 of their weights; gated: N0 outputs of a gate and an up row each.
template <int N0, int N1, int N2, class Runs0, class Runs1, class Runs2,
          bool Gated>
struct MatvecParts {
  static constexpr int kOutputs = Gated ? N0 : N0 + N1 + N2;
  MatvecPart first, second, third;

  /// What side 0 or 1 (gated: gate or up) of output n is made of; of an output
  /// beyond the last, that of the last.
  QZC_DEVICE MatvecRow find(int n, int side) const {
    n = n < kOutputs ? n : kOutputs - 1;
    if constexpr (Gated)
      return side == 0 ? rowOf<Runs0>(first, n) : rowOf<Runs1>(second, n);
    if (N1 == 0 || n < N0)
      return rowOf<Runs0>(first, n);
    if (N2 == 0 || n < N0 + N1)
      return rowOf<Runs1>(second, n - N0);
    return rowOf<Runs2>(third, n - N0 - N1);
  }

private:
  template <class Runs>
  QZC_DEVICE static MatvecRow rowOf(const MatvecPart &part, int row) {
    return {part.data, part.scales, part.bias, row, part.begin + Runs::at(row)};
  }
};

/// K inputs; N0, N1, N2 outputs of the parts (0: absent). Gated: parts 0 and 1
/// have N0 rows each and give N0 outputs. Fast: rows divide into chunks and x
/// is 16-byte aligned. Grid: T × blocks of rows; a block of Warps warps takes
/// Warps × PerWarp × Passes rows. Dynamic shared memory: the staged input.
template <int K, int N0, int N1, int N2, class Runs0, class Runs1, class Runs2,
          Storage S, int Block, bool Fast, bool Gated, Norm NormKind,
          Storage NormStorage, bool UnitOffset, bool NormWeight, bool NormBias,
          bool HasBias, Storage BiasStorage, Activation Act, bool Residual,
          int Warps, int PerWarp, int Passes>
QZC_DEVICE void
matvec(const float *x, int xStride, const void *normWeight,
       const void *normBias, float epsilon, const void *data0,
       const void *scales0, const void *bias0, int begin0, const void *data1,
       const void *scales1, const void *bias1, int begin1, const void *data2,
       const void *scales2, const void *bias2, int begin2,
       const float *residual, int residualStride, float *out, int outStride) {
  using W = Weights<S, Block>;
  using Norms =
      InputNorm<NormKind, NormStorage, UnitOffset, NormWeight, NormBias>;
  constexpr int threads = Warps * kWarp;
  using Parts = MatvecParts<N0, N1, N2, Runs0, Runs1, Runs2, Gated>;
  constexpr int total = Parts::kOutputs;
  constexpr int sides = Gated ? 2 : 1;
  constexpr int columns = sides * PerWarp;
  constexpr int chunks = K / W::kPerChunk;
  constexpr int steps = Fast ? (chunks + kWarp - 1) / kWarp : 1;
  constexpr int depth = pipelineDepth(steps, columns);
  constexpr int rounds = (steps + depth - 1) / depth;
  constexpr int padded = Fast ? steps * kWarp * W::kPerChunk : K;
  static_assert(!Fast || K % W::kPerChunk == 0, "rows are whole chunks");
  using Stage = typename Choose<
      Fast && quadsPerThread(padded, threads) <= 8,
      RegisterStage<threads, K, padded, W::kPerChunk, Norms>,
      LoopStage<threads, K, padded, Fast, W::kPerChunk, Norms>>::Type;
  QZC_DYNAMIC_SHARED(staged);
  __shared__ float scratch[32];

  const int warp = threadIdx.x / kWarp;
  const int lane = threadIdx.x % kWarp;
  const float entry = W::entry();
  const int firstRow = (blockIdx.y * Passes * Warps + warp) * PerWarp;
  const long long token = blockIdx.x;
  x += token * xStride;
  residual += token * residualStride;
  out += token * outStride;
  const Norms norm = {normWeight, normBias, epsilon};

  const Parts parts = {{data0, scales0, bias0, begin0},
                       {data1, scales1, bias1, begin1},
                       {data2, scales2, bias2, begin2}};
  // Slot r: gated layers have the gate rows first, then the up rows.
  auto load = [&](typename W::Chunk(&w)[columns], int group, int step) {
    const int index = step * kWarp + lane;
#pragma unroll
    for (int r = 0; r < columns; ++r) {
      const MatvecRow p = parts.find(group + r % PerWarp, r / PerWarp);
      w[r] = index < chunks ? W::load(p.data, p.scales,
                                      static_cast<long long>(p.stored) * K +
                                          index * W::kPerChunk)
                            : W::zero();
    }
  };

  typename W::Chunk ring[depth][columns];
  if constexpr (Fast) {
#pragma unroll
    for (int d = 0; d < depth; ++d)
      load(ring[d], firstRow, d);
  }
  Stage stage;
  stage.prepare(norm);

  for (int pass = 0; pass < Passes; ++pass) {
    const int group = firstRow + pass * Warps * PerWarp;
    // Lane r finishes row r of the group: what that takes is loaded early.
    const int mine = group + lane % PerWarp;
    float scale[sides];
    float bias[sides];
#pragma unroll
    for (int side = 0; side < sides; ++side) {
      const MatvecRow p = parts.find(mine, side);
      scale[side] = W::rowScale(p.scales, p.stored);
      bias[side] = 0.0f;
      if constexpr (HasBias)
        bias[side] = element<BiasStorage>(p.bias, p.row);
    }
    if (pass == 0)
      waitForDependencies();
    float added = 0.0f;
    if constexpr (Residual)
      added = mine < total ? residual[mine] : 0.0f;
    if (pass == 0) {
      stage.run(staged, scratch, x, norm);
      launchDependents();
    }
    if (group >= total)
      return;

    float sums[columns];
#pragma unroll
    for (int r = 0; r < columns; ++r)
      sums[r] = 0.0f;
    if constexpr (Fast) {
#pragma unroll 1
      for (int round = 0; round < rounds; ++round) {
#pragma unroll
        for (int d = 0; d < depth; ++d) {
          const int step = round * depth + d;
          if (rounds * depth > steps && step >= steps)
            continue;
          float v[W::kPerChunk];
#pragma unroll
          for (int q = 0; q < W::kPerChunk / 4; ++q) {
            const float4 quad =
                staged[(step * (W::kPerChunk / 4) + q) * kWarp + lane];
            v[4 * q] = quad.x;
            v[4 * q + 1] = quad.y;
            v[4 * q + 2] = quad.z;
            v[4 * q + 3] = quad.w;
          }
          const float inputs = W::kAffine ? sumOf(v) : 0.0f;
#pragma unroll
          for (int r = 0; r < columns; ++r)
            sums[r] += dotChunk<S, Block>(ring[d][r], entry, v, inputs);
          if (step + depth < steps)
            load(ring[d], group, step + depth);
          else if (pass + 1 < Passes)
            load(ring[d], group + Warps * PerWarp, d);
        }
      }
    } else {
      const float *input = reinterpret_cast<const float *>(staged);
#pragma unroll
      for (int r = 0; r < columns; ++r) {
        const MatvecRow p = parts.find(group + r % PerWarp, r / PerWarp);
        const long long first = static_cast<long long>(p.stored) * K;
        for (int i = lane; i < K; i += kWarp)
          sums[r] = fmaf(W::at(p.data, p.scales, first + i), input[i], sums[r]);
      }
    }

    float y[sides];
#pragma unroll
    for (int r = 0; r < columns; ++r) {
      const float sum = reduceWarp<Sum>(sums[r]);
      if (lane % PerWarp == r % PerWarp)
        y[r / PerWarp] = sum;
    }
#pragma unroll
    for (int side = 0; side < sides; ++side)
      y[side] = y[side] * scale[side] + bias[side];
    float result = activate<Act>(y[0]);
    if constexpr (Gated)
      result *= y[1];
    if (lane < PerWarp && mine < total)
      out[mine] = result + added;
  }
}

} // namespace qzc::kernels

#endif // QZC_KERNELS_MATVEC_CUH
