//===- Weights.cuh - Reading stored weights in 16-byte chunks -------------===//
//
// One struct per storage: how many elements 16 bytes hold, how a lane loads a
// chunk and multiplies it with activations, and how a single element decodes
// where rows do not divide into chunks. Layouts: Format/Scheme.h.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_KERNELS_WEIGHTS_CUH
#define QZC_KERNELS_WEIGHTS_CUH

#include "Common.cuh"
#include "qzc/Format/Schemes/Nf4.h"

namespace qzc::kernels {

__constant__ float kNf4Codes[16] = QZC_NF4_CODE_BOOK;

/// Sixteen bytes of one row and the scale they share.
struct Chunk {
  uint4 bits;
  float scale;
};

/// What a lane keeps to decode: for nf4, code book entry (lane % 16), so that a
/// warp looks codes up by shuffles in full f32 precision.
template <Storage S> QZC_DEVICE float decoderEntry() {
  if constexpr (S == Storage::Nf4)
    return kNf4Codes[threadIdx.x % 16];
  return 0.0f;
}

QZC_DEVICE unsigned word(const uint4 &v, int i) {
  return i == 0 ? v.x : i == 1 ? v.y : i == 2 ? v.z : v.w;
}

/// Weights of storage `S`; `Block` elements share a scale (nf4 only).
template <Storage S, int Block> struct Weights {
  static constexpr int kPerChunk = S == Storage::F32    ? 4
                                   : S == Storage::Int8 ? 16
                                   : S == Storage::Nf4  ? 32
                                                        : 8;
  static constexpr bool kRowScale = S == Storage::Int8;

  /// Loads the chunk at flat element `i`, a multiple of kPerChunk.
  QZC_DEVICE static Chunk load(const void *data, const float *scales,
                               long long i) {
    Chunk chunk;
    const long long bytes = i / kPerChunk * 16;
    chunk.bits = loadStreaming(static_cast<const char *>(data) + bytes);
    chunk.scale = 1.0f;
    if constexpr (S == Storage::Nf4)
      chunk.scale = __ldg(scales + i / Block);
    return chunk;
  }
  QZC_DEVICE static Chunk zero() { return {make_uint4(0, 0, 0, 0), 0.0f}; }

  /// Decodes a chunk without its scale. All lanes of the warp must take part.
  QZC_DEVICE static void decode(const Chunk &chunk, float entry,
                                float (&out)[kPerChunk]) {
#pragma unroll
    for (int w = 0; w < 4; ++w) {
      const unsigned bits = word(chunk.bits, w);
      if constexpr (S == Storage::F32)
        out[w] = __uint_as_float(bits);
      if constexpr (S == Storage::F16) {
        out[2 * w] = lowHalf(bits);
        out[2 * w + 1] = highHalf(bits);
      }
      if constexpr (S == Storage::BF16) {
        out[2 * w] = __uint_as_float(bits << 16);
        out[2 * w + 1] = __uint_as_float(bits & 0xffff0000u);
      }
      if constexpr (S == Storage::Int8) {
        // 2^23 + 128 + code, made by putting the byte in a float's mantissa.
        const unsigned biased = bits ^ 0x80808080u;
#pragma unroll
        for (int b = 0; b < 4; ++b)
          out[4 * w + b] =
              __uint_as_float(__byte_perm(biased, 0x4b000000u, 0x7440 + b)) -
              8388736.0f;
      }
      if constexpr (S == Storage::Nf4) {
        // The even element is in a byte's high nibble. Shuffles of width 16
        // look at the low four bits of the index only.
#pragma unroll
        for (int b = 0; b < 4; ++b) {
          out[8 * w + 2 * b] =
              __shfl_sync(QZC_FULL_WARP, entry, bits >> (8 * b + 4), 16);
          out[8 * w + 2 * b + 1] =
              __shfl_sync(QZC_FULL_WARP, entry, bits >> (8 * b), 16);
        }
      }
    }
  }

  /// Element `i` with its block's scale, without the row's.
  QZC_DEVICE static float at(const void *data, const float *scales,
                             long long i) {
    if constexpr (S == Storage::Int8)
      return static_cast<float>(static_cast<const signed char *>(data)[i]);
    else if constexpr (S == Storage::Nf4) {
      const unsigned byte = static_cast<const unsigned char *>(data)[i / 2];
      const unsigned code = i % 2 == 0 ? byte >> 4 : byte & 15u;
      return kNf4Codes[code] * scales[i / Block];
    } else
      return element<S>(data, i);
  }
  QZC_DEVICE static float rowScale(const float *scales, int row) {
    if constexpr (kRowScale)
      return scales[row];
    return 1.0f;
  }
};

} // namespace qzc::kernels

#endif // QZC_KERNELS_WEIGHTS_CUH
