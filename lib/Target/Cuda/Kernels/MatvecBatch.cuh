//===- MatvecBatch.cuh - Several tokens through a linear layer ------------===//
//
// What matvec computes, with weights that are decoded once for up to
// 8 × TokenTiles tokens: rows of weights are the row operand of mma.m16n8k16,
// the tokens of Columns.cuh its columns. Products are exact, but for code
// books, of which 2^-22 is lost; sums are f32 in an order that does not depend
// on the tokens beside.
//
// Lane 4g + t loads chunk t of a group of four of rows g and g + 8. Where
// chunks have scales, they are dealt to the quad's lanes, so that a product is
// of one chunk, whose sums are multiplied with its scale. Columns pass through
// a ring in shared memory, weights through one in registers.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_KERNELS_MATVECBATCH_CUH
#define QZC_KERNELS_MATVECBATCH_CUH

#include "Columns.cuh"

namespace qzc::kernels {

/// The codes of a quad's four chunks, dealt to its lanes; chunk(j) is what
/// Operands::pairs finds this lane's part of chunk j in, at four kHalfStep · h.
template <class Codes> struct Dealt;

/// Lane t has word t of each chunk.
template <> struct Dealt<uint4> {
  uint4 words;
  QZC_DEVICE Dealt(uint4 v, int t) {
    exchange(v.x, v.y, t & 1, 1);
    exchange(v.z, v.w, t & 1, 1);
    exchange(v.x, v.z, t & 2, 2);
    exchange(v.y, v.w, t & 2, 2);
    words = v;
  }
  QZC_DEVICE uint4 chunk(int j) const {
    const unsigned mine = word(words, j);
    return make_uint4(mine, mine, mine, mine);
  }

private:
  /// The second value for the first one of the partner, who is `late`.
  QZC_DEVICE static void exchange(unsigned &first, unsigned &second, bool late,
                                  int mask) {
    const unsigned got =
        __shfl_xor_sync(QZC_FULL_WARP, late ? first : second, mask);
    if (late)
      first = got;
    else
      second = got;
  }
};
template <> struct Dealt<Plane<0>> {
  QZC_DEVICE Dealt(const Plane<0> &, int) {}
  QZC_DEVICE Plane<0> chunk(int) const { return {}; }
};
/// Words of the chunks of a quad: word j of chunk j.
QZC_DEVICE uint4 wordsOfQuad(unsigned mine, int shift) {
  unsigned words[4];
#pragma unroll
  for (int j = 0; j < 4; ++j)
    words[j] = __shfl_sync(QZC_FULL_WARP, mine, j, 4) >> shift;
  return make_uint4(words[0], words[1], words[2], words[3]);
}
/// All lanes have the chunk's bits; those of lane t begin at bit t of a byte.
template <> struct Dealt<Plane<1>> {
  uint4 bits;
  QZC_DEVICE Dealt(const Plane<1> &plane, int t)
      : bits(wordsOfQuad(plane.bits, t)) {}
  QZC_DEVICE Plane<1> chunk(int j) const { return {word(bits, j)}; }
};
template <> struct Dealt<Plane<2>> {
  uint4 first, second;
  QZC_DEVICE Dealt(const Plane<2> &plane, int t)
      : first(wordsOfQuad(plane.bits.x, 2 * t)),
        second(wordsOfQuad(plane.bits.y, 2 * t)) {}
  QZC_DEVICE Plane<2> chunk(int j) const {
    return {make_uint2(word(first, j), word(second, j))};
  }
};
template <> struct Dealt<Plane<4>> {
  Dealt<uint4> words;
  QZC_DEVICE Dealt(const Plane<4> &plane, int t) : words(plane.bits, t) {}
  QZC_DEVICE Plane<4> chunk(int j) const { return {words.chunk(j)}; }
};
template <int Bits> struct Dealt<PlanarCodes<Bits>> {
  using P = format::Planes<Bits>;
  Dealt<Plane<P::kLow>> low;
  Dealt<Plane<P::kHigh>> high;
  QZC_DEVICE Dealt(const PlanarCodes<Bits> &codes, int t)
      : low(codes.low, t), high(codes.high, t) {}
  QZC_DEVICE PlanarCodes<Bits> chunk(int j) const {
    return {low.chunk(j), high.chunk(j)};
  }
};

/// Sums of 16 rows and the tokens of Tiles tiles, as mma has them: those of a
/// chunk, in two chains where one tile would make one long.
template <Storage S, int Tiles> struct TileSums {
  static constexpr int kChains = Tiles > 1 ? 1 : 2;
  float c[kChains][Tiles][4];

  QZC_DEVICE void clear() {
#pragma unroll
    for (int chain = 0; chain < kChains; ++chain)
#pragma unroll
      for (int tile = 0; tile < Tiles; ++tile)
#pragma unroll
        for (int e = 0; e < 4; ++e)
          c[chain][tile][e] = 0.0f;
  }
  /// Adds the products with rows `a`, the sum of Terms values, of columns whose
  /// tiles lie `stride` pieces apart.
  template <int Terms>
  QZC_DEVICE void multiply(const unsigned (&a)[Terms][4], const uint4 *columns,
                           int stride) {
    constexpr int kAtOnce = Tiles < 2 ? Tiles : 2;
#pragma unroll
    for (int first = 0; first < Tiles; first += kAtOnce) {
      uint4 b[kAtOnce];
#pragma unroll
      for (int i = 0; i < kAtOnce; ++i)
        b[i] = columns[(first + i) * stride];
#pragma unroll
      for (int term = 0; term < Terms; ++term)
#pragma unroll
        for (int part = 0; part < 2; ++part)
#pragma unroll
          for (int i = 0; i < kAtOnce; ++i) {
            // Both are what rounding left: less than 2^-22 of the product.
            if (term == 1 && part == 1)
              continue;
            float(&sums)[4] = c[part % kChains][first + i];
            const unsigned b0 = part == 0 ? b[i].x : b[i].z;
            const unsigned b1 = part == 0 ? b[i].y : b[i].w;
            if constexpr (S == Storage::BF16)
              multiplyAccumulateBFloat16(sums, a[term], b0, b1);
            else
              multiplyAccumulate(sums, a[term], b0, b1);
          }
    }
  }
  QZC_DEVICE float sum(int tile, int e) const {
    return kChains == 1 ? c[0][tile][e] : c[0][tile][e] + c[1][tile][e];
  }
};

/// Adds the products of a group's four chunks, of which this lane loaded one in
/// two rows, to the sums of these rows.
template <Storage S, int Block, int Tiles>
QZC_DEVICE void multiplyGroup(float (&sums)[Tiles][4],
                              const typename Weights<S, Block>::Chunk &low,
                              const typename Weights<S, Block>::Chunk &high,
                              const uint4 *columns, int stride,
                              const void *table, int t) {
  using W = Weights<S, Block>;
  using O = Operands<S>;
  using C = Columns<W::kPerChunk, S, Block>;
  TileSums<S, Tiles> chunk;
  auto multiply = [&](const auto &lowBits, const auto &highBits, int four,
                      int step) {
    unsigned lower[2][O::kTerms];
    unsigned upper[2][O::kTerms];
    O::pairs(lowBits, four, table, lower[0], lower[1]);
    O::pairs(highBits, four, table, upper[0], upper[1]);
    unsigned a[O::kTerms][4];
#pragma unroll
    for (int term = 0; term < O::kTerms; ++term) {
      a[term][0] = lower[0][term], a[term][1] = upper[0][term];
      a[term][2] = lower[1][term], a[term][3] = upper[1][term];
    }
    chunk.multiply(a, columns + step * 32, stride);
  };
  if constexpr (!C::kShared) {
    chunk.clear();
#pragma unroll
    for (int step = 0; step < C::kSteps; ++step)
      multiply(low.bits, high.bits, step, step);
#pragma unroll
    for (int tile = 0; tile < Tiles; ++tile)
#pragma unroll
      for (int e = 0; e < 4; ++e)
        sums[tile][e] += chunk.sum(tile, e);
  } else {
    const Dealt<decltype(low.bits)> lowCodes(low.bits, t);
    const Dealt<decltype(high.bits)> highCodes(high.bits, t);
    // This lane's chunk's, then each of the chunks'.
    const float lowScale = W::scale(low);
    const float highScale = W::scale(high);
    float lowMinimum = 0.0f;
    float highMinimum = 0.0f;
    if constexpr (W::kAffine) {
      lowMinimum = W::minimum(low);
      highMinimum = W::minimum(high);
    }
    auto ofChunk = [](float mine, int j) {
      return __shfl_sync(QZC_FULL_WARP, mine, j, 4);
    };
    // Chunks decoded ahead of many products would take more registers than
    // there are.
    constexpr int kUnroll = Tiles > 2 ? 1 : 4;
#pragma unroll kUnroll
    for (int j = 0; j < 4; ++j) {
      chunk.clear();
#pragma unroll
      for (int half = 0; half < C::kHalves; ++half)
        multiply(lowCodes.chunk(j), highCodes.chunk(j), O::kHalfStep * half,
                 j * C::kHalves + half);
      const float scales[2] = {ofChunk(lowScale, j), ofChunk(highScale, j)};
#pragma unroll
      for (int tile = 0; tile < Tiles; ++tile)
#pragma unroll
        for (int e = 0; e < 4; ++e)
          sums[tile][e] =
              fmaf(chunk.sum(tile, e), scales[e / 2], sums[tile][e]);
      if constexpr (W::kAffine) {
        // The sums of the chunk's inputs: products with ones.
        constexpr unsigned kOnes = 0x3c003c00u;
        const unsigned ones[1][4] = {{kOnes, kOnes, kOnes, kOnes}};
        chunk.clear();
#pragma unroll
        for (int half = 0; half < C::kHalves; ++half)
          chunk.multiply(ones, columns + (j * C::kHalves + half) * 32, stride);
        const float minima[2] = {ofChunk(lowMinimum, j),
                                 ofChunk(highMinimum, j)};
#pragma unroll
        for (int tile = 0; tile < Tiles; ++tile)
#pragma unroll
          for (int e = 0; e < 4; ++e)
            sums[tile][e] =
                fmaf(chunk.sum(tile, e), minima[e / 2], sums[tile][e]);
      }
    }
  }
}

QZC_DEVICE void add(float4 &sum, const float4 &v) {
  sum.x += v.x, sum.y += v.y, sum.z += v.z, sum.w += v.w;
}

/// The arguments of matvec (Matvec.cuh) but for the input, rows of whole
/// chunks. `columns` and `columnScales` are those of stageColumns; `partial`
/// has WarpsN · 16 sums for each token of the grid, each of the SplitK blocks
/// of a row and each block of rows. Grid: ceil(T / (8 · TokenTiles)) × blocks
/// of WarpsN tiles of 16 rows (gated: 8 gate rows and their 8 up rows) ×
/// SplitK. Dynamic shared memory: BatchTile::ringBytes() and the table.
template <int K, int N0, int N1, int N2, class Runs0, class Runs1, class Runs2,
          Storage S, int Block, bool Gated, bool HasBias, Storage BiasStorage,
          Activation Act, bool Residual, int TokenTiles, int WarpsN, int WarpsK,
          int SplitK>
QZC_DEVICE void
matvecBatch(const void *columns, const float *columnScales, const void *data0,
            const void *scales0, const void *bias0, int begin0,
            const void *data1, const void *scales1, const void *bias1,
            int begin1, const void *data2, const void *scales2,
            const void *bias2, int begin2, const float *residual,
            int residualStride, float *out, int outStride, float *partial,
            DeviceState *state) {
  using W = Weights<S, Block>;
  using O = Operands<S>;
  using C = Columns<K, S, Block>;
  using Parts = MatvecParts<N0, N1, N2, Runs0, Runs1, Runs2, Gated>;
  constexpr BatchTile tile = {C::kGroups, C::kSteps, TokenTiles,
                              WarpsN,     WarpsK,    SplitK};
  constexpr int threads = tile.threads();
  constexpr int depth = tile.depth();
  constexpr int unitsOfStage = tile.unitsOfStage();
  constexpr int stages = tile.stages();
  constexpr int stagePieces = tile.stageBytes() / 16;
  constexpr int tilePieces = stagePieces / TokenTiles; ///< of a stage
  constexpr int sides = Gated ? 2 : 1;
  constexpr int perTile = kTileRows / sides;
  constexpr int total = Parts::kOutputs;

  QZC_DYNAMIC_SHARED(shared);
  __shared__ int lastFlag;
  auto *ring = reinterpret_cast<uint4 *>(shared);
  char *table = reinterpret_cast<char *>(shared) + tile.ringBytes();

  launchDependents();
  const int warp = threadIdx.x / kWarp;
  const int warpN = warp % WarpsN;
  const int warpK = warp / WarpsN;
  const int lane = threadIdx.x % kWarp;
  const int row = lane / 4;
  const int t = lane % 4;
  const int firstGroup = blockIdx.z * tile.groupsOfBlock();
  const int endGroup = min(firstGroup + tile.groupsOfBlock(), C::kGroups);
  const int firstRow = blockIdx.y * WarpsN * perTile; ///< of the outputs

  const Parts parts = {{data0, scales0, bias0, begin0},
                       {data1, scales1, bias1, begin1},
                       {data2, scales2, bias2, begin2}};
  const int mine = firstRow + warpN * perTile + row;
  const MatvecRow lowRow = parts.find(mine, 0);
  const MatvecRow highRow = parts.find(Gated ? mine : mine + 8, sides - 1);
  struct Unit {
    typename W::Chunk low, high; ///< of rows `row` and `row` + 8
  };
  const int lowChunk = lowRow.stored * C::kChunks + t;
  const int apart = (highRow.stored - lowRow.stored) * C::kChunks;
  auto load = [&](Unit &unit, int number) {
    const int group = firstGroup + warpK + number * WarpsK;
    const int index = 4 * group + t;
    if (group >= endGroup || index >= C::kChunks) {
      unit.low = W::zero();
      unit.high = W::zero();
      return;
    }
    const long long low = 4 * group + lowChunk;
    unit.low = W::load(lowRow.data, lowRow.scales, low * W::kPerChunk);
    unit.high =
        W::load(highRow.data, highRow.scales, (low + apart) * W::kPerChunk);
  };
  Unit units[depth];
#pragma unroll
  for (int d = 0; d < depth; ++d)
    load(units[d], d);
  O::fill(table, threadIdx.x, threads);
  waitForDependencies();

  const auto *source = static_cast<const uint4 *>(columns) +
                       static_cast<long long>(blockIdx.x) * TokenTiles *
                           (C::kGroups * C::kSteps * 32);
  auto copyStage = [&](int stage) {
    const int group = firstGroup + stage * tile.groupsOfStage();
    const int begin = group * (C::kSteps * 32);
    const int pieces = (endGroup - group) * (C::kSteps * 32);
    const unsigned to = sharedAddress(ring + stage % stages * stagePieces);
#pragma unroll 1
    for (int i = threadIdx.x; i < min(pieces, tilePieces); i += threads)
#pragma unroll
      for (int j = 0; j < TokenTiles; ++j)
        copyAsync(to + 16 * (j * tilePieces + i),
                  source + begin + i + j * (C::kGroups * C::kSteps * 32), true);
    copyCommit();
  };
#pragma unroll 1
  for (int stage = 0; stage < stages; ++stage)
    copyStage(stage);

  float sums[TokenTiles][4] = {};
#pragma unroll 1
  for (int begin = 0; begin < tile.units(); begin += depth) {
#pragma unroll
    for (int d = 0; d < depth; ++d) {
      const int number = begin + d;
      const int stage = number / unitsOfStage;
      if (d % unitsOfStage == 0 && (tile.refills() || begin == 0)) {
        copyWait<tile.refills() ? stages - 1 : 0>();
        __syncthreads();
      }
      const int group = firstGroup + warpK + number * WarpsK;
      if (group < endGroup) {
        const uint4 *columnsOf =
            ring + stage % stages * stagePieces +
            (number % unitsOfStage * WarpsK + warpK) * (C::kSteps * 32) + lane;
        multiplyGroup<S, Block, TokenTiles>(sums, units[d].low, units[d].high,
                                            columnsOf, tilePieces, table, t);
      }
      load(units[d], number + depth);
      if (tile.refills() && d % unitsOfStage == unitsOfStage - 1) {
        __syncthreads();
        copyStage(stage + stages);
      }
    }
  }
  copyWait<0>();
  __syncthreads();

  // The sums of the warps that share rows come together.
  float *blockSums = reinterpret_cast<float *>(shared);
#pragma unroll
  for (int j = 0; j < TokenTiles; ++j)
#pragma unroll
    for (int e = 0; e < 4; ++e)
      blockSums[(warpK * tile.tokens() + j * kTileTokens + 2 * t + e % 2) *
                    tile.sumStride() +
                warpN * kTileRows + row + e / 2 * 8] = sums[j][e];
  __syncthreads();
  // Of a token of the block, rows r to r + 3.
  auto fourOfWarps = [&](int token, int r) {
    const float *from = blockSums + token * tile.sumStride() + r;
    float4 sum = *reinterpret_cast<const float4 *>(from);
#pragma unroll
    for (int w = 1; w < WarpsK; ++w)
      add(sum, *reinterpret_cast<const float4 *>(from + w * tile.tokens() *
                                                            tile.sumStride()));
    return sum;
  };
  const int firstToken = blockIdx.x * tile.tokens();
  const int tokens = min(state->tokens - firstToken, tile.tokens());
  const int blockNumber = blockIdx.y * gridDim.x + blockIdx.x;
  constexpr int fours = tile.rows() / 4; ///< of a token
  auto *partials =
      reinterpret_cast<float4 *>(partial) +
      static_cast<long long>(blockNumber) * (SplitK * tile.tokens() * fours);
  if constexpr (SplitK > 1) {
#pragma unroll 1
    for (int i = threadIdx.x; i < tokens * fours; i += threads)
      partials[blockIdx.z * (tile.tokens() * fours) + i] =
          fourOfWarps(i / fours, i % fours * 4);
    if (!arriveLast(&state->counters[blockNumber], SplitK, &lastFlag))
      return;
  }
  auto four = [&](int token, int r) {
    if constexpr (SplitK == 1) {
      return fourOfWarps(token, r);
    } else {
      // As many loads at once as there are registers for.
      constexpr int kAtOnce = SplitK < 4 ? SplitK : 4;
      float4 sum = {0.0f, 0.0f, 0.0f, 0.0f};
#pragma unroll 1
      for (int begin = 0; begin < SplitK; begin += kAtOnce) {
        float4 some[kAtOnce];
#pragma unroll
        for (int i = 0; i < kAtOnce; ++i)
          if (begin + i < SplitK)
            some[i] =
                __ldcg(partials +
                       ((begin + i) * tile.tokens() + token) * fours + r / 4);
#pragma unroll
        for (int i = 0; i < kAtOnce; ++i)
          if (begin + i < SplitK)
            add(sum, some[i]);
      }
      return sum;
    }
  };

  constexpr int outputs = WarpsN * perTile;
#pragma unroll 1
  for (int i = threadIdx.x; i < tokens * (outputs / 4); i += threads) {
    const int o = i % (outputs / 4) * 4;
    const int inBlock = i / (outputs / 4);
    const long long token = firstToken + inBlock;
    if (firstRow + o >= total)
      continue;
    float4 sums4[sides];
#pragma unroll
    for (int side = 0; side < sides; ++side)
      sums4[side] =
          four(inBlock, o / perTile * kTileRows + o % perTile + side * perTile);
    const float scale = columnScales[token];
#pragma unroll
    for (int e = 0; e < 4; ++e) {
      const int n = firstRow + o + e;
      if (n >= total)
        continue;
      float y[sides];
#pragma unroll
      for (int side = 0; side < sides; ++side) {
        const MatvecRow p = parts.find(n, side);
        y[side] = (&sums4[side].x)[e] * scale * W::rowScale(p.scales, p.stored);
        if constexpr (HasBias)
          y[side] += element<BiasStorage>(p.bias, p.row);
      }
      float result = activate<Act>(y[0]);
      if constexpr (Gated)
        result *= y[1];
      if constexpr (Residual)
        result += residual[token * residualStride + n];
      out[token * outStride + n] = result;
    }
  }
}

} // namespace qzc::kernels

#endif // QZC_KERNELS_MATVECBATCH_CUH
