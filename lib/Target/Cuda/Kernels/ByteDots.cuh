//===- ByteDots.cuh - Codes times an input, by integer tensor cores -------===//
//
// Codes of up to 8 bits are operands as they are, entries of code books those
// of several products. The input is a number of 32 bits, four digits of 8,
// times a scale of its chunk: products and sums of a chunk's digits are exact.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_KERNELS_BYTEDOTS_CUH
#define QZC_KERNELS_BYTEDOTS_CUH

#include "BookProducts.cuh"
#include "LoneInput.h"
#include "LoneStage.cuh"

namespace qzc::kernels {

/// How the codes of a storage become signed bytes.
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

/// Chunks of two rows times pairs of the digits of an input, added up.
///   Table      what a lane keeps for it
///   kMiddle    the number that stands for 0
///   staged(v)  neighbouring elements of an input in the order of their codes
///   add(table, first, second, i, digits)
///              elements 8i … 8i + 7
///   sum(pair, row)
///              what the first or the second row comes to
template <class Codes, int Pairs> struct ByteProducts {
  struct Table {};
  static constexpr int kMiddle = Codes::kMiddle;

  int sums[Pairs][4] = {};

  QZC_DEVICE static float4 staged(const float4 &v) { return v; }
  template <class Bits>
  QZC_DEVICE void add(const Table &, const Bits &first, const Bits &second,
                      int i, const uint2 (&digits)[Pairs]) {
    const unsigned rows[4] = {
        Codes::four(first, 2 * i), Codes::four(second, 2 * i),
        Codes::four(first, 2 * i + 1), Codes::four(second, 2 * i + 1)};
#pragma unroll
    for (int p = 0; p < Pairs; ++p)
      multiplyAccumulateBytes(sums[p], rows, digits[p].x, digits[p].y);
  }
  QZC_DEVICE float sum(int pair, int row) const {
    return joinDigits(sums[pair] + 2 * row);
  }
};
template <Storage S, int Pairs, bool HasBook = hasBook(S)>
struct ProductsOf : ByteProducts<CodeBytes<S>, Pairs> {};
template <Storage S, int Pairs>
struct ProductsOf<S, Pairs, true> : BookProducts<BookOf<S>, Pairs> {};

/// Four numbers of 32 bits as digits of 8, signed ones: a number is the sum of
/// its d[i] · 256^i.
struct Digits {
  /// The highest digit ends at 127, so numbers do at 127 · (256^3 + … + 1).
  static constexpr float kMargin = 1.00394f;
  unsigned words[4]; ///< byte i of d: digit d of number i

  /// Of x · factor.
  QZC_DEVICE Digits(const float4 &x, float factor) {
    const float elements[4] = {x.x, x.y, x.z, x.w};
    unsigned n[4];
#pragma unroll
    for (int i = 0; i < 4; ++i)
      n[i] = static_cast<unsigned>(__float2int_rn(elements[i] * factor)) +
             0x00808080u;
    const unsigned low = __byte_perm(n[0], n[1], 0x5140);
    const unsigned high = __byte_perm(n[2], n[3], 0x5140);
    const unsigned upperLow = __byte_perm(n[0], n[1], 0x7362);
    const unsigned upperHigh = __byte_perm(n[2], n[3], 0x7362);
    words[0] = __byte_perm(low, high, 0x5410) ^ 0x80808080u;
    words[1] = __byte_perm(low, high, 0x7632) ^ 0x80808080u;
    words[2] = __byte_perm(upperLow, upperHigh, 0x5410) ^ 0x80808080u;
    words[3] = __byte_perm(upperLow, upperHigh, 0x7632);
  }
};

/// Sharers: neighbouring chunks that share the scales of weights and of inputs,
/// and columns, which then hold all four digits of one and the other.
template <WeightConfig Weight, int Groups, int Teams, int Sharers>
struct ByteDots {
  static_assert(Sharers == 1 || Sharers == 2);
  using W = WeightsOf<Weight>;
  static constexpr int kPairs = 2 / Sharers;
  using Products = ProductsOf<Weight.storage, kPairs>;
  static constexpr LoneInput kInput = {Groups, W::kPerChunk, Teams};
  static constexpr int kHalf = kInput.halfOfBytes();
  static constexpr int kSharedBytes = kInput.byteBytes();
  /// Elements of the input that share a scale.
  static constexpr int kPerScale = Sharers * W::kPerChunk;
  static constexpr bool kSums = Products::kMiddle != 0 || W::kAffine;
  static_assert(!kSums || Sharers == 1, "sums are of chunks");
  static_assert(W::kPerChunk * 128 * 128 * 257ll < 1ll << 31,
                "sums of two digits fit");

  typename Products::Table table;
  char *planes;
  float2 *scales; ///< of chunks: units of the digits, sums of the elements
  int chunk;      ///< of a group: this lane's
  char *digit;    ///< what its column begins with, of the first pairs
  int step;       ///< from a group to the next; of zeros none

