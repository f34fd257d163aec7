//===- HalfDots.cuh - Weights of f16 times an input, by tensor cores ------===//
//
// Codes become f16 exactly. The input is the sum of two f16, a column each,
// times a scale of its chunk. Products are exact.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_KERNELS_HALFDOTS_CUH
#define QZC_KERNELS_HALFDOTS_CUH

#include "LoneInput.h"
#include "LoneStage.cuh"
#include "Operands.cuh"

namespace qzc::kernels {

template <WeightConfig Weight, int Groups, int Teams> struct HalfDots {
  using W = WeightsOf<Weight>;
  using O = Operands<Weight.storage>;
  static constexpr LoneInput kInput = {Groups, W::kPerChunk, Teams};
  static constexpr int kStride = kInput.halfStride();
  static constexpr int kSharedBytes = kInput.halfBytes();
  /// Elements of the input that share a scale.
  static constexpr int kPerScale = W::kPerChunk;
  static_assert(O::kTerms == 1 && O::kTableBytes == 0);
  static_assert(!W::kAffine, "codes with minima have no sums here");

  unsigned short *planes;
  float *scales;                ///< of chunks
  const unsigned short *column; ///< what this lane's begins with
  bool isMine;                  ///< whether it is of this lane's chunk at all

  QZC_DEVICE HalfDots(char *shared, int /*team*/) {
    planes = reinterpret_cast<unsigned short *>(shared);
    scales = reinterpret_cast<float *>(shared + kSharedBytes) - kInput.chunks();
    // Column c holds plane c % 2 of chunk c / 2.
    const int lane = threadIdx.x % kWarp;
    const int c = lane / 4;
    isMine = c / 2 == lane % 4;
    column = planes + c % 2 * kStride + lane % 4 * W::kPerChunk;
  }

  /// Stages what `stage` makes of the input's quads, and returns what it does;
  /// chunks beyond them are zeros.
  template <class Stage>
  QZC_DEVICE float stage(const Stage &stage, float4 (&v)[Stage::kQuads],
                         float *scratch,
                         const typename Stage::Norms &norm) const {
    constexpr int quads = Stage::kRunQuads;
    const float squares = stage.normalize(v, scratch, norm);
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
    float c[2][4] = {}; // sums of each half's accumulator
#pragma unroll
    for (int m = 0; m < W::kPerChunk / 4; m += 2) {
      uint4 b = make_uint4(0, 0, 0, 0);
      if (isMine)
        b = *reinterpret_cast<const uint4 *>(column + group * 4 * W::kPerChunk +
                                             4 * m);
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        unsigned x[2][1];
        unsigned y[2][1];
        O::pairs(first.bits, m + half, nullptr, x[0], x[1]);
        O::pairs(second.bits, m + half, nullptr, y[0], y[1]);
        const unsigned rows[4] = {x[0][0], y[0][0], x[1][0], y[1][0]};
        multiplyAccumulate(c[half], rows, half ? b.z : b.x, half ? b.w : b.y);
      }
    }
    firstDot = (c[0][0] + c[0][1]) + (c[1][0] + c[1][1]);
    secondDot = (c[0][2] + c[0][3]) + (c[1][2] + c[1][3]);
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
