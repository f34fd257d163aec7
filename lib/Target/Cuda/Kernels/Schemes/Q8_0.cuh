//===- Q8_0.cuh - Codes of 8 bits, an f16 scale for 32 --------------------===//

#ifndef QZC_KERNELS_SCHEMES_Q8_0_CUH
#define QZC_KERNELS_SCHEMES_Q8_0_CUH

#include "Schemes/Int8.cuh"

namespace qzc::kernels {

/// The f16 scale of ggml's block number `index`, as its bits.
QZC_DEVICE unsigned short ggmlScale(const void *scales, long long index) {
  return loadNearHalf(static_cast<const unsigned short *>(scales) + index);
}

template <int Block>
struct Weights<Storage::Q8_0, Block> : NoEntry, NoMinimum, NoRowScale {
  static constexpr int kPerChunk = 16;

  /// Half a block.
  struct Chunk {
    uint4 bits;
    Half scale;
  };
  QZC_DEVICE static Chunk load(const void *data, const void *scales,
                               long long i) {
    return {loadChunk(data, i / kPerChunk), {ggmlScale(scales, i / 32)}};
  }
  QZC_DEVICE static Chunk zero() { return {make_uint4(0, 0, 0, 0), {0}}; }
  QZC_DEVICE static float scale(const Chunk &chunk) {
    return toFloat(chunk.scale);
  }
  QZC_DEVICE static void decode(const Chunk &chunk, float,
                                float (&out)[kPerChunk]) {
    decodeBytes(chunk.bits, out);
  }
  QZC_DEVICE static float at(const void *data, const void *scales,
                             long long i) {
    return static_cast<float>(static_cast<const signed char *>(data)[i]) *
           toFloat(Half{ggmlScale(scales, i / 32)});
  }
};

} // namespace qzc::kernels

#endif // QZC_KERNELS_SCHEMES_Q8_0_CUH
