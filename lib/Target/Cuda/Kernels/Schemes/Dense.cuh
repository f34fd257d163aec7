//===- Dense.cuh - Unquantized weights ------------------------------------===//

#ifndef QZC_KERNELS_SCHEMES_DENSE_CUH
#define QZC_KERNELS_SCHEMES_DENSE_CUH

namespace qzc::kernels {

template <Storage S> struct DenseWeights : NoEntry, NoMinimum, NoRowScale {
  static constexpr int kPerChunk = S == Storage::F32 ? 4 : 8;

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
#pragma unroll
    for (int w = 0; w < 4; ++w) {
      const unsigned bits = word(chunk.bits, w);
      if constexpr (S == Storage::F32) {
        out[w] = __uint_as_float(bits);
      } else if constexpr (S == Storage::F16) {
        out[2 * w] = lowHalf(bits);
        out[2 * w + 1] = highHalf(bits);
      } else {
        out[2 * w] = __uint_as_float(bits << 16);
        out[2 * w + 1] = __uint_as_float(bits & 0xffff0000u);
      }
    }
  }
  QZC_DEVICE static float at(const void *data, const void *, long long i) {
    return element<S>(data, i);
  }
};

template <int Block>
struct Weights<Storage::F32, Block> : DenseWeights<Storage::F32> {};
template <int Block>
struct Weights<Storage::F16, Block> : DenseWeights<Storage::F16> {};
template <int Block>
struct Weights<Storage::BF16, Block> : DenseWeights<Storage::BF16> {};

} // namespace qzc::kernels

#endif // QZC_KERNELS_SCHEMES_DENSE_CUH
