//===- LoneStage.cuh - An input in the columns of its warps ---------------===//
//
// The warps that multiply the same columns are a team, which stages just these:
// teams do not wait for each other. A row's rms norm is a factor, which its
// outputs may be multiplied with as well.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_KERNELS_LONESTAGE_CUH
#define QZC_KERNELS_LONESTAGE_CUH

#include "Matvec.cuh"

namespace qzc::kernels {

/// The most neighbouring quads of so many that can be of one chunk.
constexpr int quadsOfRun(int quads, int perChunk) {
  int run = 1;
  while (quads % (2 * run) == 0 && 8 * run <= perChunk)
    run *= 2;
  return run;
}

/// Rows of K elements by Teams teams of TeamWarps warps. Each takes Elements of
/// them, which are zero beyond K; a thread those of kRuns runs, neighbours
/// inside of a chunk.
template <int K, int Teams, int TeamWarps, int Elements, int PerChunk,
          class NormsOfInput>
struct LoneStage {
  using Norms = NormsOfInput;
  static constexpr int kThreads = TeamWarps * kWarp; ///< of a team
  static constexpr int kQuads = quadsPerThread(Elements, kThreads);
  static constexpr int kRunQuads = quadsOfRun(kQuads, PerChunk);
  static constexpr int kRuns = kQuads / kRunQuads;
  static constexpr int kRunElements = 4 * kRunQuads;
  static constexpr int kRunsOfChunk = PerChunk / kRunElements;
  static_assert(Elements % PerChunk == 0, "whole chunks");
  /// Whether the norm's factor is left to the outputs.
  static constexpr bool kLeavesFactor =
      Norms::kKind == Norm::Rms && !Norms::kHasBias && !Norms::kKeeps;

  typename Norms::Four fours[kQuads];
  int team, thread;

  QZC_DEVICE LoneStage(int team, int thread) : team(team), thread(thread) {}

  /// The first element of a run.
  QZC_DEVICE int run(int r) const {
    return team * Elements + (r * kThreads + thread) * kRunElements;
  }
  /// Whether it is of the team's columns, which are beyond the row perhaps.
  QZC_DEVICE bool isOfTeam(int r) const {
    return Elements % (kThreads * kRunElements) == 0 ||
           (r * kThreads + thread) * kRunElements < Elements;
  }
  QZC_DEVICE bool isInput(int r) const {
    return isOfTeam(r) && (Teams * Elements == K || run(r) < K);
  }
  /// The same of a quad, and its first element.
  QZC_DEVICE bool isQuad(int j) const { return isInput(j / kRunQuads); }
  QZC_DEVICE int quad(int j) const {
    return run(j / kRunQuads) + 4 * (j % kRunQuads);
  }
  QZC_DEVICE void prepare(const Norms &norm) {
#pragma unroll
    for (int j = 0; j < kQuads; ++j)
      if (isQuad(j))
        fours[j].load(norm, quad(j));
  }
  /// This thread's quads of x.
  QZC_DEVICE void load(float4 (&v)[kQuads], const float *x) const {
#pragma unroll
    for (int j = 0; j < kQuads; ++j)
      v[j] = isQuad(j) ? *reinterpret_cast<const float4 *>(x + quad(j))
                       : float4{0.0f, 0.0f, 0.0f, 0.0f};
  }
  /// Makes them quads of norm(x); or without the norm's factor, which takes the
  /// sum of all x^2: that of this thread's is returned then.
  QZC_DEVICE float normalize(float4 (&v)[kQuads], float *scratch,
                             const Norms &norm) const {
    float squares = 0.0f;
    if constexpr (kLeavesFactor) {
#pragma unroll
      for (int j = 0; j < kQuads; ++j) {
        squares += (v[j].x * v[j].x + v[j].y * v[j].y) +
                   (v[j].z * v[j].z + v[j].w * v[j].w);
        fours[j].apply(v[j], 1.0f);
      }
    } else if constexpr (Norms::kKind != Norm::None) {
      normalizeInBlock<K, Norms, Teams * kThreads, Elements == 4 * kThreads>(
          v, fours, norm.epsilon, [&](int j) { return isQuad(j); }, scratch);
    }
    if constexpr (Norms::kKeeps)
      if (norm.keeps())
#pragma unroll
        for (int j = 0; j < kQuads; ++j)
          if (isQuad(j))
            norm.keep(quad(j), v[j]);
    return squares;
  }
  /// What a team's threads have written is there for all of them.
  QZC_DEVICE static void meet() {
    if constexpr (TeamWarps == 1)
      __syncwarp();
    else
      __syncthreads();
  }
};

/// A power of two as the scale of a chunk's elements, which fit into Bits bits
/// with their sign behind it.
template <int Bits> struct ChunkScale {
  float factor; ///< what elements are multiplied with
  float unit;   ///< 1 / factor; NaN where there are no such elements

  /// Of a chunk whose largest magnitude is `largest`.
  QZC_DEVICE explicit ChunkScale(float largest) {
    constexpr int one = 1 << 23;
    // 2^-90, for which both have exponents.
    const int bits = max(__float_as_int(largest), 37 * one) & 0xff * one;
    factor = __int_as_float((125 + Bits) * one - (bits - 127 * one));
    unit = fmaf(largest, 0.0f, __int_as_float(bits - (Bits - 2) * one));
  }
};

/// The largest magnitude of the chunk that Runs neighbouring lanes have runs
/// of; NaN where one is.
template <int Runs, int Quads>
QZC_DEVICE float largestOfChunk(const float4 *v) {
  float largest = 0.0f;
#pragma unroll
  for (int j = 0; j < Quads; ++j) {
    largest = largerMagnitude(largest, v[j].x);
    largest = largerMagnitude(largest, v[j].y);
    largest = largerMagnitude(largest, v[j].z);
    largest = largerMagnitude(largest, v[j].w);
  }
#pragma unroll
  for (int mask = 1; mask < Runs; mask *= 2)
    largest =
        largerMagnitude(largest, __shfl_xor_sync(QZC_FULL_WARP, largest, mask));
  return largest;
}

/// So many words, to where they are aligned, in stores of up to 16 bytes.
template <int Words>
QZC_DEVICE void storeWords(void *to, const unsigned (&words)[Words]) {
  static_assert(Words == 1 || Words == 2 || Words % 4 == 0);
  if constexpr (Words == 1)
    *static_cast<unsigned *>(to) = words[0];
  if constexpr (Words == 2)
    *static_cast<uint2 *>(to) = make_uint2(words[0], words[1]);
#pragma unroll
  for (int i = 0; i + 4 <= Words; i += 4)
    static_cast<uint4 *>(to)[i / 4] =
        make_uint4(words[i], words[i + 1], words[i + 2], words[i + 3]);
}

} // namespace qzc::kernels

#endif // QZC_KERNELS_LONESTAGE_CUH
