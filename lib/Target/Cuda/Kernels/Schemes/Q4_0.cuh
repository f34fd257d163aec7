//===- Q4_0.cuh - Codes of 4 bits, an f16 scale for 32 --------------------===//

#ifndef QZC_KERNELS_SCHEMES_Q4_0_CUH
#define QZC_KERNELS_SCHEMES_Q4_0_CUH

#include "Schemes/Q8_0.cuh"

namespace qzc::kernels {

template <int Block>
struct Weights<Storage::Q4_0, Block> : NoEntry, NoMinimum, NoRowScale {
  static constexpr int kPerChunk = 32;

  /// A block.
  struct Chunk {
    uint4 bits;
    Half scale;
  };
  QZC_DEVICE static Chunk load(const void *data, const void *scales,
                               long long i) {
    return {loadChunk(data, i / 32), {ggmlScale(scales, i / 32)}};
  }
  QZC_DEVICE static Chunk loadCodes(const void *data, long long i) {
    return {loadChunk(data, i / 32), {0}};
  }
  QZC_DEVICE static void setScale(Chunk &chunk, unsigned short bits) {
    chunk.scale = {bits};
  }
  QZC_DEVICE static Chunk zero() { return {make_uint4(0, 0, 0, 0), {0}}; }
  QZC_DEVICE static float scale(const Chunk &chunk) {
    return toFloat(chunk.scale);
  }
  /// Byte j holds elements j (low nibble) and 16 + j.
  QZC_DEVICE static void decode(const Chunk &chunk, float,
                                float (&out)[kPerChunk]) {
#pragma unroll
    for (int w = 0; w < 4; ++w) {
      const unsigned low = word(chunk.bits, w) & 0x0f0f0f0fu;
      const unsigned high = word(chunk.bits, w) >> 4 & 0x0f0f0f0fu;
#pragma unroll
      for (int b = 0; b < 4; ++b) {
        out[4 * w + b] = byteToFloat(low, b, 8.0f);
        out[16 + 4 * w + b] = byteToFloat(high, b, 8.0f);
      }
    }
  }
  QZC_DEVICE static float at(const void *data, const void *scales,
                             long long i) {
    const unsigned byte =
        static_cast<const unsigned char *>(data)[i / 32 * 16 + i % 16];
    const unsigned code = i % 32 < 16 ? byte & 15u : byte >> 4;
    return (static_cast<float>(code) - 8.0f) *
           toFloat(Half{ggmlScale(scales, i / 32)});
  }
};

} // namespace qzc::kernels

#endif // QZC_KERNELS_SCHEMES_Q4_0_CUH
