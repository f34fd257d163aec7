//===- MatvecTensor.cuh - One token through a quantized layer -------------===//
//
// What matvec computes, with codes that cost little: 16 rows of weights are the
// row operand of tensor cores, the input their columns (ByteDots.cuh,
// HalfDots.cuh). Sums are f32 in a fixed order.
//
// Lane 4g + t loads chunk t of rows g and g + 8. Columns 2t and 2t + 1 hold the
// input of chunk t alone, zeros elsewhere, so that a lane gets the sums of just
// the chunks it loaded, to be multiplied with their scales.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_KERNELS_MATVECTENSOR_CUH
#define QZC_KERNELS_MATVECTENSOR_CUH

#include "LoneDots.cuh"

namespace qzc::kernels {

/// Asks for a block's part of the weights ahead, a warp for one of them.
QZC_DEVICE void askAhead(const AheadArgs<Value> &a, int block, int warp) {
  const void *data = nullptr;
  int bytes = 0;
#pragma unroll
  for (int i = 0; i < 8; ++i)
    if (warp == i) {
      data = a.data[i];
      bytes = a.bytes[i];
    }
  if (bytes > 0 && threadIdx.x % kWarp == 0)
    askCache(static_cast<const char *>(data) +
                 static_cast<long long>(block) * bytes,
             bytes);
}

/// Rows of whole chunks, x 16-byte aligned. Grid: T × blocks of tiles.
/// splitK × splitN warps: those of one row of warps share the columns of a tile
/// of 16 rows (gated: 8 gate rows and their 8 up rows) among them. A block
/// takes splitN × tiles tiles. Dynamic shared memory: the input as staged, the
/// partial sums.
template <MatvecTensor::Config C>
QZC_DEVICE void matvecTensor(const MatvecTensor::Args<Value> &args) {
  const MatvecArgs<Value> &a = args.matvec;
  constexpr int K = C.layer.inputs;
  using W = WeightsOf<C.layer.weight>;
  using Norms = InputNorm<C.norm, C.keepsNorm>;
  constexpr int threads = C.splitK * C.splitN * kWarp;
  using Parts = MatvecParts<C.layer>;
  constexpr int total = Parts::outputs();
  constexpr int sides = sidesOf(C.layer);
  constexpr int perTile = 16 / sides;
  constexpr int chunks = K / W::kPerChunk;
  constexpr int groups = (chunks + 3) / 4;
  constexpr int steps = (groups + C.splitK - 1) / C.splitK;
  constexpr int units = steps * C.tiles;
  // Sixteen warps of a multiprocessor have four each in flight, 32 two.
  constexpr int most = threads > 512 ? 2 : 4;
  constexpr int depth = units < most ? units : most;
  constexpr int perBlock = C.splitN * C.tiles * perTile;
  // Whether all blocks have rows, and all warps columns, of the same number.
  constexpr bool wholeRows = total % perBlock == 0;
  constexpr bool wholeColumns = C.splitK * steps * 4 == chunks;
  static_assert(K % W::kPerChunk == 0, "rows are whole chunks");
  // Elsewhere warps have a single tile and wait for scales to be where they
  // belong, or (the head) for memory alone.
  constexpr bool pairsScales =
      hasChunkScales(C.layer.weight) && C.layer.gated && C.tiles > 1 &&
      chunks % 2 == 0 && steps % 2 == 0 && depth % steps == 0;
  using Scales = typename Choose<
      pairsScales,
      PairedScales<W, C.layer.weight.order, chunks, pairsScales ? steps : 2>,
      OwnScales<W>>::Type;
  using Dots = DotsOf<C.layer.weight, K, C.splitK>;
  using Stage = LoneStage<K, C.splitK, C.splitN, steps * 4 * W::kPerChunk,
                          Dots::kPerScale, Norms>;

  QZC_DYNAMIC_SHARED(shared);
  __shared__ float scratch[32];
  auto *partial = reinterpret_cast<float *>(reinterpret_cast<char *>(shared) +
                                            Dots::kSharedBytes);

  launchDependents();
  const int warp = warpOfBlock();
  const int warpK = warp % C.splitK;
  const int warpN = warp / C.splitK;
  const Dots dots(reinterpret_cast<char *>(shared), warpK);
  const int lane = threadIdx.x % kWarp;
  const int row = lane / 4;
  const int chunk = lane % 4;
  const int firstTile = (blockIdx.y * C.splitN + warpN) * C.tiles;
  const long long token = blockIdx.x;
  const float *x = rowOf(a.x, token);
  const float *residual = rowOf(a.layer.residual, token);
  float *out = rowOf(a.layer.out, token);
  const Norms norm = {
      a.norm, C.keepsNorm && blockIdx.y == 0 ? rowOf(a.kept, token) : nullptr};

  const Parts parts = {a.layer};
  using Unit = ChunkPair<W>;
  // Rows of the tile that was last loaded from.
  MatvecRow lowRow;
  MatvecRow highRow;
  Unit ring[depth];
  Scales scales[pairsScales ? depth / steps : 1];
  // Units are counted by rounds of the ring. Where these are whole tiles, slots
  // have steps of their own, which the compiler knows.
  constexpr bool wholeTiles = depth % steps == 0;
  const auto stepOf = [](int begin, int d) {
    return (wholeTiles ? d : begin + d) % steps;
  };
  const auto tileOf = [](int begin, int d) {
    return wholeTiles ? begin / steps + d / steps : (begin + d) / steps;
  };
  const auto numberOf = [](const MatvecRow &of, int index) {
    return chunkNumber<C.layer.weight, K>(of.stored, index);
  };
  // Whether rows begin with the lane's first chunk of the tile, from which on
  // others are equally far apart.
  constexpr bool isTiled = C.layer.weight.order == WeightOrder::Tiles;
  constexpr bool movesRows =
      (wholeTiles || isTiled) && requires(const void *&p) {
    W::move(p, p, 0u);
  };
  constexpr int toNext = kTileChunks * (isTiled ? kTileHeight : 1);
  // Unit begin + d into slot d.
  auto load = [&](int d, int begin) {
    Unit &unit = ring[d];
    const int step = stepOf(begin, d);
    const int index = 4 * (warpK * steps + step) + chunk;
    const int first = (firstTile + tileOf(begin, d)) * perTile;
    if (step == 0) {
      lowRow = parts.template find<!wholeRows>(first + row, 0);
      highRow = C.layer.gated
                    ? parts.template find<!wholeRows>(first + row, 1)
                    : parts.template find<!wholeRows>(first + row + 8, 0);
      if constexpr (movesRows)
        for (MatvecRow *of : {&lowRow, &highRow})
          W::move(of->data, of->scales, numberOf(*of, index));
    }
    // Behind the last of the tile before that is in this slot.
    if constexpr (pairsScales)
      if (d % steps == steps - 1)
        scales[d / steps].template load<!wholeColumns>(lowRow, highRow,
                                                       4 * warpK * steps);
    if ((!wholeColumns && index >= chunks) || (!wholeRows && first >= total)) {
      unit = Unit::zero();
      return;
    }
    auto chunkOf = [&](const MatvecRow &p) {
      return Scales::loadChunk(p,
                               movesRows ? toNext * step : numberOf(p, index));
    };
    unit.low = chunkOf(lowRow);
    unit.high = chunkOf(highRow);
  };

#pragma unroll
  for (int d = 0; d < depth; ++d)
    load(d, 0);
  Stage stage(warpK, warpN * kWarp + lane);
  stage.prepare(norm);
  // Of output i of the block: what finishes it is on its way while others are
  // multiplied, for nothing hides it behind the last sum.
  const auto endOf = [&](int i) {
    const int n = blockIdx.y * perBlock + i;
    return i < perBlock && (!wholeRows || n < total)
               ? OutputEnd<C.layer>::load(parts, n, residual)
               : OutputEnd<C.layer>();
  };
  waitForDependencies();
  float4 quads[Stage::kQuads];
  stage.load(quads, x);
  OutputEnd<C.layer> end = endOf(threadIdx.x);
  const float squares = dots.stage(stage, quads, scratch, norm);
  // Sooner, these would be ahead of the input.
  if constexpr (C.asksAhead)
    askAhead(args.ahead, blockIdx.y, warp);
  if constexpr (Stage::kLeavesFactor) {
    const float ofWarp = reduceWarp<Sum>(squares);
    if (lane == 0)
      scratch[warp] = ofWarp;
  }

  float *const sumsOfWarp =
      partial + (warpN * C.tiles * C.splitK + warpK) * 16 + row;
  ChunkPairSums sums;
#pragma unroll 1
  for (int begin = 0; begin < units; begin += depth) {
#pragma unroll
    for (int d = 0; d < depth; ++d) {
      const int number = begin + d;
      if (units % depth != 0 && number >= units)
        continue;
      const int step = stepOf(begin, d);
      const int group = warpK * steps + step;
      if constexpr (pairsScales)
        scales[d / steps].put(ring[d], d % steps);
      if (wholeColumns || group < groups)
        sums.add(dots, ring[d], group);
      if ((units % depth == 0 ? begin : number) + depth < units)
        load(d, begin + depth);
      if (step == steps - 1) {
        sums.join();
        if (chunk == 0) {
          float *to = sumsOfWarp + tileOf(begin, d) * C.splitK * 16;
          to[0] = sums.low;
          to[8] = sums.high;
        }
        sums = {};
      }
    }
  }
  __syncthreads();
  float factor = 1.0f;
  if constexpr (Stage::kLeavesFactor) {
    float squares = scratch[0];
#pragma unroll
    for (int w = 1; w < C.splitK * C.splitN; ++w)
      squares += scratch[w];
    factor = reciprocalRoot(squares / K + a.norm.epsilon);
  }

  [[maybe_unused]] TokenKey best = 0;
#pragma unroll 1
  for (int i = threadIdx.x; i < perBlock; i += threads) {
    const int n = blockIdx.y * perBlock + i;
    if (!wholeRows && n >= total)
      break;
    float y[sides];
#pragma unroll
    for (int side = 0; side < sides; ++side) {
      const float *from =
          partial + i / perTile * C.splitK * 16 + i % perTile + side * 8;
      float sum = from[0];
#pragma unroll
      for (int w = 1; w < C.splitK; ++w)
        sum += from[w * 16];
      y[side] = end.ofSides[side].of(sum * factor);
    }
    float result = outputOf<C.layer>(y);
    if constexpr (C.layer.end.residual)
      result += end.added;
    out[n] = result;
    if constexpr (C.chooses)
      best = greater(best, keyOf(result, n));
    if constexpr (perBlock > threads)
      end = endOf(i + threads);
  }
  if constexpr (C.chooses)
    leaveChoice<threads>(best, a.choice + token);
}

} // namespace qzc::kernels

#endif // QZC_KERNELS_MATVECTENSOR_CUH