  QZC_DEVICE ByteDots(char *shared, int team) {
    planes = shared;
    scales = reinterpret_cast<float2 *>(planes + 2 * kHalf);
    const int lane = threadIdx.x % kWarp;
    const int column = lane / 4;
    chunk = lane % 4;
    const bool isMine = column / (2 * Sharers) == chunk / Sharers;
    digit = planes +
            (isMine ? planeOf(column % (2 * Sharers)) + chunk * W::kPerChunk
                    : kInput.zeros() + team * LoneInput::kZeros);
    step = isMine ? 4 * W::kPerChunk : 0;
  }

  /// Stages what `stage` makes of the input's quads, and returns what it does;
  /// chunks beyond them are zeros.
  template <class Stage>
  QZC_DEVICE float stage(const Stage &stage, float4 (&v)[Stage::kQuads],
                         float *scratch,
                         const typename Stage::Norms &norm) const {
    constexpr int quads = Stage::kRunQuads;
    constexpr int runs = Stage::kRunsOfChunk;
    storeZeros(stage.thread);
    const float squares = stage.normalize(v, scratch, norm);
#pragma unroll
    for (int r = 0; r < Stage::kRuns; ++r) {
      const float4 *of = v + r * quads;
      const ChunkScale<32> scale(largestOfChunk<runs, quads>(of) *
                                 Digits::kMargin);
      float sum = 0.0f;
      if constexpr (kSums) {
#pragma unroll
        for (int j = 0; j < quads; ++j)
          sum += (of[j].x + of[j].y) + (of[j].z + of[j].w);
#pragma unroll
        for (int mask = 1; mask < runs; mask *= 2)
          sum += __shfl_xor_sync(QZC_FULL_WARP, sum, mask);
      }
      const int first = stage.run(r);
      if (!stage.isOfTeam(r) || first >= kInput.elements())
        continue;
      storeDigits<quads>(planes + first, of, scale.factor);
      if (first % kPerScale == 0) {
        scales[first / W::kPerChunk] = float2{scale.unit, sum};
        if constexpr (Sharers == 2)
          scales[first / W::kPerChunk + 1] = float2{scale.unit * 65536.0f, sum};
      }
    }
    Stage::meet();
    return squares;
  }

  /// The sum of this lane's chunk of the input.
  QZC_DEVICE float sum(int group) const { return scales[4 * group + chunk].y; }

  /// Chunks of two rows times the input of a group, without their scales.
  QZC_DEVICE void dot(const typename W::Chunk &first,
                      const typename W::Chunk &second, int group,
                      float &firstDot, float &secondDot) const {
    Products products;
    const char *from = digit + group * step;
#pragma unroll
    for (int e = 0; e < W::kPerChunk; e += 16) {
      uint4 four[kPairs];
#pragma unroll
      for (int p = 0; p < kPairs; ++p)
        four[p] = *reinterpret_cast<const uint4 *>(from + e + p * kHalf);
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        uint2 digits[kPairs];
#pragma unroll
        for (int p = 0; p < kPairs; ++p)
          digits[p] =
              half ? uint2{four[p].z, four[p].w} : uint2{four[p].x, four[p].y};
        products.add(table, first.bits, second.bits, e / 8 + half, digits);
      }
    }
    const float2 scale = scales[4 * group + chunk];
    const float shift =
        Products::kMiddle == 0 ? 0.0f : -Products::kMiddle * scale.y;
    firstDot = fmaf(joined(products, 0), scale.x, shift);
    secondDot = fmaf(joined(products, 1), scale.x, shift);
  }

private:
  QZC_DEVICE static constexpr int planeOf(int digit) {
    return digit / 2 * kHalf + digit % 2 * kInput.byteStride();
  }
  /// What columns of other chunks hold, by two of a team's threads whose
  /// columns do.
  QZC_DEVICE void storeZeros(int thread) const {
    static_assert(LoneInput::kZeros == 2 * sizeof(uint4));
    if (thread / 2 == 1)
#pragma unroll
      for (int p = 0; p < kPairs; ++p)
        *reinterpret_cast<uint4 *>(digit + p * kHalf + thread % 2 * 16) =
            make_uint4(0, 0, 0, 0);
  }
  /// The number of a row's pairs of digits.
  QZC_DEVICE static float joined(const Products &products, int row) {
    const float lower = products.sum(0, row);
    if constexpr (kPairs == 1)
      return lower;
    else
      return fmaf(products.sum(1, row), 65536.0f, lower);
  }
  template <int Quads>
  QZC_DEVICE static void storeDigits(char *to, const float4 *v, float factor) {
    unsigned words[4][Quads];
#pragma unroll
    for (int j = 0; j < Quads; ++j) {
      const Digits digits(Products::staged(v[j]), factor);
#pragma unroll
      for (int d = 0; d < 4; ++d)
        words[d][j] = digits.words[d];
    }
#pragma unroll
    for (int d = 0; d < 4; ++d)
      storeWords<Quads>(to + planeOf(d), words[d]);
  }
};

} // namespace qzc::kernels

#endif // QZC_KERNELS_BYTEDOTS_CUH
