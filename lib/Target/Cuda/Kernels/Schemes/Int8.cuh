//===- Int8.cuh - Codes of 8 bits, a scale a row --------------------------===//

#ifndef QZC_KERNELS_SCHEMES_INT8_CUH
#define QZC_KERNELS_SCHEMES_INT8_CUH

#include "qzc/Format/Schemes/Int8.h"

namespace qzc::kernels {

/// Sixteen signed bytes as floats.
QZC_DEVICE void decodeBytes(const uint4 &bits, float (&out)[16]) {
#pragma unroll
  for (int w = 0; w < 4; ++w) {
    const unsigned biased = word(bits, w) ^ 0x80808080u;
#pragma unroll
    for (int b = 0; b < 4; ++b)
      out[4 * w + b] = byteToFloat(biased, b, 128.0f);
  }
}

template <int Block> struct Weights<Storage::Int8, Block> : NoEntry, NoMinimum {
  static constexpr int kPerChunk = 16;

  struct Chunk {
    uint4 bits;
  };
  QZC_DEVICE static Chunk load(const void *data, const void *, long long i) {
    return {loadChunk(data, i / kPerChunk)};
  }
  QZC_DEVICE static Chunk zero() { return {make_uint4(0, 0, 0, 0)}; }
  QZC_DEVICE static float scale(const Chunk &) { return 1.0f; }
  QZC_DEVICE static void decode(const Chunk &chunk, float,
                                float (&out)[kPerChunk]) {
    decodeBytes(chunk.bits, out);
  }
  QZC_DEVICE static float at(const void *data, const void *, long long i) {
    return static_cast<float>(static_cast<const signed char *>(data)[i]);
  }
  QZC_DEVICE static float rowScale(const void *scales, int row) {
    return static_cast<const float *>(scales)[row];
  }
};

/// Scales as bitsandbytes keeps them: the absmax.
template <int Block>
struct Weights<Storage::Int8Absmax, Block> : Weights<Storage::Int8, Block> {
  QZC_DEVICE static float rowScale(const void *scales, int row) {
    return static_cast<const float *>(scales)[row] * format::int8::kStep;
  }
};

} // namespace qzc::kernels

#endif // QZC_KERNELS_SCHEMES_INT8_CUH
