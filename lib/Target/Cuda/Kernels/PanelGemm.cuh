//===- PanelGemm.cuh - The GEMM of sm_90a ---------------------------------===//
//
// One warp copies tiles of both operands, which lie in panels (Convert.cuh), to
// a ring in shared memory; two warpgroups multiply them.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_KERNELS_PANELGEMM_CUH
#define QZC_KERNELS_PANELGEMM_CUH

#include "Gemm.cuh"
#include "PanelTile.h"
#include "TileRing.cuh"

#ifdef QZC_HAS_WGMMA

namespace qzc::kernels {

template <int BN>
using PanelRing = TileRing<panelStages(BN), panelStageBytes(BN)>;

/// A block's tile of a · bᵀ: `rows` of a's from `row` on, `width` of b's from
/// `column` on. No rows: there is nothing to do.
struct PanelPlace {
  int row, rows;
  int column, width;
};
template <int BN> QZC_DEVICE PanelPlace panelPlace(int allRows, int columns) {
  // Blocks that run together share rows and columns: of kPanelGroup tiles of
  // rows they take one column after the other.
  const int perGroup = kPanelGroup * gridDim.y;
  const int number = blockIdx.y * gridDim.x + blockIdx.x;
  const int first = number / perGroup * kPanelGroup;
  const int tiles = min(kPanelGroup, static_cast<int>(gridDim.x) - first);
  const int row = (first + number % perGroup % tiles) * kPanelRows;
  const int column = number % perGroup / tiles * BN;
  return {row, max(0, min(kPanelRows, allRows - row)), column,
          min(BN, columns - column)};
}

/// Copies the panels of a block's tile of a, of `allRows` rows, and of b: codes
/// for each digit again. One thread.
template <int BN, Order O>
QZC_DEVICE void copyPanels(const PanelRing<BN> &ring, int steps,
                           const PanelPlace &place, const Half *a, int allRows,
                           const Half *b, int columns) {
  a += static_cast<long long>(place.row) * kPanelColumns;
  b += static_cast<long long>(place.column) * kPanelColumns;
  const Half *const codes = b;
  for (int step = 0; step < steps; ++step) {
    if (O == Order::Digits && step == steps / 2)
      b = codes;
    ring.waitForRoom(step);
    expectBytes(ring.full(step), (place.rows + place.width) * kPanelRowBytes);
    copyBulk(ring.tile(step), a, place.rows * kPanelRowBytes, ring.full(step));
    copyBulk(ring.tile(step) + kPanelRows * kPanelRowBytes, b,
             place.width * kPanelRowBytes, ring.full(step));
    a += static_cast<long long>(allRows) * kPanelColumns;
    b += static_cast<long long>(columns) * kPanelColumns;
  }
}

/// c += the products of steps first to end - 1 of the warpgroup's 64 rows of
/// the block's tile. All warps that multiply.
template <int BN, class Number>
QZC_DEVICE void addPanels(const PanelRing<BN> &ring, int first, int end,
                          Number (&c)[BN / 8][4]) {
  const int warp = threadIdx.x / kWarp;
  const bool isFirstLane = threadIdx.x % kWarp == 0;
  for (int step = first; step < end; ++step) {
    ring.waitForTile(step);
    const unsigned long long tileA =
        matrixDescriptor(ring.tile(step) + warp / 4 * 64 * kPanelRowBytes);
    const unsigned long long tileB =
        matrixDescriptor(ring.tile(step) + kPanelRows * kPanelRowBytes);
    beginProducts();
#pragma unroll
    for (int kk = 0; kk < kPanelRowBytes / 32; ++kk)
      multiplyGroup(c, tileA + 2 * kk, tileB + 2 * kk);
    commitProducts();
    waitForProducts<1>();
    if (step > first && isFirstLane)
      arrive(ring.empty(step - 1));
  }
  waitForProducts();
#pragma unroll
  for (int j = 0; j < BN / 8; ++j)
    changedByProducts(c[j]);
  if (isFirstLane)
    arrive(ring.empty(end - 1));
}

/// What `use` makes of each sum.
template <int BN, class Use> QZC_DEVICE void forSums(Use use) {
#pragma unroll
  for (int j = 0; j < BN / 8; ++j)
#pragma unroll
    for (int e = 0; e < 4; ++e)
      use(j, e);
}

/// c = the warpgroup's 64 rows of the block's tile; of digits, in units of high
/// ones. All warps that multiply; the ring has no more use then.
template <int BN, Order O>
QZC_DEVICE void multiplyPanels(const PanelRing<BN> &ring, int steps,
                               float (&c)[BN / 8][4]) {
  if constexpr (O == Order::Digits) {
    int sums[BN / 8][4];
    forSums<BN>([&](int j, int e) { sums[j][e] = 0; });
    addPanels<BN>(ring, 0, steps / 2, sums);
    // Half a unit at most is lost, far less than by rounding inputs. Sums of
    // either digits are below 2^29: rows have up to 24,576 columns.
    forSums<BN>([&](int j, int e) { sums[j][e] = (sums[j][e] + 128) >> 8; });
    addPanels<BN>(ring, steps / 2, steps, sums);
    forSums<BN>(
        [&](int j, int e) { c[j][e] = static_cast<float>(sums[j][e]); });
  } else {
    forSums<BN>([&](int j, int e) { c[j][e] = 0.0f; });
    addPanels<BN>(ring, 0, steps, c);
  }
  meetWarps<kPanelWarps>();
}

/// Of a product a · bᵀ.
struct PanelOperands {
  const Half *rows;
  int tokens;
  const Half *weights;
  int columns; ///< rows of the weights
  int inputs;  ///< as they are stored, a multiple of 64
};

/// What `finish` makes of the block's tile of a product: its place, the 64 × BN
/// sums of a thread's warpgroup, and the ring's memory, which has no more use.
/// `find` gives the operands once other launches have been waited for. All
/// threads; those that multiply finish.
template <int BN, Order O, class Find, class Finish>
QZC_DEVICE void forPanelTile(const Find &find, const Finish &finish) {
  using Ring = PanelRing<BN>;
  QZC_DYNAMIC_SHARED(panelShared);
  alignas(8) __shared__ unsigned long long barriers[2 * Ring::kStages];
  const Ring ring(panelShared, barriers);
  if (threadIdx.x == 0)
    ring.init(1, kPanelWarps);
  __syncthreads();
  waitForDependencies();
  // Not before: the next layer's weights are made meanwhile (touchEarly), where
  // those of the layer before were.
  launchDependents();
  const PanelOperands of = find();
  const PanelPlace place = panelPlace<BN>(of.tokens, of.columns);
  const int steps = of.inputs / kPanelColumns;
  if (place.rows == 0)
    return;
  if (threadIdx.x / kWarp == kPanelWarps) {
    if (threadIdx.x % kWarp == 0)
      copyPanels<BN, O>(ring, steps, place, of.rows, of.tokens, of.weights,
                        of.columns);
    return;
  }
  float c[BN / 8][4];
  multiplyPanels<BN, O>(ring, steps, c);
  finish(place, c,
         reinterpret_cast<char *>(panelShared) + ring.tiles -
             sharedAddress(panelShared));
}

/// Four neighbouring outputs of a row, of which `count` exist. Quads: all or
/// none do, and they are 16 bytes of memory.
template <bool Quads>
QZC_DEVICE float4 loadOutputs(const float *from, int count) {
  if constexpr (Quads)
    return *reinterpret_cast<const float4 *>(from);
  return {from[0], count > 1 ? from[1] : 0.0f, count > 2 ? from[2] : 0.0f,
          count > 3 ? from[3] : 0.0f};
}
template <bool Quads>
QZC_DEVICE void storeOutputs(float *to, const float4 &y, int count) {
  if constexpr (Quads) {
    *reinterpret_cast<float4 *>(to) = y;
  } else {
    to[0] = y.x;
    if (count > 1)
      to[1] = y.y;
    if (count > 2)
      to[2] = y.z;
    if (count > 3)
      to[3] = y.w;
  }
}

/// The epilogue of one warp: 16 rows of sums in shared memory, `stride` apart,
/// are rows `row` to row + 15 of the layer's, b's columns from `column` on. A
/// lane takes four outputs at a time, of four rows, all loads in flight.
template <int BN, bool Quads, bool Gated, class Output>
QZC_DEVICE void finishRows(const Output &output, const float *sums, int stride,
                           int row, int rows, int column,
                           const float *rowScales) {
  constexpr int width = Gated ? 8 : 4; ///< columns of four outputs
  constexpr int together = 4;
  const int lane = threadIdx.x % kWarp;
  const float mine = lane < rows ? rowScales[row + lane] : 0.0f;
#pragma unroll 1
  for (int c = lane * width; c - lane * width < BN; c += kWarp * width) {
    const int local = column + c;
    const int exist = c < BN ? output.columns - local : 0;
    const int count = min(4, exist / (width / 4));
    const int n = output.firstColumn + local / (width / 4);
    float4 factors[width / 4];
    if constexpr (Output::kColumnScales)
#pragma unroll
      for (int q = 0; q < width / 4; ++q)
        if (exist > 4 * q)
          factors[q] =
              loadOutputs<Quads>(output.scales + local + 4 * q, exist - 4 * q);
#pragma unroll 1
    for (int r = 0; r < rows; r += together) {
      float4 added[together];
#pragma unroll
      for (int i = 0; i < together; ++i) {
        added[i] = {0.0f, 0.0f, 0.0f, 0.0f};
        if (Output::kResidual && count > 0 && r + i < rows)
          added[i] = loadOutputs<Quads>(
              output.residual.first +
                  static_cast<long long>(row + r + i) * output.residual.stride +
                  n,
              count);
      }
#pragma unroll
      for (int i = 0; i < together; ++i) {
        const float scale = __shfl_sync(QZC_FULL_WARP, mine, r + i);
        if (count <= 0 || r + i >= rows)
          continue;
        alignas(16) float s[width];
#pragma unroll
        for (int q = 0; q < width; q += 4) {
          float4 four = *reinterpret_cast<const float4 *>(
              sums + (r + i) * stride + c + q);
          if constexpr (Output::kColumnScales)
            four = {four.x * factors[q / 4].x, four.y * factors[q / 4].y,
                    four.z * factors[q / 4].z, four.w * factors[q / 4].w};
          *reinterpret_cast<float4 *>(s + q) = four;
        }
        float y[4];
#pragma unroll
        for (int q = 0; q < 4; ++q) {
          if (q >= count)
            y[q] = 0.0f;
          else if constexpr (Gated)
            y[q] = output.gate(n + q, s[2 * q] * scale, s[2 * q + 1] * scale);
          else
            y[q] = output.finish(n + q, s[q] * scale);
        }
        storeOutputs<Quads>(
            output.out.first +
                static_cast<long long>(row + r + i) * output.out.stride + n,
            {y[0] + added[i].x, y[1] + added[i].y, y[2] + added[i].z,
             y[3] + added[i].w},
            count);
      }
    }
  }
}

/// Sums: gemm (Gemm.cuh). A block computes 128 × C.columns. Grid:
/// ceil(T / 128) × ceil(columns / C.columns).
template <GemmPanels::Config C>
QZC_DEVICE void gemmPanels(const GemmPanels::Args<Value> &a) {
  constexpr int BN = C.columns;
  constexpr int stride = BN + 8; ///< rows that are written together: no bank
                                 ///< conflicts
  static_assert(kPanelRows * stride * 4 <=
                panelStages(BN) * panelStageBytes(BN));
  const auto find = [&] {
    return PanelOperands{a.rows, rowCount<C.rows>(a.state), a.weights,
                         a.output.columns, a.inputs};
  };
  forPanelTile<BN, C.order>(find, [&](const PanelPlace &place,
                                      const float(&c)[BN / 8][4],
                                      char *shared) {
    const int warp = threadIdx.x / kWarp;
    const int lane = threadIdx.x % kWarp;
    float *sums = reinterpret_cast<float *>(shared) + warp * 16 * stride;
#pragma unroll
    for (int j = 0; j < BN / 8; ++j)
#pragma unroll
      for (int h = 0; h < 2; ++h)
        *reinterpret_cast<float2 *>(sums + (lane / 4 + 8 * h) * stride + j * 8 +
                                    lane % 4 * 2) = {c[j][2 * h],
                                                     c[j][2 * h + 1]};
    __syncwarp();
    const GemmOutput<C.gated, C.scale, C.end> output = {a.output};
    finishRows<BN, C.quads, C.gated>(
        output, sums, stride, place.row + warp * 16,
        min(16, place.rows - warp * 16), place.column, a.rowScales);
  });
}

} // namespace qzc::kernels

#endif // QZC_HAS_WGMMA

#endif // QZC_KERNELS_PANELGEMM_CUH
