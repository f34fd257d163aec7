//===- Int8g.cuh - Codes of 8 bits, scales of groups ----------------------===//

#ifndef QZC_KERNELS_SCHEMES_INT8G_CUH
#define QZC_KERNELS_SCHEMES_INT8G_CUH

#include "Schemes/Planar.cuh"

namespace qzc::kernels {

/// Unsigned bytes, of which `Middle` stands for 0; Scales as of PlanarWeights.
template <int Middle, class Scales> struct ByteWeights : NoEntry, NoRowScale {
  static constexpr int kPerChunk = 16;
  static constexpr bool kAffine = Scales::kMinima;

  struct Chunk {
    uint4 bits;
    typename Scales::Stored scale;
  };
  QZC_DEVICE static Chunk load(const void *data, const void *scales,
                               long long i) {
    return {loadChunk(data, i / kPerChunk), Scales::load(scales, i)};
  }
  QZC_DEVICE static Chunk zero() { return {}; }
  QZC_DEVICE static float scale(const Chunk &chunk) {
    return Scales::scale(chunk.scale);
  }
  QZC_DEVICE static float minimum(const Chunk &chunk) {
    if constexpr (kAffine)
      return Scales::minimum(chunk.scale);
    return 0.0f;
  }
  QZC_DEVICE static void decode(const Chunk &chunk, float,
                                float (&out)[kPerChunk]) {
#pragma unroll
    for (int i = 0; i < kPerChunk; ++i)
      out[i] = byteToFloat(word(chunk.bits, i / 4), i % 4,
                           static_cast<float>(Middle));
  }
  QZC_DEVICE static float at(const void *data, const void *scales,
                             long long i) {
    const float code = static_cast<float>(
        static_cast<int>(static_cast<const unsigned char *>(data)[i]) - Middle);
    const typename Scales::Stored stored = Scales::load(scales, i);
    float value = code * Scales::scale(stored);
    if constexpr (kAffine)
      value += Scales::minimum(stored);
    return value;
  }
};

template <int Block>
struct Weights<Storage::Int8g, Block> : ByteWeights<128, HalfScales<Block>> {};
template <int Block>
struct Weights<Storage::Int8gAsym, Block> : ByteWeights<0, HalfZeros<Block>> {};

} // namespace qzc::kernels

#endif // QZC_KERNELS_SCHEMES_INT8G_CUH
