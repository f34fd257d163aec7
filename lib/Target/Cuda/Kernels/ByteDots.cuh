//===- ByteDots.cuh - Codes times an input, by integer tensor cores -------===//
//
// Codes of up to 8 bits are operands as they are. The input is a number of 30
// bits, four digits of 8, times a scale of its chunk: products and sums of a
// chunk are exact.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_KERNELS_BYTEDOTS_CUH
#define QZC_KERNELS_BYTEDOTS_CUH

#include "Matvec.cuh"
#include "LoneInput.h"

namespace qzc::kernels {

/// How the codes of a storage that hasByteCodes become signed bytes.
///   kMiddle   the byte that stands for 0
///   four(bits, i)
///             those of elements 4i … 4i + 3 of a chunk
template <Storage S> struct CodeBytes;

/// Bytes, signed once the bits of `Flip` are turned.
template <unsigned Flip, int Middle> struct WholeBytes {
  static constexpr int kMiddle = Middle;
  QZC_DEVICE static unsigned four(const uint4 &bits, int i) {
    return word(bits, i) ^ Flip;
  }
};
template <> struct CodeBytes<Storage::Int8> : WholeBytes<0, 0> {};
template <> struct CodeBytes<Storage::Int8Absmax> : WholeBytes<0, 0> {};
template <> struct CodeBytes<Storage::Q8_0> : WholeBytes<0, 0> {};
template <> struct CodeBytes<Storage::Int8g> : WholeBytes<0x80808080u, 0> {};
template <>
struct CodeBytes<Storage::Int8gAsym> : WholeBytes<0x80808080u, -128> {};

template <> struct CodeBytes<Storage::Q4_0> {
  static constexpr int kMiddle = 8;
  /// Byte j has elements j (low nibble) and 16 + j.
  QZC_DEVICE static unsigned four(const uint4 &bits, int i) {
    return word(bits, i % 4) >> (i / 4 * 4) & 0x0f0f0f0fu;
  }
};

template <int Bits, int Middle> struct PlanarBytes {
  static constexpr int kMiddle = Middle;
  QZC_DEVICE static unsigned four(const PlanarCodes<Bits> &codes, int i) {
    return codes.four(i);
  }
};
template <> struct CodeBytes<Storage::Q4_1> : PlanarBytes<4, 0> {};
template <> struct CodeBytes<Storage::Q5_0> : PlanarBytes<5, 16> {};
template <> struct CodeBytes<Storage::Q5_1> : PlanarBytes<5, 0> {};
template <> struct CodeBytes<Storage::Q4_K> : PlanarBytes<4, 0> {};
template <> struct CodeBytes<Storage::Q5_K> : PlanarBytes<5, 0> {};
template <> struct CodeBytes<Storage::Int4> : PlanarBytes<4, 8> {};
template <> struct CodeBytes<Storage::Int4Asym> : PlanarBytes<4, 0> {};
template <> struct CodeBytes<Storage::Int3> : PlanarBytes<3, 4> {};
template <> struct CodeBytes<Storage::Int3Asym> : PlanarBytes<3, 0> {};
template <> struct CodeBytes<Storage::Int2> : PlanarBytes<2, 2> {};
template <> struct CodeBytes<Storage::Int2Asym> : PlanarBytes<2, 0> {};
template <> struct CodeBytes<Storage::Ternary> : PlanarBytes<2, 1> {};

/// Numbers of up to ±127 as digits, a whole one and three of a fraction in
/// steps: a number is d[3] + (65536 · d[2] + 256 · d[1] + d[0]) / kSteps.
struct Digits {
  static constexpr float kMost = 127.0f;
  /// A fraction of up to ±1/2 is up to ±63 · 65536 of them.
  static constexpr float kSteps = 126.0f * 65536.0f;
  unsigned words[4]; ///< byte i of d: digit d of number i

  /// Of x · factor.
  QZC_DEVICE Digits(const float (&x)[4], float factor) {
    // Sums with these have integers at the end of their mantissa, the latter
    // such that lower digits are not below 0: 128 and 64 larger.
    constexpr float wholes = 12582912.0f; // 3 · 2^22
    constexpr float steps = 8388608.0f + 0x408080;
    unsigned whole[4];
    unsigned part[4];
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const float sum = fmaf(x[i], factor, wholes);
      const float rest = fmaf(x[i], factor, wholes - sum);
      whole[i] = bitsOf(sum);
      part[i] = bitsOf(fmaf(rest, kSteps, steps));
    }
    const unsigned low = __byte_perm(part[0], part[1], 0x5140);
    const unsigned high = __byte_perm(part[2], part[3], 0x5140);
    words[0] = __byte_perm(low, high, 0x5410) ^ 0x80808080u;
    words[1] = __byte_perm(low, high, 0x7632) ^ 0x80808080u;
    words[2] = (__byte_perm(__byte_perm(part[0], part[1], 0x0062),
                            __byte_perm(part[2], part[3], 0x0062), 0x5410) +
                0x40404040u) ^
               0x80808080u;
    words[3] = __byte_perm(__byte_perm(whole[0], whole[1], 0x0040),
                           __byte_perm(whole[2], whole[3], 0x0040), 0x5410);
  }

private:
  QZC_DEVICE static unsigned bitsOf(float f) {
    return static_cast<unsigned>(__float_as_int(f));
  }
};

