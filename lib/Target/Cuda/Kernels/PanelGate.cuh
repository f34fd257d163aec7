//===- PanelGate.cuh - Gated layers that leave f16: sm_90a ----------------===//
//
// The GEMM of PanelGemm.cuh for a gated layer whose outputs only the next
// layer's GEMM reads: they leave a block as that one's operand. A unit of a row
// would have to be known before the row is, so each tile has its own, which
// are nearly always the same.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_KERNELS_PANELGATE_CUH
#define QZC_KERNELS_PANELGATE_CUH

#include "PanelGate.h"
#include "PanelGemm.cuh"

#ifdef QZC_HAS_WGMMA

namespace qzc::kernels {

/// What a tile's values of a row are divided by, of which the largest
/// magnitude is given: 1 wherever f16 has them well, so that tiles agree; else
/// a power of 2^16 that brings the largest to [1/2, 2^15). Of zeros the least.
QZC_DEVICE float tileUnit(float top) {
  const int exponent = (__float_as_int(top) >> 23) - 127;
  const bool isPlain = exponent >= -9 && exponent < 15;
  const bool isFinite = exponent < 128;
  const int steps =
      isPlain || !isFinite ? 0 : min(7, max(-6, (exponent + 1) >> 4));
  return __int_as_float((127 + 16 * steps) << 23);
}

/// panels = act(gate) · up in tiles divided by `units`, of sums as gemm has
/// them (Gemm.cuh). Of the weights' rows kGateRows of gate and as many of up
/// take turns. Grid, threads, shared memory: gemmPanels.
template <GatePanels::Config C>
QZC_DEVICE void gatePanels(const GatePanels::Args<Value> &a) {
  constexpr int BN = C.columns;
  constexpr int panels = BN / 2 / kPanelColumns;
  constexpr int panelBytes = 16 * kPanelRowBytes; ///< of a warp's rows
  static_assert(panels * 2 * kPanelColumns == BN, "tiles are whole panels");
  const GemmOutput<true, C.scale, C.end> output = {a.gemm.output};
  int tokens = 0;
  const auto find = [&] {
    tokens = a.gemm.state->tokens;
    return PanelOperands{a.gemm.rows, tokens, a.gemm.weights, output.columns,
                         a.gemm.inputs};
  };
  forPanelTile<BN, C.order>(find, [&](const PanelPlace &place,
                                      float(&c)[BN / 8][4], char *shared) {
    const int lane = threadIdx.x % kWarp;
    const int warp = threadIdx.x / kWarp;
    const int firstRow = place.row + warp * 16;
    const int rows = place.rows - warp * 16; ///< of the warp's that exist
    const int firstOutput = output.firstColumn + place.column / 2;
    float scale[2];
    float top[2] = {0.0f, 0.0f};
#pragma unroll
    for (int h = 0; h < 2; ++h) {
      const int row = lane / 4 + 8 * h;
      scale[h] = row < rows ? a.gemm.rowScales[firstRow + row] : 0.0f;
    }
    // Of gates and ups, c keeps what they become.
#pragma unroll
    for (int j = 0; j < BN / 16; ++j) {
      const int pair = lane % 4 * 2;
      float2 ofGate = {1.0f, 1.0f};
      float2 ofUp = {1.0f, 1.0f};
      if constexpr (C.scale == SumScale::Columns) {
        const float *scales = output.scales + place.column + 16 * j + pair;
        ofGate = *reinterpret_cast<const float2 *>(scales);
        ofUp = *reinterpret_cast<const float2 *>(scales + kGateRows);
      }
#pragma unroll
      for (int e = 0; e < 4; ++e) {
        const int h = e / 2;
        const float gate =
            c[2 * j][e] * scale[h] * (e % 2 ? ofGate.y : ofGate.x);
        const float up = c[2 * j + 1][e] * scale[h] * (e % 2 ? ofUp.y : ofUp.x);
        const float y =
            output.gate(firstOutput + 8 * j + pair + e % 2, gate, up);
        top[h] = Magnitude::join(top[h], fabsf(y));
        c[2 * j][e] = y;
      }
    }

    char *mine = shared + warp * panels * panelBytes;
#pragma unroll
    for (int h = 0; h < 2; ++h) {
      const int row = lane / 4 + 8 * h;
      const float unit = tileUnit(reduceQuad<Magnitude>(top[h]));
      const float inverse = inverseOfPower(unit);
      if (lane % 4 == 0 && row < rows)
        a.units[static_cast<long long>(firstRow + row) * C.tiles +
                firstOutput / (BN / 2)] = unit;
#pragma unroll
      for (int j = 0; j < BN / 16; ++j)
        *reinterpret_cast<unsigned *>(mine + j / 8 * panelBytes +
                                      row * kPanelRowBytes +
                                      (j % 8 ^ row % 8) * 16 + lane % 4 * 4) =
            packHalves(c[2 * j][2 * h] * inverse,
                       c[2 * j][2 * h + 1] * inverse);
    }
    __syncwarp();
    // Rows of a panel follow each other.
#pragma unroll
    for (int panel = 0; panel < panels; ++panel) {
      auto *to = reinterpret_cast<uint4 *>(a.panels) +
                 (static_cast<long long>(firstOutput / kPanelColumns + panel) *
                      tokens +
                  firstRow) *
                     8;
      const auto *from =
          reinterpret_cast<const uint4 *>(mine + panel * panelBytes);
#pragma unroll
      for (int piece = lane; piece < 16 * 8; piece += kWarp)
        if (piece < rows * 8)
          to[piece] = from[piece];
    }
  });
}

/// Gives all tiles of a row the largest of their units, scales[t]. Grid:
/// ceil(T / 8) blocks of 256 threads, a warp a row.
template <AlignPanels::Config C>
QZC_DEVICE void alignPanels(const AlignPanels::Args<Value> &a) {
  launchDependents();
  waitForDependencies();
  const int lane = threadIdx.x % kWarp;
  const int row = blockIdx.x * 8 + threadIdx.x / kWarp;
  const int tokens = a.state->tokens;
  if (row >= tokens)
    return;
  const float *units = a.units + static_cast<long long>(row) * C.tiles;
  float most = 0.0f;
  float least = QZC_INFINITY;
  for (int tile = lane; tile < C.tiles; tile += kWarp) {
    most = fmaxf(most, units[tile]);
    least = fminf(least, units[tile]);
  }
  most = reduceWarp<Max>(most);
  if (lane == 0)
    a.scales[row] = most;
  if (!__any_sync(QZC_FULL_WARP, least < most))
    return;
  for (int tile = 0; tile < C.tiles; ++tile) {
    const float factor = units[tile] / most;
    if (factor == 1.0f)
      continue;
    for (int i = lane; i < C.panels * 8; i += kWarp) {
      uint4 &piece = reinterpret_cast<uint4 *>(
          a.panels)[(static_cast<long long>(tile * C.panels + i / 8) * tokens +
                     row) *
                        8 +
                    i % 8];
      const auto scaled = [&](unsigned two) {
        return packHalves(lowHalf(two) * factor, highHalf(two) * factor);
      };
      const uint4 v = piece;
      piece = make_uint4(scaled(v.x), scaled(v.y), scaled(v.z), scaled(v.w));
    }
  }
}

} // namespace qzc::kernels

#endif // QZC_HAS_WGMMA

#endif // QZC_KERNELS_PANELGATE_CUH
