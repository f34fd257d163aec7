//===- CodeBook.cuh - nf4 and fp4, with plain and with quantized scales ---===//

#ifndef QZC_KERNELS_SCHEMES_CODEBOOK_CUH
#define QZC_KERNELS_SCHEMES_CODEBOOK_CUH

#include "BookPlanes.h"

#include "qzc/Format/Schemes/DoubleQuant.h"
#include "qzc/Format/Schemes/Fp4.h"
#include "qzc/Format/Schemes/Nf4.h"

namespace qzc::kernels {

__constant__ float kNf4Codes[16] = QZC_NF4_CODE_BOOK;
__constant__ float kFp4Codes[16] = QZC_FP4_CODE_BOOK;

struct Nf4Book {
  static constexpr BookPlanes kPlanes = kNf4Planes;
  QZC_DEVICE static float at(unsigned code) { return kNf4Codes[code]; }
};
struct Fp4Book {
  static constexpr BookPlanes kPlanes = kFp4Planes;
  QZC_DEVICE static float at(unsigned code) { return kFp4Codes[code]; }
};

/// The code book of a storage that has one.
template <Storage S>
using BookOf = typename Choose<S == Storage::Nf4 || S == Storage::Nf4Double,
                               Nf4Book, Fp4Book>::Type;

/// The f32 scales of blocks. `Stored` is what a load in flight holds.
struct PlainScales {
  using Stored = float;
  static constexpr bool kAreFloats = true;
  QZC_DEVICE static Stored load(const void *scales, long long block) {
    return static_cast<const float *>(scales)[block];
  }
  QZC_DEVICE static Stored zero() { return 0.0f; }
  QZC_DEVICE static float value(Stored scale) { return scale; }
};

__device__ const format::doublequant::DynamicMap kScaleMap =
    format::doublequant::makeDynamicMap();

/// Those of double quantization: a byte and its group's two floats. The byte is
/// looked up when the scale is used, so that no load waits for another.
struct GroupedScales {
  static constexpr bool kAreFloats = false;
  struct Stored {
    float2 group; ///< absmax and offset
    unsigned code;
  };
  QZC_DEVICE static Stored load(const void *scales, long long block) {
    using format::doublequant::kGroup;
    const char *group =
        static_cast<const char *>(scales) +
        block / kGroup *
            static_cast<long long>(sizeof(format::doublequant::ScaleGroup));
    const auto *codes =
        reinterpret_cast<const unsigned char *>(group + sizeof(float2));
    return {*reinterpret_cast<const float2 *>(group), codes[block % kGroup]};
  }
  QZC_DEVICE static Stored zero() { return {{0.0f, 0.0f}, 0}; }
  QZC_DEVICE static float value(const Stored &scale) {
    return format::doublequant::decode(kScaleMap.values[scale.code],
                                       scale.group.x, scale.group.y);
  }
};

template <class Book, class Scales, int Block>
struct CodeBookWeights : NoMinimum, NoRowScale {
  static constexpr int kPerChunk = 32;

  struct Chunk {
    uint4 bits;
    typename Scales::Stored scale;
  };
  QZC_DEVICE static Chunk load(const void *data, const void *scales,
                               long long i) {
    return {loadChunk(data, i / kPerChunk), Scales::load(scales, i / Block)};
  }
  /// Makes chunk number `chunk` a row's first, from which on groups of four are
  /// whole blocks apart.
  QZC_DEVICE static void move(const void *&data, const void *&scales,
                              unsigned chunk) requires(Scales::kAreFloats &&
                                                       4 * kPerChunk % Block ==
                                                           0) {
    data = static_cast<const uint4 *>(data) + chunk;
    scales =
        static_cast<const float *>(scales) + 1ll * chunk * kPerChunk / Block;
  }
  QZC_DEVICE static Chunk zero() {
    return {make_uint4(0, 0, 0, 0), Scales::zero()};
  }
  QZC_DEVICE static float scale(const Chunk &chunk) {
    return Scales::value(chunk.scale);
  }

  /// Code book entry (lane % 16), so that a warp looks codes up by shuffles in
  /// full f32 precision.
  QZC_DEVICE static float entry() { return Book::at(threadIdx.x % 16); }
  QZC_DEVICE static void decode(const Chunk &chunk, float entry,
                                float (&out)[kPerChunk]) {
    // The even element is in a byte's high nibble. Shuffles of width 16 look at
    // the low four bits of the index only.
#pragma unroll
    for (int w = 0; w < 4; ++w) {
      const unsigned bits = word(chunk.bits, w);
#pragma unroll
      for (int b = 0; b < 4; ++b) {
        out[8 * w + 2 * b] =
            __shfl_sync(QZC_FULL_WARP, entry, bits >> (8 * b + 4), 16);
        out[8 * w + 2 * b + 1] =
            __shfl_sync(QZC_FULL_WARP, entry, bits >> (8 * b), 16);
      }
    }
  }

  QZC_DEVICE static float at(const void *data, const void *scales,
                             long long i) {
    const unsigned byte = static_cast<const unsigned char *>(data)[i / 2];
    const unsigned code = i % 2 == 0 ? byte >> 4 : byte & 15u;
    return Book::at(code) * Scales::value(Scales::load(scales, i / Block));
  }
};

template <int Block>
struct Weights<Storage::Nf4, Block>
    : CodeBookWeights<Nf4Book, PlainScales, Block> {};
template <int Block>
struct Weights<Storage::Nf4Double, Block>
    : CodeBookWeights<Nf4Book, GroupedScales, Block> {};
template <int Block>
struct Weights<Storage::Fp4, Block>
    : CodeBookWeights<Fp4Book, PlainScales, Block> {};
template <int Block>
struct Weights<Storage::Fp4Double, Block>
    : CodeBookWeights<Fp4Book, GroupedScales, Block> {};

} // namespace qzc::kernels

#endif // QZC_KERNELS_SCHEMES_CODEBOOK_CUH
