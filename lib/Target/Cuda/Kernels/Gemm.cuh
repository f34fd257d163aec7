//===- Gemm.cuh - Many tokens through a linear layer ----------------------===//
//
// Three kernels: rows of activations to f16 (with the norm before the layer,
// and a power of two a row so that f16 neither overflows nor loses small
// values); weights of any storage to f16; and one dense f16 GEMM on tensor
// cores with f32 accumulation, whose epilogue undoes the scalings and applies
// bias, activation, gating and residual.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_KERNELS_GEMM_CUH
#define QZC_KERNELS_GEMM_CUH

#include "Hopper.cuh"
#include "Weights.cuh"

namespace qzc::kernels {

/// Row t of `in` (after the norm) times 2^-e in f16, K padded to a multiple of
/// 8 with zeros; scales[t] = 2^e puts the largest magnitude in [512, 1024).
/// Grid: T blocks of 256 threads.
template <int K, Norm N, Storage S, bool UnitOffset, bool HasWeight,
          bool HasBias>
QZC_DEVICE void convertRows(const float *in, int inStride, const void *weight,
                            const void *bias, float epsilon, Half *out,
                            float *scales) {
  constexpr int padded = (K + 7) / 8 * 8;
  __shared__ float scratch[32];
  launchDependents();
  waitForDependencies();
  in += static_cast<long long>(blockIdx.x) * inStride;
  out += static_cast<long long>(blockIdx.x) * padded;
  float mean = 0.0f;
  float factor = 1.0f;
  if constexpr (N != Norm::None)
    rowStatistics<K, N, 256>(in, epsilon, scratch, mean, factor);
  auto value = [&](int i) {
    if constexpr (N == Norm::None)
      return in[i];
    else
      return normalize<S, UnitOffset, HasWeight, HasBias>(in[i], mean, factor,
                                                          weight, bias, i);
  };
  float absmax = 0.0f;
  for (int i = threadIdx.x; i < K; i += 256)
    absmax = fmaxf(absmax, fabsf(value(i)));
  absmax = reduceBlock<Max, 256>(absmax, scratch);
  const float power = powerOfTwoAbove(absmax) * (1.0f / 1024.0f);
  const float inverse = 1.0f / power;
  for (int i = threadIdx.x; i < padded; i += 256)
    out[i] = toHalf(i < K ? value(i) * inverse : 0.0f);
  if (threadIdx.x == 0)
    scales[blockIdx.x] = power;
}

/// Rows [firstRow, firstRow + rows) of a view of a weight times `factor` in
/// f16; the view is Runs from row `first` on. Row r goes to out row
/// r × rowStep + rowOffset (gate and up rows alternate), K padded to a multiple
/// of 8 with zeros. Grid: ceil(rows / 8) blocks of 8 warps, a row each.
template <int K, Storage S, int Block, bool Fast, class Runs>
QZC_DEVICE void convertWeights(const void *data, const void *scales, int first,
                               int firstRow, int rows, float factor,
                               int rowStep, int rowOffset, Half *out) {
  using W = Weights<S, Block>;
  constexpr int padded = (K + 7) / 8 * 8;
  launchDependents();
  waitForDependencies();
  const int lane = threadIdx.x % kWarp;
  const int r = blockIdx.x * 8 + threadIdx.x / kWarp;
  if (r >= rows)
    return;
  const int row = first + Runs::at(firstRow + r);
  const float rowFactor = W::rowScale(scales, row) * factor;
  out += (static_cast<long long>(r) * rowStep + rowOffset) * padded;
  const long long base = static_cast<long long>(row) * K;
  if constexpr (Fast) {
    const float entry = W::entry();
    constexpr int chunks = K / W::kPerChunk;
    for (int c0 = 0; c0 < chunks; c0 += kWarp) {
      const int c = c0 + lane;
      const auto chunk = c < chunks
                             ? W::load(data, scales, base + c * W::kPerChunk)
                             : W::zero();
      float w[W::kPerChunk];
      W::decode(chunk, entry, w);
      if (c >= chunks)
        continue;
      const float f = W::scale(chunk) * rowFactor;
      unsigned packed[W::kPerChunk / 2];
      if constexpr (W::kAffine) {
        const float m = W::minimum(chunk) * rowFactor;
#pragma unroll
        for (int i = 0; i < W::kPerChunk / 2; ++i)
          packed[i] =
              packHalves(fmaf(w[2 * i], f, m), fmaf(w[2 * i + 1], f, m));
      } else {
#pragma unroll
        for (int i = 0; i < W::kPerChunk / 2; ++i)
          packed[i] = packHalves(w[2 * i] * f, w[2 * i + 1] * f);
      }
      Half *target = out + c * W::kPerChunk;
      if constexpr (W::kPerChunk == 4)
        *reinterpret_cast<uint2 *>(target) = make_uint2(packed[0], packed[1]);
      else
#pragma unroll
        for (int i = 0; i < W::kPerChunk / 8; ++i)
          reinterpret_cast<uint4 *>(target)[i] =
              make_uint4(packed[4 * i], packed[4 * i + 1], packed[4 * i + 2],
                         packed[4 * i + 3]);
    }
    for (int i = K + lane; i < padded; i += kWarp)
      out[i] = Half{0};
  } else {
    for (int i = lane; i < padded; i += kWarp)
      out[i] = toHalf(i < K ? W::at(data, scales, base + i) * rowFactor : 0.0f);
  }
}

/// What the epilogue needs of each part of the layer.
struct GemmPart {
  const void *bias;
  float scale; ///< undoes the factor of convertWeights
};

/// Columns of a and b that pass through shared memory in one step.
constexpr int kStepColumns = 64;

/// Where 16-byte piece p of row r lies, in rows of kStepColumns halves: at
/// p ^ (r % 8), so that ldmatrix and the copies meet no bank conflicts; wgmma
/// knows the order too.
QZC_DEVICE unsigned tilePiece(unsigned tile, int row, int piece) {
  return tile + 2 * kStepColumns * row + 16 * (piece ^ (row & 7));
}

/// How the warps of a block share its BM × BN sums, kTilesM × kTilesN tiles of
/// 16 × 8 a warp, and add the products of one step to them: `tile` holds BM
/// rows of a, then BN rows of b.
template <int BM, int BN, int WarpsM, int WarpsN> struct WarpTiles {
  static constexpr bool kAsync = false;
  static constexpr int kTilesM = BM / WarpsM / 16;
  static constexpr int kTilesN = BN / WarpsN / 8;
  static_assert(kTilesN % 2 == 0, "b is loaded two tiles at a time");

  QZC_DEVICE static int row(int warp) { return warp / WarpsN * (BM / WarpsM); }
  QZC_DEVICE static int column(int warp) {
    return warp % WarpsN * (BN / WarpsN);
  }
  /// Before the barrier after which `multiply` reads what has been copied;
  /// afterwards the sums are complete.
  QZC_DEVICE static void settle(float (&)[kTilesM][kTilesN][4]) {}

  QZC_DEVICE static void multiply(float (&c)[kTilesM][kTilesN][4],
                                  unsigned tile, int warp, int lane) {
    const unsigned tileB = tile + 2 * BM * kStepColumns;
#pragma unroll
    for (int kk = 0; kk < kStepColumns / 16; ++kk) {
      unsigned fa[kTilesM][4];
#pragma unroll
      for (int i = 0; i < kTilesM; ++i)
        loadMatrices(fa[i], tilePiece(tile, row(warp) + i * 16 + lane % 16,
                                      kk * 2 + lane / 16));
#pragma unroll
      for (int j = 0; j < kTilesN; j += 2) {
        unsigned fb[4];
        loadMatrices(fb,
                     tilePiece(tileB,
                               column(warp) + j * 8 + lane % 8 + lane / 16 * 8,
                               kk * 2 + lane / 8 % 2));
#pragma unroll
        for (int i = 0; i < kTilesM; ++i) {
          multiplyAccumulate(c[i][j], fa[i], fb[0], fb[1]);
          multiplyAccumulate(c[i][j + 1], fa[i], fb[2], fb[3]);
        }
      }
    }
  }
};

#ifdef QZC_HAS_WGMMA
/// The same by warpgroups of 64 rows each, whose products go on until the next
/// settle().
template <int BM, int BN> struct GroupTiles {
  static constexpr bool kAsync = true;
  static constexpr int kTilesM = 1;
  static constexpr int kTilesN = BN / 8;

  QZC_DEVICE static int row(int warp) { return warp * 16; }
  QZC_DEVICE static int column(int) { return 0; }
  QZC_DEVICE static void settle(float (&c)[kTilesM][kTilesN][4]) {
    waitForProducts();
#pragma unroll
    for (int j = 0; j < kTilesN; ++j)
      changedByProducts(c[0][j]);
    publishToTensorCores();
  }

  QZC_DEVICE static void multiply(float (&c)[kTilesM][kTilesN][4],
                                  unsigned tile, int warp, int) {
    const unsigned long long a =
        matrixDescriptor(tile + 2 * (warp / 4 * 64) * kStepColumns);
    const unsigned long long b = matrixDescriptor(tile + 2 * BM * kStepColumns);
    beginProducts();
#pragma unroll
    for (int kk = 0; kk < kStepColumns / 16; ++kk)
      multiplyGroup(c[0], a + 2 * kk, b + 2 * kk);
    commitProducts();
  }
};
#endif

/// The best of them that the architecture has, for as many warps.
template <int BM, int BN, int WarpsM, int WarpsN> struct TilesOf {
#ifdef QZC_HAS_WGMMA
  static_assert(WarpsM * WarpsN == BM / 16, "four warps have 64 rows");
  using Type = GroupTiles<BM, BN>;
#else
  using Type = WarpTiles<BM, BN, WarpsM, WarpsN>;
#endif
};

/// out[t, n] = f(Σ_k a[t, k] b[n, k] · scales) for rows t < T and the b rows
/// [0, columns), which are columns [firstColumn, …) of the layer; the parts end
/// at columns end0 and end1. Gated: b rows alternate gate, up, and the layer's
/// column n/2 is f(gate) · up. K: elements a row of a and b, a multiple of 8.
/// A block computes BM × BN; its WarpsM × WarpsN warps share it evenly.
/// Grid: ceil(T / BM) × ceil(columns / BN).
template <int BM, int BN, int WarpsM, int WarpsN, Rows Which, bool Gated,
          bool HasBias, Storage BiasStorage, Activation Act, bool Residual>
QZC_DEVICE void gemm(const Half *a, const float *rowScales, const Half *b,
                     int K, int columns, int firstColumn, int end0, int end1,
                     const void *bias0, float scale0, const void *bias1,
                     float scale1, const void *bias2, float scale2,
                     const float *residual, int residualStride, float *out,
                     int stride, const DeviceState *state) {
  using Tiles = typename TilesOf<BM, BN, WarpsM, WarpsN>::Type;
  constexpr int stages = 3;
  constexpr int threads = WarpsM * WarpsN * kWarp;
  constexpr int tilesM = Tiles::kTilesM;
  constexpr int tilesN = Tiles::kTilesN;
  constexpr int stageBytes = 2 * (BM + BN) * kStepColumns;
  QZC_DYNAMIC_SHARED(gemmShared);
  launchDependents();
  waitForDependencies();
  const unsigned shared = sharedAddress(gemmShared);
  const int tokens = rowCount<Which>(state);
  const int rowBase = blockIdx.x * BM;
  const int columnBase = blockIdx.y * BN;
  if (rowBase >= tokens)
    return;
  const int warp = threadIdx.x / kWarp;
  const int lane = threadIdx.x % kWarp;

  auto loadStage = [&](int stage, int k0) {
#pragma unroll
    for (int i = threadIdx.x; i < (BM + BN) * 8; i += threads) {
      const int row = i / 8;
      const int piece = i % 8;
      const int k = k0 + piece * 8;
      const bool isA = row < BM;
      const int index = isA ? rowBase + row : columnBase + row - BM;
      const bool valid = k < K && index < (isA ? tokens : columns);
      const Half *base = isA ? a : b;
      copyAsync(tilePiece(shared + stage * stageBytes, row, piece),
                base + (valid ? static_cast<long long>(index) * K + k : 0),
                valid);
    }
  };

  float c[tilesM][tilesN][4];
#pragma unroll
  for (int i = 0; i < tilesM; ++i)
#pragma unroll
    for (int j = 0; j < tilesN; ++j)
#pragma unroll
      for (int e = 0; e < 4; ++e)
        c[i][j][e] = 0.0f;

  const int steps = (K + kStepColumns - 1) / kStepColumns;
#pragma unroll
  for (int s = 0; s < stages - 1; ++s) {
    if (s < steps)
      loadStage(s, s * kStepColumns);
    copyCommit();
  }
  for (int step = 0; step < steps; ++step) {
    copyWait<stages - 2>();
    Tiles::settle(c);
    __syncthreads();
    const int ahead = step + stages - 1;
    const unsigned tile = shared + step % stages * stageBytes;
    if constexpr (Tiles::kAsync)
      Tiles::multiply(c, tile, warp, lane);
    if (ahead < steps)
      loadStage(ahead % stages, ahead * kStepColumns);
    copyCommit();
    if constexpr (!Tiles::kAsync)
      Tiles::multiply(c, tile, warp, lane);
  }
  Tiles::settle(c);

  auto part = [&](int n, int &row) -> GemmPart {
    row = n;
    if (n < end0)
      return {bias0, scale0};
    if (n < end1) {
      row = n - end0;
      return {bias1, scale1};
    }
    row = n - end1;
    return {bias2, scale2};
  };
  auto store = [&](int t, int n, float y) {
    y = activate<Act>(y);
    if constexpr (Residual)
      y += residual[static_cast<long long>(t) * residualStride + n];
    out[static_cast<long long>(t) * stride + n] = y;
  };
#pragma unroll
  for (int i = 0; i < tilesM; ++i)
#pragma unroll
    for (int h = 0; h < 2; ++h) {
      const int t = rowBase + Tiles::row(warp) + i * 16 + lane / 4 + 8 * h;
      if (t >= tokens)
        continue;
      const float rowScale = rowScales[t];
#pragma unroll
      for (int j = 0; j < tilesN; ++j) {
        const int local =
            columnBase + Tiles::column(warp) + j * 8 + lane % 4 * 2;
        if (local >= columns)
          continue;
        float y0 = c[i][j][2 * h] * rowScale;
        float y1 = c[i][j][2 * h + 1] * rowScale;
        if constexpr (Gated) {
          const int n = firstColumn + local / 2;
          y0 *= scale0;
          y1 *= scale1;
          if constexpr (HasBias) {
            y0 += element<BiasStorage>(bias0, n);
            y1 += element<BiasStorage>(bias1, n);
          }
          y0 = activate<Act>(y0) * y1;
          if constexpr (Residual)
            y0 += residual[static_cast<long long>(t) * residualStride + n];
          out[static_cast<long long>(t) * stride + n] = y0;
        } else {
          int row;
          const int n = firstColumn + local;
          GemmPart p = part(n, row);
          y0 *= p.scale;
          if constexpr (HasBias)
            y0 += element<BiasStorage>(p.bias, row);
          store(t, n, y0);
          if (local + 1 < columns) {
            p = part(n + 1, row);
            y1 *= p.scale;
            if constexpr (HasBias)
              y1 += element<BiasStorage>(p.bias, row);
            store(t, n + 1, y1);
          }
        }
      }
    }
}

} // namespace qzc::kernels

#endif // QZC_KERNELS_GEMM_CUH
