//===- Planar.cuh - Linear codes of 2 to 6 bits in planes -----------------===//
//
// Codes are those of Format/Schemes/Planes.h, a chunk being 32 of them. What is
// beside them is read by a scale source:
//   Stored    what a load in flight holds
//   kMinima   whether values have a minimum: code · scale + minimum
//   load(scales, i)
//             of the chunk at flat element i
//   scale(stored), minimum(stored)
//   factor(stored, half)
//             what elements 16 · half … of the chunk are multiplied with
//             beside its scale
//
//===----------------------------------------------------------------------===//

#ifndef QZC_KERNELS_SCHEMES_PLANAR_CUH
#define QZC_KERNELS_SCHEMES_PLANAR_CUH

#include "qzc/Format/Schemes/KScales.h"
#include "qzc/Format/Schemes/Planes.h"

#include "Schemes/Q8_0.cuh"

namespace qzc::kernels {

//===----------------------------------------------------------------------===//
// Codes
//===----------------------------------------------------------------------===//

/// Bits of 32 elements; none where N is 0.
template <int N> struct Plane;
template <> struct Plane<0> {
  QZC_DEVICE static Plane load(const char *) { return {}; }
  QZC_DEVICE unsigned four(int) const { return 0; }
};
template <> struct Plane<1> {
  unsigned bits;
  QZC_DEVICE static Plane load(const char *from) {
    return {*reinterpret_cast<const unsigned *>(from)};
  }
  QZC_DEVICE unsigned four(int g) const { return bits >> g & 0x01010101u; }
};
template <> struct Plane<2> {
  uint2 bits;
  QZC_DEVICE static Plane load(const char *from) {
    return {*reinterpret_cast<const uint2 *>(from)};
  }
  QZC_DEVICE unsigned four(int g) const {
    return (g < 4 ? bits.x : bits.y) >> (g % 4 * 2) & 0x03030303u;
  }
};
template <> struct Plane<4> {
  uint4 bits;
  QZC_DEVICE static Plane load(const char *from) {
    return {loadStreaming(from)};
  }
  QZC_DEVICE unsigned four(int g) const {
    return word(bits, g % 4) >> (g / 4 * 4) & 0x0f0f0f0fu;
  }
};

/// The codes of a chunk.
template <int Bits> struct PlanarCodes {
  using P = format::Planes<Bits>;
  Plane<P::kLow> low;
  Plane<P::kHigh> high;

  QZC_DEVICE static PlanarCodes load(const void *data, long long i) {
    const char *bytes = static_cast<const char *>(data);
    return {Plane<P::kLow>::load(bytes + P::lowOf(i)),
            Plane<P::kHigh>::load(bytes + P::highOf(i))};
  }
  /// Codes 4g … 4g + 3, a byte each.
  QZC_DEVICE unsigned four(int g) const {
    return low.four(g) | high.four(g) << P::kLow;
  }
};

//===----------------------------------------------------------------------===//
// Scales
//===----------------------------------------------------------------------===//

struct NoMinima {
  static constexpr bool kMinima = false;
};
struct NoFactor {
  static constexpr bool kFactors = false;
};

/// An f16 for `Group` elements.
template <int Group> struct HalfScales : NoMinima, NoFactor {
  using Stored = unsigned short;
  QZC_DEVICE static Stored load(const void *scales, long long i) {
    return ggmlScale(scales, i / Group);
  }
  QZC_DEVICE static float scale(Stored stored) { return toFloat(Half{stored}); }
};

/// An f16 scale and minimum for 32.
struct HalfMinima : NoFactor {
  static constexpr bool kMinima = true;
  using Stored = unsigned;
  QZC_DEVICE static Stored load(const void *scales, long long i) {
    return static_cast<const unsigned *>(scales)[i / 32];
  }
  QZC_DEVICE static float scale(Stored stored) { return lowHalf(stored); }
  QZC_DEVICE static float minimum(Stored stored) { return highHalf(stored); }
};

/// An f16 scale and zero point for `Group` elements. The minimum is exact where
/// zero points are whole.
template <int Group> struct HalfZeros : NoFactor {
  static constexpr bool kMinima = true;
  using Stored = unsigned;
  QZC_DEVICE static Stored load(const void *scales, long long i) {
    return static_cast<const unsigned *>(scales)[i / Group];
  }
  QZC_DEVICE static float scale(Stored stored) { return lowHalf(stored); }
  QZC_DEVICE static float minimum(Stored stored) {
    return -(highHalf(stored) * lowHalf(stored));
  }
};

/// Format/Schemes/KScales.h: 16 bytes for 256 elements.
struct SixBitScales : NoFactor {
  static constexpr bool kMinima = true;
  struct Stored {
    uint4 record;
    int group;
  };
  QZC_DEVICE static Stored load(const void *scales, long long i) {
    return {static_cast<const uint4 *>(scales)[i / 256],
            static_cast<int>(i / 32 % 8)};
  }
  QZC_DEVICE static format::kscales::ScaleMin packed(const Stored &stored) {
    const int shift = stored.group % 4 * 8;
    return format::kscales::fromBytes(
        stored.record.y >> shift & 255u, stored.record.z >> shift & 255u,
        stored.record.w >> shift & 255u, stored.group >= 4);
  }
  QZC_DEVICE static float scale(const Stored &stored) {
    return lowHalf(stored.record.x) * static_cast<float>(packed(stored).scale);
  }
  QZC_DEVICE static float minimum(const Stored &stored) {
    return -(highHalf(stored.record.x) *
             static_cast<float>(packed(stored).minimum));
  }
};

/// Signed bytes for 16 elements each, and an f16 for 256, in 18 bytes.
struct EightBitScales : NoMinima {
  static constexpr bool kFactors = true;
  struct Stored {
    unsigned short pair, d;
  };
  QZC_DEVICE static Stored load(const void *scales, long long i) {
    const long long record = i / 256 * 9;
    return {ggmlScale(scales, record + i / 32 % 8),
            ggmlScale(scales, record + 8)};
  }
  QZC_DEVICE static float scale(const Stored &stored) {
    return toFloat(Half{stored.d});
  }
  QZC_DEVICE static float factor(const Stored &stored, int half) {
    return static_cast<float>(
        static_cast<signed char>(stored.pair >> (8 * half)));
  }
};

//===----------------------------------------------------------------------===//
// Weights
//===----------------------------------------------------------------------===//

/// Codes of `Bits` bits, of which `Middle` stands for 0.
template <int Bits, int Middle, class Scales>
struct PlanarWeights : NoEntry, NoRowScale {
  static constexpr int kPerChunk = 32;
  static constexpr bool kAffine = Scales::kMinima;

