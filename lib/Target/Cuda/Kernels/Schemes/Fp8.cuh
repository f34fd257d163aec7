//===- Fp8.cuh - Codes of e4m3, scales of rows or blocks ------------------===//
//
// The bits of a code are those of an f16 that is smaller by 2^8, which the
// scales make up for.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_KERNELS_SCHEMES_FP8_CUH
#define QZC_KERNELS_SCHEMES_FP8_CUH

namespace qzc::kernels {

/// What a code's f16 is smaller by.
constexpr float kFp8Unit = 256.0f;

/// Bytes `Pair` and `Pair` + 1 of four as two f16.
template <int Pair> QZC_DEVICE unsigned fp8Halves(unsigned four) {
  const unsigned high = __byte_perm(four, 0, Pair == 0 ? 0x1404 : 0x3424);
  return (high & 0x80008000u) | (high >> 1 & 0x3f803f80u);
}

/// `Block` elements of a row share a scale; 0: all do.
template <int Block> struct Weights<Storage::Fp8, Block> : NoEntry, NoMinimum {
  static constexpr int kPerChunk = 16;

  struct Chunk {
    uint4 bits;
    float scale;
  };
  QZC_DEVICE static float blockScale(const void *scales, long long i) {
    if constexpr (Block == 0)
      return 1.0f;
    else
      return static_cast<const float *>(scales)[i / Block] * kFp8Unit;
  }
  QZC_DEVICE static Chunk load(const void *data, const void *scales,
                               long long i) {
    return {loadChunk(data, i / kPerChunk), blockScale(scales, i)};
  }
  QZC_DEVICE static Chunk zero() { return {make_uint4(0, 0, 0, 0), 0.0f}; }
  QZC_DEVICE static float scale(const Chunk &chunk) { return chunk.scale; }
  QZC_DEVICE static void decode(const Chunk &chunk, float,
                                float (&out)[kPerChunk]) {
#pragma unroll
    for (int w = 0; w < 4; ++w) {
      const unsigned low = fp8Halves<0>(word(chunk.bits, w));
      const unsigned high = fp8Halves<2>(word(chunk.bits, w));
      out[4 * w] = lowHalf(low);
      out[4 * w + 1] = highHalf(low);
      out[4 * w + 2] = lowHalf(high);
      out[4 * w + 3] = highHalf(high);
    }
  }
  QZC_DEVICE static float at(const void *data, const void *scales,
                             long long i) {
    return lowHalf(fp8Halves<0>(static_cast<const unsigned char *>(data)[i])) *
           blockScale(scales, i);
  }
  QZC_DEVICE static float rowScale(const void *scales, int row) {
    if constexpr (Block == 0)
      return static_cast<const float *>(scales)[row] * kFp8Unit;
    else
      return 1.0f;
  }
};

} // namespace qzc::kernels

#endif // QZC_KERNELS_SCHEMES_FP8_CUH
