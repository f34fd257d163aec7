//===- HalfDots.cuh - Weights of f16 times an input, by tensor cores ------===//
//
// Codes become f16 exactly, values of code books the sum of two f16. The input
// is the sum of two f16 as well, a column each. Products are exact.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_KERNELS_HALFDOTS_CUH
#define QZC_KERNELS_HALFDOTS_CUH

#include "Matvec.cuh"
#include "Operands.cuh"
#include "LoneInput.h"

namespace qzc::kernels {

/// An input is 2^8 of one f16 and 2^-3 of another: inputs up to 2^24 keep 22
/// bits, or 2^-28 where that is more.
constexpr float kHighUnit = 256.0f;
constexpr float kLowUnit = 0.125f;

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
  char *table;
  const unsigned short *column; ///< what this lane's begins with
  bool isMine;                  ///< whether it is of this lane's chunk at all

  QZC_DEVICE explicit HalfDots(char *shared) {
    planes = reinterpret_cast<unsigned short *>(shared);
    table = shared + kInput.halfBytes();
    // Column c holds plane c % 2 of chunk c / 2.
    const int lane = threadIdx.x % kWarp;
    const int c = lane / 4;
    isMine = c / 2 == lane % 4;
    column = planes + c % 2 * kStride + lane % 4 * W::kPerChunk;
  }

  QZC_DEVICE void fill(int thread, int threads) const {
    O::fill(table, thread, threads);
  }

  /// Stages norm(x), each part in the order of the operands.
  template <class Stage>
  QZC_DEVICE void stage(const Stage &stage, float *scratch, const float *x,
                        const typename Stage::Norms &norm) const {
    float4 v[Stage::kQuads];
    stage.values(v, scratch, x, norm);
#pragma unroll
    for (int j = 0; j < Stage::kQuads; ++j) {
      const int begin = 4 * Stage::quad(j);
      if (begin >= kInput.elements())
        continue;
      const float elements[4] = {v[j].x, v[j].y, v[j].z, v[j].w};
      unsigned high[4];
      unsigned low[4];
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const Half part = toHalf(elements[i] * (1.0f / kHighUnit));
        const float rest = elements[i] - toFloat(part) * kHighUnit;
        high[O::order(i)] = part.bits;
        low[O::order(i)] = toHalf(rest * (1.0f / kLowUnit)).bits;
      }
      const int at =
          begin / W::kPerChunk * W::kPerChunk + O::order(begin % W::kPerChunk);
      *reinterpret_cast<uint2 *>(planes + at) =
          make_uint2(high[0] | high[1] << 16, high[2] | high[3] << 16);
      *reinterpret_cast<uint2 *>(planes + kStride + at) =
          make_uint2(low[0] | low[1] << 16, low[2] | low[3] << 16);
    }
    __syncthreads();
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
        firstDot += joined(c[half][0][0], c[half][0][1]);
        secondDot += joined(c[half][0][2], c[half][0][3]);
      } else {
        firstDot += joined(c[half][0][0] + c[half][0][2],
                           c[half][0][1] + c[half][0][3]);
        secondDot += joined(c[half][1][0] + c[half][1][2],
                            c[half][1][1] + c[half][1][3]);
      }
    }
  }

private:
  QZC_DEVICE static float joined(float high, float low) {
    return high * kHighUnit + low * kLowUnit;
  }
};

} // namespace qzc::kernels

#endif // QZC_KERNELS_HALFDOTS_CUH