  struct Chunk {
    PlanarCodes<Bits> bits;
    typename Scales::Stored scale;
  };
  QZC_DEVICE static Chunk load(const void *data, const void *scales,
                               long long i) {
    return {PlanarCodes<Bits>::load(data, i), Scales::load(scales, i)};
  }
  QZC_DEVICE static Chunk loadCodes(const void *data, long long i) {
    return {PlanarCodes<Bits>::load(data, i), {}};
  }
  QZC_DEVICE static void setScale(Chunk &chunk, unsigned short bits) {
    chunk.scale = bits;
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
    for (int g = 0; g < 8; ++g) {
      const unsigned codes = chunk.bits.four(g);
#pragma unroll
      for (int b = 0; b < 4; ++b) {
        out[4 * g + b] = byteToFloat(codes, b, static_cast<float>(Middle));
        if constexpr (Scales::kFactors)
          out[4 * g + b] *= Scales::factor(chunk.scale, g / 4);
      }
    }
  }
  QZC_DEVICE static float at(const void *data, const void *scales,
                             long long i) {
    const unsigned code = format::Planes<Bits>::codeAt(
        static_cast<const unsigned char *>(data), i);
    const typename Scales::Stored stored = Scales::load(scales, i);
    float value = static_cast<float>(code) - static_cast<float>(Middle);
    if constexpr (Scales::kFactors)
      value *= Scales::factor(stored, static_cast<int>(i % 32 / 16));
    value *= Scales::scale(stored);
    if constexpr (kAffine)
      value += Scales::minimum(stored);
    return value;
  }
};

template <int Block>
struct Weights<Storage::Q4_1, Block> : PlanarWeights<4, 0, HalfMinima> {};
template <int Block>
struct Weights<Storage::Q5_0, Block> : PlanarWeights<5, 16, HalfScales<32>> {};
template <int Block>
struct Weights<Storage::Q5_1, Block> : PlanarWeights<5, 0, HalfMinima> {};
template <int Block>
struct Weights<Storage::Q4_K, Block> : PlanarWeights<4, 0, SixBitScales> {};
template <int Block>
struct Weights<Storage::Q5_K, Block> : PlanarWeights<5, 0, SixBitScales> {};
template <int Block>
struct Weights<Storage::Q6_K, Block> : PlanarWeights<6, 32, EightBitScales> {};
template <int Block>
struct Weights<Storage::Int4, Block> : PlanarWeights<4, 8, HalfScales<Block>> {
};
template <int Block>
struct Weights<Storage::Int4Asym, Block>
    : PlanarWeights<4, 0, HalfZeros<Block>> {};
template <int Block>
struct Weights<Storage::Int3, Block> : PlanarWeights<3, 4, HalfScales<Block>> {
};
template <int Block>
struct Weights<Storage::Int3Asym, Block>
    : PlanarWeights<3, 0, HalfZeros<Block>> {};
template <int Block>
struct Weights<Storage::Int2, Block> : PlanarWeights<2, 2, HalfScales<Block>> {
};
template <int Block>
struct Weights<Storage::Int2Asym, Block>
    : PlanarWeights<2, 0, HalfZeros<Block>> {};
template <int Block>
struct Weights<Storage::Ternary, Block> : PlanarWeights<2, 1, HalfScales<256>> {
};

} // namespace qzc::kernels

#endif // QZC_KERNELS_SCHEMES_PLANAR_CUH
