//===- Matvec.cuh - A few tokens through a linear layer -------------------===//
//
// out = f(W · norm(x) + bias) [+ residual] for up to three weights of one
// input, a token a block. Blocks of the same rows of weights are neighbours, so
// that memory gives these once. Every block stages norm(x) in shared memory,
// computing the norm again (cheaper than a launch of its own), and the first of
// each token may leave it to later launches; every warp then dots a few rows
// with it. Everything that does not depend on the kernels
// before, the first weights above all, is loaded before waiting for them, and
// several 16-byte loads a lane are in flight at any time. Sums are f32 in a
// fixed order.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_KERNELS_MATVEC_CUH
#define QZC_KERNELS_MATVEC_CUH

#include "Choice.cuh"
#include "Matvec.h"
#include "Weights.cuh"

namespace qzc::kernels {

/// The norm before the layer. One that Keeps leaves its rows to later launches.
template <NormConfig N, bool Keeps = false> struct InputNorm : NormArgs<Value> {
  static constexpr Norm kKind = N.kind;
  static constexpr bool kKeeps = Keeps;
  static constexpr bool kHasBias = N.hasBias;
  float *kept; ///< row to leave; null where another block does it

  QZC_DEVICE bool keeps() const { return kept; }
  /// Leaves elements i to i + 3.
  QZC_DEVICE void keep(int i, const float4 &v) const {
    kept[i] = v.x;
    kept[i + 1] = v.y;
    kept[i + 2] = v.z;
    kept[i + 3] = v.w;
  }

  QZC_DEVICE float apply(float v, float mean, float factor, int i) const {
    return normalize<N>(v, mean, factor, *this, i);
  }

  /// Weights and biases of four elements.
  struct Four {
    FourElements<N.storage> weights, biases;

    /// Of elements i to i + 3.
    QZC_DEVICE void load(const InputNorm &norm, int i) {
      if constexpr (N.hasWeight)
        weights.load(norm.weight, i);
      if constexpr (N.hasBias)
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
        if constexpr (N.hasWeight)
          e[i] *= w[i] + (N.unitOffset ? 1.0f : 0.0f);
        if constexpr (N.hasBias)
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

/// What the variance of some elements takes. Differences that are squared are
/// those of sums of few elements: none is of a large mean.
struct Moments {
  float sum = 0.0f;
  float squares = 0.0f; ///< of distances from the elements' mean

  QZC_DEVICE static Moments of(const float4 &v) {
    const float sum = (v.x + v.y) + (v.z + v.w);
    const float mean = 0.25f * sum;
    const float x = v.x - mean, y = v.y - mean;
    const float z = v.z - mean, w = v.w - mean;
    return {sum, (x * x + y * y) + (z * z + w * w)};
  }
  /// Of as many others as well; half: of a number's inverse.
  QZC_DEVICE void join(const Moments &other, float half) {
    const float apart = other.sum - sum;
    squares = fmaf(apart * half, apart, squares + other.squares);
    sum += other.sum;
  }
};

/// v = norm(v), a layer norm: the block meets once for mean and variance. Its
/// first warps, a power of two of them, have a quad a thread, in order.
template <int K, class Norms>
QZC_DEVICE void normalizeQuad(float4 &v, const typename Norms::Four &four,
                              float epsilon, bool isInput, float *scratch) {
  constexpr int warps = K / (4 * kWarp);
  Moments moments = Moments::of(v);
  const auto join = [&](int lanes, float half) {
    moments.join({__shfl_xor_sync(QZC_FULL_WARP, moments.sum, lanes),
                  __shfl_xor_sync(QZC_FULL_WARP, moments.squares, lanes)},
                 half);
  };
#pragma unroll
  for (int lanes = 1; lanes < kWarp; lanes *= 2)
    join(lanes, 0.125f / lanes);
  auto *ofWarps = reinterpret_cast<Moments *>(scratch);
  if (threadIdx.x % kWarp == 0)
    ofWarps[threadIdx.x / kWarp] = moments;
  __syncthreads();
  moments = ofWarps[threadIdx.x % warps];
#pragma unroll
  for (int lanes = 1; lanes < warps; lanes *= 2)
    join(lanes, 0.125f / kWarp / lanes);
  if (!isInput)
    return;
  const float mean = moments.sum / K;
  v.x -= mean, v.y -= mean, v.z -= mean, v.w -= mean;
  four.apply(v, reciprocalRoot(moments.squares / K + epsilon));
}

/// v = norm(v) of a row whose quads the threads of a block have, as far as
/// isInput(j); InOrder: those of a warp are neighbours, warp after warp.
/// `scratch`: 32 floats that were not used before.
template <int K, class Norms, int Threads, bool InOrder, int Quads,
          class IsInput>
QZC_DEVICE void
normalizeInBlock(float4 (&v)[Quads], const typename Norms::Four (&fours)[Quads],
                 float epsilon, const IsInput &isInput, float *scratch) {
  constexpr int warps = K / (4 * kWarp);
  if constexpr (Norms::kKind == Norm::Layer && Quads == 1 && InOrder &&
                K % (4 * kWarp) == 0 && warps == powerOfTwoFrom(warps) &&
                Threads <= 16 * kWarp)
    normalizeQuad<K, Norms>(v[0], fours[0], epsilon, isInput(0), scratch);
  else
    normalizeQuads<K, Norms>(v, fours, epsilon, isInput, [&](float sum, int) {
      return reduceBlock<Sum, Threads>(sum, scratch);
    });
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
      normalizeInBlock<K, Norms, Threads, true>(
          v, fours, norm.epsilon, [](int j) { return 4 * quad(j) < K; },
          scratch);
    if constexpr (Norms::kKeeps)
      if (norm.keeps())
#pragma unroll
        for (int j = 0; j < kQuads; ++j)
          if (4 * quad(j) < K)
            norm.keep(4 * quad(j), v[j]);
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
      for (int i = threadIdx.x; i < K; i += Threads) {
        const float v = norm.apply(staged[slot(i)], mean, factor, i);
        staged[slot(i)] = v;
        if constexpr (Norms::kKeeps)
          if (norm.kept)
            norm.kept[i] = v;
      }
    }
    __syncthreads();
  }
};

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
template <WeightConfig Weight>
QZC_DEVICE float
dotChunk(const typename WeightsOf<Weight>::Chunk &chunk, float entry,
         const float (&x)[WeightsOf<Weight>::kPerChunk], float sum) {
  using W = WeightsOf<Weight>;
  constexpr int count = W::kPerChunk;
  float w[count];
  W::decode(chunk, entry, w);
  float even = 0.0f;
  float odd = 0.0f;
#pragma unroll
  for (int i = 0; i < count; i += 2) {
    even = fmaf(w[i], x[i], even);
    odd = fmaf(w[i + 1], x[i + 1], odd);
  }
  const float dot = (even + odd) * W::scale(chunk);
  if constexpr (W::kAffine)
    return fmaf(W::minimum(chunk), sum, dot);
  else
    return dot;
}

/// Chunk `lane` of a step of the staged input.
template <int PerChunk>
QZC_DEVICE void stagedChunk(float (&v)[PerChunk], const float4 *staged,
                            int step, int lane) {
#pragma unroll
  for (int q = 0; q < PerChunk / 4; ++q) {
    const float4 quad = staged[(step * (PerChunk / 4) + q) * kWarp + lane];
    v[4 * q] = quad.x;
    v[4 * q + 1] = quad.y;
    v[4 * q + 2] = quad.z;
    v[4 * q + 3] = quad.w;
  }
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

/// One row of a part: its number in the part, and in the stored weight.
struct MatvecRow {
  const void *data;
  const void *scales;
  const void *bias;
  int row;
  int stored;
};

/// The parts of a layer.
template <LinearConfig L> struct MatvecParts {
  LinearArgs<Value> args;

  static constexpr int outputs() {
    const int first = L.parts[0].rows;
    return L.gated ? first : first + L.parts[1].rows + L.parts[2].rows;
  }

  /// What side 0 or 1 (gated: gate or up) of output n + behind is made of,
  /// which is of the same part as n; of an output beyond the last, where there
  /// may be such, that of the last.
  template <bool MayBeBeyond = true>
  QZC_DEVICE MatvecRow find(int n, int side, int behind = 0) const {
    constexpr int first = L.parts[0].rows;
    constexpr int second = L.parts[1].rows;
    int row = n + behind;
    if constexpr (MayBeBeyond)
      row = row < outputs() ? row : outputs() - 1;
    if constexpr (L.gated)
      return side == 0 ? rowOfPart<0>(row) : rowOfPart<1>(row);
    if (second == 0 || n < first)
      return rowOfPart<0>(row);
    if (L.parts[2].rows == 0 || n < first + second)
      return rowOfPart<1>(row - first);
    return rowOfPart<2>(row - first - second);
  }

private:
  template <int Index> QZC_DEVICE MatvecRow rowOfPart(int row) const {
    const PartArgs<Value> &part = args.parts[Index];
    return {part.weight.data, part.weight.scales, part.bias, row,
            part.begin + storedRow<L.parts[Index].runs>(row)};
  }
};

/// What a row's sum is multiplied with and added to.
template <LinearConfig L> struct RowEnd {
  float scale, bias;

  QZC_DEVICE static RowEnd load(const MatvecRow &row) {
    RowEnd end = {WeightsOf<L.weight>::rowScale(row.scales, row.stored), 0.0f};
    if constexpr (L.end.hasBias)
      end.bias = element<L.end.bias>(row.bias, row.row);
    return end;
  }
  QZC_DEVICE float of(float sum) const { return sum * scale + bias; }
};

/// Rows that an output is made of.
constexpr int sidesOf(const LinearConfig &layer) { return layer.gated ? 2 : 1; }

/// What finishes an output: of its rows, and the residual.
template <LinearConfig L> struct OutputEnd {
  RowEnd<L> ofSides[sidesOf(L)] = {};
  float added = 0.0f;

  QZC_DEVICE static OutputEnd load(const MatvecParts<L> &parts, int n,
                                   const float *residual) {
    OutputEnd end;
#pragma unroll
    for (int side = 0; side < sidesOf(L); ++side)
      end.ofSides[side] = RowEnd<L>::load(parts.template find<false>(n, side));
    if constexpr (L.end.residual)
      end.added = residual[n];
    return end;
  }
};

/// An output, without the residual, of what its rows came to.
template <LinearConfig L>
QZC_DEVICE float outputOf(const float (&y)[sidesOf(L)]) {
  float result = activate<L.end.activation>(y[0]);
  if constexpr (L.gated)
    result *= y[1];
  return result;
}

/// Grid: T × blocks of rows; a block of C.warps warps takes warps × perWarp ×
/// passes outputs. Dynamic shared memory: the staged input.
template <Matvec::Config C>
QZC_DEVICE void matvec(const Matvec::Args<Value> &a) {
  constexpr int K = C.layer.inputs;
  using W = WeightsOf<C.layer.weight>;
  using Norms = InputNorm<C.norm, C.keepsNorm>;
  constexpr int threads = C.warps * kWarp;
  using Parts = MatvecParts<C.layer>;
  constexpr int total = Parts::outputs();
  constexpr int sides = sidesOf(C.layer);
  constexpr int columns = sides * C.perWarp;
  constexpr int chunks = K / W::kPerChunk;
  constexpr int steps = C.fast ? (chunks + kWarp - 1) / kWarp : 1;
  constexpr int depth = pipelineDepth(steps, columns);
  constexpr int rounds = (steps + depth - 1) / depth;
  constexpr int padded = C.fast ? steps * kWarp * W::kPerChunk : K;
  static_assert(!C.fast || K % W::kPerChunk == 0, "rows are whole chunks");
  using Stage = typename Choose<
      C.fast && quadsPerThread(padded, threads) <= 8,
      RegisterStage<threads, K, padded, W::kPerChunk, Norms>,
      LoopStage<threads, K, padded, C.fast, W::kPerChunk, Norms>>::Type;
  QZC_DYNAMIC_SHARED(staged);
  __shared__ float scratch[32];

  const int warp = warpOfBlock();
  const int lane = threadIdx.x % kWarp;
  const float entry = W::entry();
  const int firstRow = (blockIdx.y * C.passes * C.warps + warp) * C.perWarp;
  const long long token = blockIdx.x;
  const float *x = rowOf(a.x, token);
  const float *residual = rowOf(a.layer.residual, token);
  float *out = rowOf(a.layer.out, token);
  const Norms norm = {
      a.norm, C.keepsNorm && blockIdx.y == 0 ? rowOf(a.kept, token) : nullptr};

  const Parts parts = {a.layer};
  // Slot r: gated layers have the gate rows first, then the up rows.
  auto load = [&](typename W::Chunk(&w)[columns], int group, int step) {
    const int index = step * kWarp + lane;
#pragma unroll
    for (int r = 0; r < columns; ++r) {
      const MatvecRow p = parts.find(group + r % C.perWarp, r / C.perWarp);
      w[r] = index < chunks ? W::load(p.data, p.scales,
                                      elementNumber<C.layer.weight, K>(
                                          p.stored, index * W::kPerChunk))
                            : W::zero();
    }
  };

  typename W::Chunk ring[depth][columns];
  if constexpr (C.fast) {
#pragma unroll
    for (int d = 0; d < depth; ++d)
      load(ring[d], firstRow, d);
  }
  Stage stage;
  stage.prepare(norm);

  [[maybe_unused]] TokenKey best = 0;
  for (int pass = 0; pass < C.passes; ++pass) {
    const int group = firstRow + pass * C.warps * C.perWarp;
    // Lane r finishes row r of the group: what that takes is loaded early.
    const int mine = group + lane % C.perWarp;
    RowEnd<C.layer> ends[sides];
#pragma unroll
    for (int side = 0; side < sides; ++side)
      ends[side] = RowEnd<C.layer>::load(parts.find(mine, side));
    if (pass == 0)
      waitForDependencies();
    float added = 0.0f;
    if constexpr (C.layer.end.residual)
      added = mine < total ? residual[mine] : 0.0f;
    if (pass == 0) {
      stage.run(staged, scratch, x, norm);
      launchDependents();
    }
    if (group >= total)
      break;

    float sums[columns];
#pragma unroll
    for (int r = 0; r < columns; ++r)
      sums[r] = 0.0f;
    if constexpr (C.fast) {
#pragma unroll 1
      for (int round = 0; round < rounds; ++round) {
#pragma unroll
        for (int d = 0; d < depth; ++d) {
          const int step = round * depth + d;
          if (rounds * depth > steps && step >= steps)
            continue;
          float v[W::kPerChunk];
          stagedChunk(v, staged, step, lane);
          const float inputs = W::kAffine ? sumOf(v) : 0.0f;
#pragma unroll
          for (int r = 0; r < columns; ++r)
            sums[r] += dotChunk<C.layer.weight>(ring[d][r], entry, v, inputs);
          if (step + depth < steps)
            load(ring[d], group, step + depth);
          else if (pass + 1 < C.passes)
            load(ring[d], group + C.warps * C.perWarp, d);
        }
      }
    } else {
      const float *input = reinterpret_cast<const float *>(staged);
#pragma unroll
      for (int r = 0; r < columns; ++r) {
        const MatvecRow p = parts.find(group + r % C.perWarp, r / C.perWarp);
        for (int i = lane; i < K; i += kWarp)
          sums[r] = fmaf(W::at(p.data, p.scales,
                               elementNumber<C.layer.weight, K>(p.stored, i)),
                         input[i], sums[r]);
      }
    }

    float y[sides];
#pragma unroll
    for (int r = 0; r < columns; ++r) {
      const float sum = reduceWarp<Sum>(sums[r]);
      if (lane % C.perWarp == r % C.perWarp)
        y[r / C.perWarp] = sum;
    }
#pragma unroll
    for (int side = 0; side < sides; ++side)
      y[side] = ends[side].of(y[side]);
    const float result = outputOf<C.layer>(y);
    if (lane < C.perWarp && mine < total) {
      out[mine] = result + added;
      if constexpr (C.chooses)
        best = greater(best, keyOf(result + added, mine));
    }
  }
  if constexpr (C.chooses)
    leaveChoice<threads>(best, a.choice + token);
}

} // namespace qzc::kernels

#endif // QZC_KERNELS_MATVEC_CUH
