//===- HalfDots.cuh - Weights of f16 times an input, by tensor cores ------===//
//
// Codes become f16 exactly, values of code books the sum of two f16. The input
// is the sum of two f16 as well, a column each, times a scale of its chunk.
// Products are exact.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_KERNELS_HALFDOTS_CUH
#define QZC_KERNELS_HALFDOTS_CUH

#include "LoneInput.h"
#include "LoneStage.cuh"
#include "Operands.cuh"

namespace qzc::kernels {

template <WeightConfig Weight, int Groups> struct HalfDots {
  using W = WeightsOf<Weight>;
  static constexpr Storage S = Weight.storage;
  using O = typename Choose<S == Storage::Fp8, Operands<S>,
                            BookOperands<BookOf<S>, Entry::Terms>>::Type;
  static constexpr LoneInput kInput = {Groups, W::kPerChunk};
  static constexpr int kStride = kInput.halfStride();
  /// Blocks of the next launch that fill tables would be in the way.
  static constexpr bool kFillsTable = O::kTableBytes > 0;
  static constexpr int kSharedBytes = kInput.halfBytes() + O::kTableBytes;
  static_assert(!W::kAffine, "codes with minima have no sums here");

  unsigned short *planes;
  float *scales; ///< of chunks
  char *table;
  const unsigned short *column; ///< what this lane's begins with
  bool isMine;                  ///< whether it is of this lane's chunk at all

  QZC_DEVICE explicit HalfDots(char *shared) {
    planes = reinterpret_cast<unsigned short *>(shared);
    table = shared + kInput.halfBytes();
    scales = reinterpret_cast<float *>(table) - kInput.chunks();
    // Column c holds plane c % 2 of chunk c / 2.
    const int lane = threadIdx.x % kWarp;
    const int c = lane / 4;
    isMine = c / 2 == lane % 4;
    column = planes + c % 2 * kStride + lane % 4 * W::kPerChunk;
  }

  QZC_DEVICE void fill(int thread, int threads) const {
    O::fill(table, thread, threads);
  }

  /// Stages the values that `stage` makes of x, and returns what it does;
  /// chunks beyond them are zeros.
  template <class Stage>
  QZC_DEVICE float stage(const Stage &stage, float *scratch, const float *x,
                         const typename Stage::Norms &norm) const {
    constexpr int quads = Stage::kRunQuads;
    float4 v[Stage::kQuads];
    const float squares = stage.values(v, scratch, x, norm);
#pragma unroll
    for (int r = 0; r < Stage::kRuns; ++r) {
      const float4 *of = v + r * quads;
      const ChunkScale<16> scale(
          largestOfChunk<Stage::kRunsOfChunk, quads>(of));
      const int first = stage.run(r);
      if (!stage.isOfTeam(r) || first >= kInput.elements())
        continue;
      storeHalves<quads>(planes + first, of, scale.factor);
      if (first % W::kPerChunk == 0)
        scales[first / W::kPerChunk] = scale.unit;
    }
    Stage::meet();
    return squares;
  }

  /// Chunks of two rows times the input of a group, without their scales.
  QZC_DEVICE void dot(const typename W::Chunk &first,
                      const typename W::Chunk &second, int group,
                      float &firstDot, float &secondDot) const {
    // Sums of each half's two accumulators: of both rows; or where weights are
    // two terms, which are rows then, of one row each.
    float c[2][O::kTerms][4] = {};
#pragma unroll
    for (int m = 0; m < W::kPerChunk / 4; m += 2) {
      uint4 b = make_uint4(0, 0, 0, 0);
      if (isMine)
        b = *reinterpret_cast<const uint4 *>(column + group * 4 * W::kPerChunk +
                                             4 * m);
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        unsigned x[2][O::kTerms];
        unsigned y[2][O::kTerms];
        O::pairs(first.bits, m + half, table, x[0], x[1]);
        O::pairs(second.bits, m + half, table, y[0], y[1]);
        const unsigned b0 = half ? b.z : b.x;
        const unsigned b1 = half ? b.w : b.y;
        if constexpr (O::kTerms == 1) {
          const unsigned rows[4] = {x[0][0], y[0][0], x[1][0], y[1][0]};
          multiplyAccumulate(c[half][0], rows, b0, b1);
        } else {
          const unsigned xs[4] = {x[0][0], x[0][1], x[1][0], x[1][1]};
          const unsigned ys[4] = {y[0][0], y[0][1], y[1][0], y[1][1]};
          multiplyAccumulate(c[half][0], xs, b0, b1);
          multiplyAccumulate(c[half][1], ys, b0, b1);
        }
      }
    }
    firstDot = 0.0f;
    secondDot = 0.0f;
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      if constexpr (O::kTerms == 1) {
        firstDot += c[half][0][0] + c[half][0][1];
        secondDot += c[half][0][2] + c[half][0][3];
      } else {
        firstDot +=
            (c[half][0][0] + c[half][0][2]) + (c[half][0][1] + c[half][0][3]);
        secondDot +=
            (c[half][1][0] + c[half][1][2]) + (c[half][1][1] + c[half][1][3]);
      }
    }
    const float scale = scales[4 * group + threadIdx.x % 4];
    firstDot *= scale;
    secondDot *= scale;
  }

private:
  /// Of v · factor the nearest halves and what these lose.
  template <int Quads>
  QZC_DEVICE static void storeHalves(unsigned short *to, const float4 *v,
                                     float factor) {
    static_assert(O::order(1) == 1 && O::order(4) == 4, "as they are");
    unsigned high[2 * Quads];
    unsigned low[2 * Quads];
#pragma unroll
    for (int i = 0; i < 2 * Quads; ++i) {
      const float4 &quad = v[i / 2];
      const float even = (i % 2 ? quad.z : quad.x) * factor;
      const float odd = (i % 2 ? quad.w : quad.y) * factor;
      high[i] = packHalves(even, odd);
      low[i] = packHalves(even - lowHalf(high[i]), odd - highHalf(high[i]));
    }
    storeWords<2 * Quads>(to, high);
    storeWords<2 * Quads>(to + kStride, low);
  }
};

} // namespace qzc::kernels

#endif // QZC_KERNELS_HALFDOTS_CUH
