//===- Gemm.cuh - Many tokens through a linear layer ----------------------===//
//
// A dense f16 GEMM on tensor cores with f32 accumulation, of what Convert.cuh
// makes. Its epilogue undoes the scalings and applies bias, activation, gating
// and residual.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_KERNELS_GEMM_CUH
#define QZC_KERNELS_GEMM_CUH

#include "Gemm.h"
#include "Weights.cuh"

namespace qzc::kernels {

/// The epilogue, of sums that scales of columns have been applied to where
/// there are such.
template <bool Gated, SumScale Scale, EndConfig End>
struct GemmOutput : GemmOutputArgs<Value> {
  static constexpr bool kResidual = End.residual;
  static constexpr bool kColumnScales = Scale == SumScale::Columns;

  QZC_DEVICE float finish(int n, float y) const {
    int row = n;
    GemmPartArgs<Value> part = parts[0];
    if (n >= end1) {
      row = n - end1;
      part = parts[2];
    } else if (n >= end0) {
      row = n - end0;
      part = parts[1];
    }
    if constexpr (!kColumnScales)
      y *= part.scale;
    if constexpr (End.hasBias)
      y += element<End.bias>(part.bias, row);
    return activate<End.activation>(y);
  }
  QZC_DEVICE void store(int t, int n, float y) const {
    if constexpr (End.residual)
      y += residual.first[static_cast<long long>(t) * residual.stride + n];
    out.first[static_cast<long long>(t) * out.stride + n] = y;
  }
  /// Column n of a gated layer.
  QZC_DEVICE float gate(int n, float gate, float up) const {
    if constexpr (!kColumnScales) {
      gate *= parts[0].scale;
      up *= parts[1].scale;
    }
    if constexpr (End.hasBias) {
      gate += element<End.bias>(parts[0].bias, n);
      up += element<End.bias>(parts[1].bias, n);
    }
    return activate<End.activation>(gate) * up;
  }
  /// The sums of row t in columns `local`, an even number, and the next.
  QZC_DEVICE void pair(int t, int local, float y0, float y1) const {
    if (local >= columns)
      return;
    if constexpr (kColumnScales) {
      y0 *= scales[local];
      if (local + 1 < columns)
        y1 *= scales[local + 1];
    }
    if constexpr (Gated) {
      const int n = firstColumn + local / 2;
      store(t, n, gate(n, y0, y1));
    } else {
      const int n = firstColumn + local;
      store(t, n, finish(n, y0));
      if (local + 1 < columns)
        store(t, n + 1, finish(n + 1, y1));
    }
  }
};

/// Columns of a and b that pass through shared memory in one step.
constexpr int kStepColumns = 64;

/// Where 16-byte piece p of row r lies, in rows of kStepColumns halves: at
/// p ^ (r % 8), so that ldmatrix and the copies meet no bank conflicts.
QZC_DEVICE unsigned tilePiece(unsigned tile, int row, int piece) {
  return tile + 2 * kStepColumns * row + 16 * (piece ^ (row & 7));
}

/// How the warps of a block share its BM × BN sums, kTilesM × kTilesN tiles of
/// 16 × 8 a warp, and add the products of one step to them: `tile` holds BM
/// rows of a, then BN rows of b.
template <int BM, int BN, int WarpsM, int WarpsN> struct WarpTiles {
  static constexpr int kTilesM = BM / WarpsM / 16;
  static constexpr int kTilesN = BN / WarpsN / 8;
  static_assert(kTilesN % 2 == 0, "b is loaded two tiles at a time");

  QZC_DEVICE static int row(int warp) { return warp / WarpsN * (BM / WarpsM); }
  QZC_DEVICE static int column(int warp) {
    return warp % WarpsN * (BN / WarpsN);
  }
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

/// out[t, n] = f(Σ_k rows[t, k] weights[n, k] · scales) for rows t < T. A block
/// computes tileM × tileN. Grid: ceil(T / tileM) × ceil(columns / tileN).
template <Gemm::Config C> QZC_DEVICE void gemm(const Gemm::Args<Value> &a) {
  constexpr int BM = C.tileM;
  constexpr int BN = C.tileN;
  using Tiles = WarpTiles<BM, BN, C.warpsM, C.warpsN>;
  constexpr int stages = 3;
  constexpr int threads = C.warpsM * C.warpsN * kWarp;
  constexpr int tilesM = Tiles::kTilesM;
  constexpr int tilesN = Tiles::kTilesN;
  constexpr int stageBytes = 2 * (BM + BN) * kStepColumns;
  QZC_DYNAMIC_SHARED(gemmShared);
  launchDependents();
  waitForDependencies();
  const unsigned shared = sharedAddress(gemmShared);
  const int K = a.inputs;
  const int tokens = rowCount<C.rows>(a.state);
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
      const bool valid = k < K && index < (isA ? tokens : a.output.columns);
      const Half *base = isA ? a.rows : a.weights;
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
    __syncthreads();
    const int ahead = step + stages - 1;
    const unsigned tile = shared + step % stages * stageBytes;
    if (ahead < steps)
      loadStage(ahead % stages, ahead * kStepColumns);
    copyCommit();
    Tiles::multiply(c, tile, warp, lane);
  }

  const GemmOutput<C.gated, C.scale, C.end> output = {a.output};
#pragma unroll
  for (int i = 0; i < tilesM; ++i)
#pragma unroll
    for (int h = 0; h < 2; ++h) {
      const int t = rowBase + Tiles::row(warp) + i * 16 + lane / 4 + 8 * h;
      if (t >= tokens)
        continue;
      const float rowScale = a.rowScales[t];
#pragma unroll
      for (int j = 0; j < tilesN; ++j)
        output.pair(t, columnBase + Tiles::column(warp) + j * 8 + lane % 4 * 2,
                    c[i][j][2 * h] * rowScale, c[i][j][2 * h + 1] * rowScale);
    }
}

} // namespace qzc::kernels

#endif // QZC_KERNELS_GEMM_CUH
