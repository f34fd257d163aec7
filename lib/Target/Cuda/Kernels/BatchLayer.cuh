//===- BatchLayer.cuh - What kernels of several tokens have in common -----===//
//
// Which rows and columns a warp multiplies, how blocks that share rows add up
// their sums, and what becomes of these.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_KERNELS_BATCHLAYER_CUH
#define QZC_KERNELS_BATCHLAYER_CUH

#include "Products.cuh"

namespace qzc::kernels {

template <LinearConfig L> struct BatchLayer {
  static constexpr int K = L.inputs;
  static constexpr Storage S = L.weight.storage;
  static constexpr int kBlock = L.weight.block;
  using W = WeightsOf<L.weight>;
  using Staged = Columns<K, S, kBlock>;
  using Parts = MatvecParts<L>;
  using Group = RowGroup<K, S, kBlock>;
  using Pair = RowPair<K, S, kBlock>;
  /// Rows that an output is made of, outputs of a tile of rows, and of all.
  static constexpr int kSides = sidesOf(L);
  static constexpr int kPerTile = kTileRows / kSides;
  static constexpr int kOutputs = Parts::outputs();

  /// A lane's two rows of the tile of rows whose first output is `first`.
  struct TileRows {
    MatvecRow low, high;

    QZC_DEVICE static TileRows find(const Parts &parts, int first, int lane) {
      const int mine = first + lane / 4;
      return {parts.find(mine, 0),
              parts.find(L.gated ? mine : mine + 8, kSides - 1)};
    }
    QZC_DEVICE Pair load(int group, int lane) const {
      constexpr WeightOrder order = L.weight.order;
      return {Group::template load<order>(low, group, lane % 4),
              Group::template load<order>(high, group, lane % 4)};
    }
  };
};

/// Where a warp is in a block whose warps share WarpsN tiles of rows, and in a
/// lane's tile: block `block` of those that share the groups of a row.
template <int WarpsN> struct BatchPlace {
  int lane, warpN, warpK;
  int firstGroup, endGroup; ///< of the block

  template <class Tile>
  QZC_DEVICE static BatchPlace of(const Tile &tile, int block) {
    const int warp = static_cast<int>(threadIdx.x) / kWarp;
    const int first = block * tile.groupsOfBlock();
    return {static_cast<int>(threadIdx.x) % kWarp, warp % WarpsN, warp / WarpsN,
            first, min(first + tile.groupsOfBlock(), tile.groups)};
  }
};

/// What becomes of a lane's sums of a tile of rows and one of tokens: two rows
/// of two tokens.
template <LinearConfig L> struct TileEnd {
  using Layer = BatchLayer<L>;
  int first; ///< output of the tile's
  int token; ///< the first one, of those of a block
  int lane;
  RowEnd<L> ends[2];
  float added[2][2] = {}; ///< to a row's tokens

  /// Of the tile of tokens whose first one is `firstToken` in the block.
  QZC_DEVICE static TileEnd load(const typename Layer::Parts &parts, int first,
                                 int firstToken, int lane) {
    const auto rows = Layer::TileRows::find(parts, first, lane);
    return {first,
            firstToken + 2 * (lane % 4),
            lane,
            {RowEnd<L>::load(rows.low), RowEnd<L>::load(rows.high)}};
  }
  /// The block's first token, and how many it has.
  QZC_DEVICE void loadResidual(const InRows<Value> &residual, int firstToken,
                               int tokens) {
    if constexpr (L.end.residual)
#pragma unroll
      for (int t = 0; t < 2; ++t)
#pragma unroll
        for (int h = 0; h < 2; ++h)
          if (token + t < tokens && output(h) < Layer::kOutputs)
            added[h][t] = rowOf(residual, firstToken + token + t)[output(h)];
  }
  /// factorOf(token): what a token's sums are times.
  template <class Factor>
  QZC_DEVICE void put(const OutRows<Value> &to, int firstToken, int tokens,
                      const float4 &sum, const Factor &factorOf) const {
#pragma unroll
    for (int t = 0; t < 2; ++t) {
      if (token + t >= tokens)
        continue;
      const float factor = factorOf(token + t);
      const float y[2] = {ends[0].of((t == 0 ? sum.x : sum.y) * factor),
                          ends[1].of((t == 0 ? sum.z : sum.w) * factor)};
      float *out = rowOf(to, firstToken + token + t);
      if constexpr (L.gated) {
        if (output(0) < Layer::kOutputs)
          out[output(0)] = outputOf<L>(y) + added[0][t];
      } else {
#pragma unroll
        for (int h = 0; h < 2; ++h)
          if (output(h) < Layer::kOutputs)
            out[output(h)] = outputOf<L>({y[h]}) + added[h][t];
      }
    }
  }

private:
  QZC_DEVICE int output(int row) const { return first + lane / 4 + 8 * row; }
};

/// A lane's sums of two rows, each of two tokens whose scales these are.
QZC_DEVICE float4 scaledSums(const float (&sums)[4], const float *scales) {
  return {sums[0] * scales[0], sums[1] * scales[1], sums[2] * scales[0],
          sums[3] * scales[1]};
}

/// Four sums of Parts warps or blocks, `stride` apart, in their order. Load:
/// how they are read.
template <int Parts, class Load>
QZC_DEVICE float4 joinFours(const float4 *from, int stride, Load load) {
  float4 all[Parts];
#pragma unroll
  for (int i = 0; i < Parts; ++i)
    all[i] = load(from + i * stride);
#pragma unroll
  for (int i = 1; i < Parts; ++i) {
    all[0].x += all[i].x, all[0].y += all[i].y;
    all[0].z += all[i].z, all[0].w += all[i].w;
  }
  return all[0];
}
/// Those that warps left in shared memory, and blocks in global memory.
template <int Parts>
QZC_DEVICE float4 joinWarps(const float *from, int stride) {
  return joinFours<Parts>(reinterpret_cast<const float4 *>(from), stride / 4,
                          [](const float4 *p) { return *p; });
}
template <int Parts>
QZC_DEVICE float4 joinBlocks(const float4 *from, int stride) {
  return joinFours<Parts>(from, stride,
                          [](const float4 *p) { return __ldcg(p); });
}

} // namespace qzc::kernels

#endif // QZC_KERNELS_BATCHLAYER_CUH
