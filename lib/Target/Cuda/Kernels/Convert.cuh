//===- Convert.cuh - Operands of the GEMMs --------------------------------===//
//
// Rows of activations to f16 (with the norm before the layer, and a power of
// two a row so that f16 neither overflows nor loses small values), and weights
// of any storage to f16, both in the order that the GEMM reads; for codes that
// are bytes with a scale a row, activations to digits, and the codes as they
// are.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_KERNELS_CONVERT_CUH
#define QZC_KERNELS_CONVERT_CUH

#include "Convert.h"
#include "Terms.h"
#include "Weights.cuh"

namespace qzc::kernels {

/// Pieces of 8 elements of a row of K, all its terms (of digits, of one) and
/// the padding behind them.
template <Order O> constexpr int piecesOf(int k) {
  if constexpr (O == Order::Digits)
    return (k + 127) / 128 * 16;
  const int columns = gemmTerms(k) * termColumns(k);
  return (O == Order::Panels ? (columns + 63) / 64 * 64 : columns) / 8;
}
/// Where piece `piece` of row `row` lies, of a matrix of `rows` rows, in
/// pieces.
template <Order O, int K>
QZC_DEVICE long long pieceIndex(int rows, int row, int piece) {
  if constexpr (O == Order::Panels)
    return (static_cast<long long>(piece / 8) * rows + row) * 8 +
           (piece % 8 ^ (row & 7));
  if constexpr (O == Order::Digits) // two are 16 bytes
    return (static_cast<long long>(piece / 16) * rows + row) * 16 +
           (piece % 16 ^ (row & 7) * 2);
  return static_cast<long long>(row) * piecesOf<O>(K) + piece;
}

/// Eight floats as f16.
QZC_DEVICE uint4 packEight(const float (&v)[8], float factor) {
  return make_uint4(packHalves(v[0] * factor, v[1] * factor),
                    packHalves(v[2] * factor, v[3] * factor),
                    packHalves(v[4] * factor, v[5] * factor),
                    packHalves(v[6] * factor, v[7] * factor));
}

/// What packEight(v, factor) lost of the eight floats, as f16.
QZC_DEVICE uint4 packRest(const float (&v)[8], float factor) {
  float rest[8];
#pragma unroll
  for (int e = 0; e < 8; ++e)
    rest[e] = v[e] * factor - toFloat(toHalf(v[e] * factor));
  return packEight(rest, 1.0f);
}

/// Eight integers of up to kMostDigits as their low and high digits.
struct EightDigits {
  uint2 low, high;