template <WeightConfig Weight, int Groups> struct ByteDots {
  using W = WeightsOf<Weight>;
  using Codes = CodeBytes<Weight.storage>;
  static constexpr LoneInput kInput = {Groups, W::kPerChunk};
  static constexpr int kStride = kInput.byteStride();
  /// The next launch may begin at once.
  static constexpr bool kFillsTable = false;
  static constexpr int kSharedBytes = kInput.byteBytes();
  static constexpr bool kSums = Codes::kMiddle != 0 || W::kAffine;

  char *planes;
  float *scales;
  float *sums;
  int chunk;         ///< of a group: this lane's
  const char *digit; ///< what its column begins with, of digit 0 or 1
  bool isMine;       ///< whether it is of its chunk at all

  QZC_DEVICE explicit ByteDots(char *shared) {
    planes = shared;
    scales = reinterpret_cast<float *>(planes + 4 * kStride);
    sums = scales + kInput.chunks();
    const int lane = threadIdx.x % kWarp;
    const int column = lane / 4;
    chunk = lane % 4;
    isMine = column / 2 == chunk;
    digit = planes + column % 2 * kStride + chunk * W::kPerChunk;
  }

  QZC_DEVICE void fill(int, int) const {}

  /// Stages norm(x); chunks beyond it are zeros.
  template <class Stage>
  QZC_DEVICE void stage(const Stage &stage, float *scratch, const float *x,
                        const typename Stage::Norms &norm) const {
    constexpr int lanes = W::kPerChunk / 4;
    float4 v[Stage::kQuads];
    stage.values(v, scratch, x, norm);
#pragma unroll
    for (int j = 0; j < Stage::kQuads; ++j) {
      const float elements[4] = {v[j].x, v[j].y, v[j].z, v[j].w};
      // As integers magnitudes have the same order, and NaN is the largest.
      int largest = 0x20000000; // 2^-63
#pragma unroll
      for (int i = 0; i < 4; ++i)
        largest = max(largest, __float_as_int(elements[i]) & 0x7fffffff);
#pragma unroll
      for (int mask = 1; mask < lanes; mask *= 2)
        largest = max(largest, __shfl_xor_sync(QZC_FULL_WARP, largest, mask));
      const float scale = __int_as_float(largest) * (1.0f / Digits::kMost);
      float sum = (v[j].x + v[j].y) + (v[j].z + v[j].w);
      if constexpr (kSums)
#pragma unroll
        for (int mask = 1; mask < lanes; mask *= 2)
          sum += __shfl_xor_sync(QZC_FULL_WARP, sum, mask);
      const int quad = Stage::quad(j);
      if (4 * quad >= kInput.elements())
        continue;
      const Digits digits(elements, reciprocal(scale));
#pragma unroll
      for (int d = 0; d < 4; ++d)
        *reinterpret_cast<unsigned *>(planes + d * kStride + 4 * quad) =
            digits.words[d];
      if (quad % lanes == 0) {
        scales[quad / lanes] = scale * (1.0f / Digits::kSteps);
        if constexpr (kSums)
          sums[quad / lanes] = sum;
      }
    }
    __syncthreads();
  }

  /// The sum of this lane's chunk of the input.
  QZC_DEVICE float sum(int group) const { return sums[4 * group + chunk]; }

  /// Chunks of two rows times the input of a group, without their scales.
  QZC_DEVICE void dot(const typename W::Chunk &first,
                      const typename W::Chunk &second, int group,
                      float &firstDot, float &secondDot) const {
    int lower[4] = {};
    int upper[4] = {};
#pragma unroll
    for (int e = 0; e < W::kPerChunk; e += 16) {
      uint4 a = make_uint4(0, 0, 0, 0);
      uint4 b = make_uint4(0, 0, 0, 0);
      if (isMine) {
        const char *from = digit + group * 4 * W::kPerChunk + e;
        a = *reinterpret_cast<const uint4 *>(from);
        b = *reinterpret_cast<const uint4 *>(from + 2 * kStride);
      }
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const int i = e / 4 + 2 * half;
        const unsigned rows[4] = {
            Codes::four(first.bits, i), Codes::four(second.bits, i),
            Codes::four(first.bits, i + 1), Codes::four(second.bits, i + 1)};
        multiplyAccumulateBytes(lower, rows, half ? a.z : a.x,
                                half ? a.w : a.y);
        multiplyAccumulateBytes(upper, rows, half ? b.z : b.x,
                                half ? b.w : b.y);
      }
    }
    const float scale = scales[4 * group + chunk];
    firstDot = joined(lower[0], lower[1], upper[0], upper[1]) * scale;
    secondDot = joined(lower[2], lower[3], upper[2], upper[3]) * scale;
    if constexpr (Codes::kMiddle != 0) {
      firstDot -= Codes::kMiddle * sum(group);
      secondDot -= Codes::kMiddle * sum(group);
    }
  }

private:
  /// The number of these digits' sums, in steps.
  QZC_DEVICE static float joined(int d0, int d1, int d2, int d3) {
    const float part =
        fmaf(static_cast<float>(d1 + 256 * d2), 256.0f, static_cast<float>(d0));
    return fmaf(static_cast<float>(d3), Digits::kSteps, part);
  }
};

} // namespace qzc::kernels

#endif // QZC_KERNELS_BYTEDOTS_CUH