  QZC_DEVICE EightDigits(const float (&v)[8], float factor) {
    unsigned n[8];
#pragma unroll
    for (int e = 0; e < 8; ++e)
      n[e] = static_cast<unsigned>(__float2int_rn(v[e] * factor)) + 0x80u;
    unsigned pairs[4]; ///< low digits of two, then high ones
#pragma unroll
    for (int p = 0; p < 4; ++p)
      pairs[p] = __byte_perm(n[2 * p], n[2 * p + 1], 0x5140);
    low = make_uint2(__byte_perm(pairs[0], pairs[1], 0x5410) ^ 0x80808080u,
                     __byte_perm(pairs[2], pairs[3], 0x5410) ^ 0x80808080u);
    high = make_uint2(__byte_perm(pairs[0], pairs[1], 0x7632),
                      __byte_perm(pairs[2], pairs[3], 0x7632));
  }
};

/// Row t of `in` (after the norm) divided by scales[t], zero from K on. In f16
/// that is a power of two, which puts the largest magnitude in [512, 1024); of
/// digits it is the unit of high ones, and the largest is kMostDigits. Grid:
/// blocks of kConvertWarps warps, of which each row takes convertWarpsOf(…).
template <ConvertRows::Config C>
QZC_DEVICE void convertRows(const ConvertRows::Args<Value> &a) {
  constexpr int K = C.inputs;
  constexpr int pieces = piecesOf<C.order>(K);
  constexpr int warps = convertWarpsOf(8 * pieces);
  constexpr int threads = warps * kWarp; ///< of a row
  constexpr int terms = gemmTerms(K);
  constexpr int term = termColumns(K) / 8; ///< pieces of one
  constexpr int each = (pieces + threads - 1) / threads;
  __shared__ float scratch[3][kConvertWarps];
  launchDependents();
  waitForDependencies();
  const int rows = rowCount<C.rows>(a.state);
  const int thread = static_cast<int>(threadIdx.x) % threads;
  const int row = blockIdx.x * (kConvertWarps / warps) +
                  static_cast<int>(threadIdx.x) / threads;
  const bool isRow = row < rows;
  const float *in = rowOf(a.in, row);

  float v[each][8];
  /// What `use` makes of the elements that exist.
  auto forEach = [&](auto use) {
#pragma unroll
    for (int j = 0; j < each; ++j)
#pragma unroll
      for (int e = 0; e < 8; ++e) {
        const int i = (j * threads + thread) * 8 + e;
        if (i < K)
          use(v[j][e], i);
      }
  };
#pragma unroll
  for (int j = 0; j < each; ++j) {
    const int i = (j * threads + thread) * 8;
    if (C.aligned && isRow && i + 8 <= K) {
      const float4 low = *reinterpret_cast<const float4 *>(in + i);
      const float4 high = *reinterpret_cast<const float4 *>(in + i + 4);
      v[j][0] = low.x, v[j][1] = low.y, v[j][2] = low.z, v[j][3] = low.w;
      v[j][4] = high.x, v[j][5] = high.y, v[j][6] = high.z, v[j][7] = high.w;
    } else {
#pragma unroll
      for (int e = 0; e < 8; ++e)
        v[j][e] = isRow && i + e < K ? in[i + e] : 0.0f;
    }
  }
  if constexpr (C.norm.kind != Norm::None) {
    float mean = 0.0f;
    if constexpr (C.norm.kind == Norm::Layer) {
      float sum = 0.0f;
      forEach([&](float x, int) { sum += x; });
      mean = reduceWarps<Sum, warps>(sum, scratch[0]) / K;
    }
    float sum = 0.0f;
    forEach([&](float x, int) { sum = fmaf(x - mean, x - mean, sum); });
    const float square = reduceWarps<Sum, warps>(sum, scratch[1]) / K;
    const float factor = 1.0f / sqrtf(square + a.norm.epsilon);
    forEach([&](float &x, int i) {
      x = normalize<C.norm>(x, mean, factor, a.norm, i);
    });
  }
  float absmax = 0.0f;
  forEach([&](float x, int) { absmax = Magnitude::join(absmax, fabsf(x)); });
  absmax = reduceWarps<Magnitude, warps>(absmax, scratch[2]);
  if (!isRow)
    return;
  if constexpr (C.order == Order::Digits) {
    constexpr float least = 1e-30f; // has an inverse
    const float most = absmax < least ? least : absmax;
    auto *digits = reinterpret_cast<uint2 *>(a.out);
#pragma unroll
    for (int j = 0; j < each; ++j) {
      const int piece = j * threads + thread;
      if (piece >= pieces)
        continue;
      const EightDigits eight(v[j], kMostDigits / most);
      digits[pieceIndex<C.order, K>(rows, row, piece)] = eight.low;
      digits[pieceIndex<C.order, K>(rows, row, pieces + piece)] = eight.high;
    }
    if (thread == 0)
      a.scales[row] = most * (256.0f / kMostDigits);
  } else {
    const float power = powerOfTwoAbove(absmax) * (1.0f / 1024.0f);
    const float inverse = 1.0f / power;
    auto store = [&](int piece, const uint4 &value) {
      reinterpret_cast<uint4 *>(
          a.out)[pieceIndex<C.order, K>(rows, row, piece)] = value;
    };
#pragma unroll
    for (int j = 0; j < each; ++j) {
      const int piece = j * threads + thread;
      if (piece < pieces &&
          (terms == 1 || piece < term || piece >= terms * term))
        store(piece, packEight(v[j], inverse));
      if constexpr (terms > 1)
        for (int t = 1; t < terms && piece < term; ++t)
          store(t * term + piece, t == kRowsRest ? packRest(v[j], inverse)
                                                 : packEight(v[j], inverse));
    }
    if (thread == 0)
      a.scales[row] = power;
  }
}

/// A warp's row of convertWeights.
template <ConvertWeights::Config C>
QZC_DEVICE void convertWeightRow(const ConvertWeights::Args<Value> &a, int r) {
  constexpr int K = C.inputs;
  using W = WeightsOf<C.weight>;
  constexpr int pieces = piecesOf<C.order>(K);
  // Of what a warp decodes at once.
  constexpr int step = kWarp * W::kPerChunk / 8;
  __shared__ uint4 staged[8][step];
  const int lane = threadIdx.x % kWarp;
  const int warp = threadIdx.x / kWarp;
  const void *data = a.weight.data;
  const void *scales = a.weight.scales;
  const int row = a.first + storedRow<C.runs>(a.firstRow + r);
  const int outRow = r + r / a.rowGroup * a.rowGroup + a.rowOffset;
  const float rowFactor = hasRowScales(C.weight) ? 1.0f : a.factor;
  if (hasRowScales(C.weight) && lane == 0)
    a.scales[outRow] = W::rowScale(scales, row);
  const auto elementOf = [row](int k) {
    return elementNumber<C.weight, K>(row, k);
  };
  auto store = [&](int piece, const uint4 &value) {
    reinterpret_cast<uint4 *>(
        a.out)[pieceIndex<C.order, K>(a.outRows, outRow, piece)] = value;
  };
  static_assert(!C.fast || gemmTerms(K) == 1, "terms are made one by one");
  if constexpr (C.order == Order::Digits) {
    static_assert(C.fast && W::kPerChunk == 16);
    constexpr int chunks = K / W::kPerChunk;
    // Two pieces of 8 bytes a chunk.
#pragma unroll 4
    for (int c = lane; c < pieces / 2; c += kWarp)
      reinterpret_cast<uint4 *>(
          a.out)[pieceIndex<C.order, K>(a.outRows, outRow, 2 * c) / 2] =
          (c < chunks ? W::load(data, scales, elementOf(c * W::kPerChunk))
                      : W::zero())
              .bits;
  } else if constexpr (C.fast) {
    const float entry = W::entry();
    constexpr int chunks = K / W::kPerChunk;
    constexpr int mine = W::kPerChunk / 2; ///< words that a chunk becomes
#pragma unroll 2
    for (int c0 = 0; c0 * W::kPerChunk < pieces * 8; c0 += kWarp) {
      const int c = c0 + lane;
      const auto chunk =
          c < chunks ? W::load(data, scales, elementOf(c * W::kPerChunk))
                     : W::zero();
      float w[W::kPerChunk];
      W::decode(chunk, entry, w);
      const float f = W::scale(chunk) * rowFactor;
      unsigned packed[mine];
      if constexpr (W::kAffine) {
        const float m = W::minimum(chunk) * rowFactor;
#pragma unroll
        for (int i = 0; i < mine; ++i)
          packed[i] =
              packHalves(fmaf(w[2 * i], f, m), fmaf(w[2 * i + 1], f, m));
      } else {
#pragma unroll
        for (int i = 0; i < mine; ++i)
          packed[i] = packHalves(w[2 * i] * f, w[2 * i + 1] * f);
      }
      // So that neighbouring lanes write neighbouring pieces.
      unsigned *to = reinterpret_cast<unsigned *>(staged[warp]) + lane * mine;
      if constexpr (mine == 2) {
        *reinterpret_cast<uint2 *>(to) = make_uint2(packed[0], packed[1]);
      } else {
#pragma unroll
        for (int i = 0; i < mine; i += 4)
          *reinterpret_cast<uint4 *>(to + i) = make_uint4(
              packed[i], packed[i + 1], packed[i + 2], packed[i + 3]);
      }
      __syncwarp();
#pragma unroll
      for (int q = 0; q < step; q += kWarp) {
        const int piece = c0 * W::kPerChunk / 8 + q + lane;
        if (q + lane < step && piece < pieces)
          store(piece, staged[warp][q + lane]);
      }
      __syncwarp();
    }
  } else {
    constexpr int term = termColumns(K) / 8; ///< pieces of one
    for (int piece = lane; piece < pieces; piece += kWarp) {
      const int t = piece / term;
      float v[8];
#pragma unroll
      for (int e = 0; e < 8; ++e) {
        const int i = piece % term * 8 + e;
        v[e] = t < gemmTerms(K) && i < K ? W::at(data, scales, elementOf(i))
                                         : 0.0f;
      }
      store(piece, gemmTerms(K) > 1 && t == kWeightsRest
                       ? packRest(v, rowFactor)
                       : packEight(v, rowFactor));
    }
  }
}

/// Rows [firstRow, firstRow + rows) of a view of a weight times `factor` in
/// f16, zero from K on; gate and up rows take turns. Where scales are of rows,
/// codes alone, as f16 or as they are, and their scales. Grid: ceil(rows / 8)
/// blocks of 8 warps, a row each.
template <ConvertWeights::Config C>
QZC_DEVICE void convertWeights(const ConvertWeights::Args<Value> &a) {
  launchDependents();
  if constexpr (C.early)
    touchEarly();
  else
    waitForDependencies();
  const int r = blockIdx.x * 8 + threadIdx.x / kWarp;
  if (r < a.rows)
    convertWeightRow<C>(a, r);
  if constexpr (C.early)
    waitInOneBlock();
}

} // namespace qzc::kernels

#endif // QZC_KERNELS_CONVERT_CUH
