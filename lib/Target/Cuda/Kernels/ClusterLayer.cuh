//===- ClusterLayer.cuh - Layers whose rows a cluster shares: sm_90a ------===//
//
// Two layers in one launch: a cluster of blocks makes some of the first one's
// outputs, which are its columns of the second. What clusters contribute to a
// row of the second meets in scratch.
//
// There it is words that are zero until they are there. The block that adds a
// row's words up is of the cluster that began last: all others run or have run,
// so that it may wait, however few blocks run at once. A word is all that its
// reader needs to see of its writer, so accesses to it are relaxed, without a
// fence. Zero as a sum is left as -0.0, which adds as much; a NaN has bits and
// is a word. Who read a word leaves zero behind: a load and a store of one
// address, whose order holds. The next launch that leaves words there does so
// behind its wait for the launch before, thus when all earlier ones are
// complete and their zeros seen by all; and so does the one of the next token.
// The first one finds zeros, to which the runtime clears scratch memory.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_KERNELS_CLUSTERLAYER_CUH
#define QZC_KERNELS_CLUSTERLAYER_CUH

#include "Hopper.cuh"
#include "Matvec.cuh"

#ifdef QZC_HAS_WGMMA

namespace qzc::kernels {

/// A row's chunk with this number.
template <LinearConfig L>
QZC_DEVICE typename WeightsOf<L.weight>::Chunk loadChunkOf(const MatvecRow &row,
                                                           unsigned number) {
  using W = WeightsOf<L.weight>;
  return W::load(row.data, row.scales,
                 1ll * W::kPerChunk *
                     chunkNumber<L.weight, L.inputs>(row.stored, number));
}

/// Rows of a layer that a warp makes, one weight for all of them.
template <LinearConfig L, int Rows> struct WarpRows {
  using W = WeightsOf<L.weight>;
  static constexpr int K = L.inputs;
  static constexpr int kChunks = K / W::kPerChunk;
  static constexpr int kSteps = (kChunks + kWarp - 1) / kWarp;
  static constexpr int kDepth = pipelineDepth(kSteps, Rows);
  static constexpr int kPadded = kSteps * kWarp * W::kPerChunk;

  int lane;
  typename W::Chunk ring[kDepth][Rows];
  MatvecRow rows[Rows];

  /// find(r): row r of the warp.
  template <class Find>
  QZC_DEVICE explicit WarpRows(const Find &find) : lane(threadIdx.x % kWarp) {
#pragma unroll
    for (int r = 0; r < Rows; ++r)
      rows[r] = find(r);
#pragma unroll
    for (int d = 0; d < kDepth; ++d)
      load(d, d);
  }
  QZC_DEVICE void load(int slot, int step) {
    const int index = step * kWarp + lane;
#pragma unroll
    for (int r = 0; r < Rows; ++r)
      ring[slot][r] =
          index < kChunks ? loadChunkOf<L>(rows[r], index) : W::zero();
  }
  /// Each lane's part of the rows' products with the staged input.
  QZC_DEVICE void dot(float (&sums)[Rows], const float4 *staged) {
    const float entry = W::entry();
#pragma unroll
    for (int r = 0; r < Rows; ++r)
      sums[r] = 0.0f;
    constexpr int rounds = (kSteps + kDepth - 1) / kDepth;
#pragma unroll 1
    for (int round = 0; round < rounds; ++round) {
#pragma unroll
      for (int d = 0; d < kDepth; ++d) {
        const int step = round * kDepth + d;
        if (rounds * kDepth > kSteps && step >= kSteps)
          continue;
        float v[W::kPerChunk];
        stagedChunk(v, staged, step, lane);
        const float inputs = W::kAffine ? sumOf(v) : 0.0f;
#pragma unroll
        for (int r = 0; r < Rows; ++r)
          sums[r] += dotChunk<L.weight>(ring[d][r], entry, v, inputs);
        if (step + kDepth < kSteps)
          load(d, step + kDepth);
      }
    }
  }
};

/// Elements of a staged input.
template <int PerChunk> struct StagedInput {
  const float4 *staged;

  QZC_DEVICE float operator[](int i) const {
    return (&staged[stagedQuad<PerChunk>(i / 4)].x)[i % 4];
  }
};

/// What is added to the second layer's outputs: the staged input, of which all
/// blocks have the same, or a row.
template <bool IsInput, int PerChunk>
QZC_DEVICE auto residualOf(const float4 *staged, const float *row) {
  if constexpr (IsInput)
    return StagedInput<PerChunk>{staged};
  else
    return row;
}

/// A block's part of the first layer's outputs, of which a cluster makes
/// `OfCluster`, by lanes. What is shared is the staged input.
template <LinearConfig L, int OfCluster, int Blocks, int Warps, class Norms>
struct LaneRows {
  static constexpr int kOfWarp =
      (OfCluster + Blocks * Warps - 1) / (Blocks * Warps);
  static constexpr int kSides = sidesOf(L);
  using Products = WarpRows<L, kSides * kOfWarp>;

  float4 *staged;
  int lane, first;
  int mine; ///< output that this lane finishes, for one block after the other
  Products products;
  RowEnd<L> ends[kSides];
  RegisterStage<Warps * kWarp, L.inputs, Products::kPadded,
                Products::W::kPerChunk, Norms>
      input;
  const float *x = nullptr; ///< brought as it is staged
  float sums[kSides * kOfWarp];

  /// find(n, side): the row of output n of the cluster's. Gated: a warp has the
  /// gate rows first, then the up rows.
  template <class Find>
  QZC_DEVICE LaneRows(char *shared, int block, const Find &find,
                      const Norms &norm)
      : staged(reinterpret_cast<float4 *>(shared)), lane(threadIdx.x % kWarp),
        first((block * Warps + warpOfBlock()) * kOfWarp),
        mine(first + lane % kOfWarp), products([&](int r) {
          return find(first + r % kOfWarp, r / kOfWarp);
        }) {
#pragma unroll
    for (int side = 0; side < kSides; ++side)
      ends[side] = RowEnd<L>::load(find(mine, side));
    input.prepare(norm);
  }
  QZC_DEVICE void load(const float *row) { x = row; }
  QZC_DEVICE void stage(float *scratch, const Norms &norm) {
    input.run(staged, scratch, x, norm);
  }
  QZC_DEVICE void multiply() { products.dot(sums, staged); }
  /// send(n, value, to): output n, to each block.
  template <class Send> QZC_DEVICE void send(const Send &send) {
    float y[kSides];
#pragma unroll
    for (int r = 0; r < kSides * kOfWarp; ++r) {
      const float sum = reduceWarp<Sum>(sums[r]);
      if (lane % kOfWarp == r % kOfWarp)
        y[r / kOfWarp] = ends[r / kOfWarp].of(sum);
    }
    const float value = outputOf<L>(y);
    constexpr int atOnce = kWarp / kOfWarp;
    if (lane < atOnce * kOfWarp && mine < OfCluster)
      for (int to = lane / kOfWarp; to < Blocks; to += atOnce)
        send(mine, value, to);
  }
  template <bool IsInput> QZC_DEVICE auto residual(const float *row) const {
    return residualOf<IsInput, Products::W::kPerChunk>(staged, row);
  }
  QZC_DEVICE char *inputs() const { return nullptr; }
};

/// Columns of a cluster in shared memory, in chunks of the second layer's
/// rows, which lanes read from different banks.
template <LinearConfig L, int Columns> struct ClusterColumns {
  static constexpr int kPerChunk = WeightsOf<L.weight>::kPerChunk;
  static constexpr int kChunks = Columns / kPerChunk;
  static_assert(Columns % kPerChunk == 0, "columns are whole chunks");

  alignas(16) float values[kChunks * (kPerChunk + 4)];

  QZC_DEVICE float &at(int i) {
    return values[i / kPerChunk * (kPerChunk + 4) + i % kPerChunk];
  }
};

/// `OfBlock` rows of the second layer, of which clusters leave what their
/// columns come to.
template <LinearConfig L, int OfBlock, int Warps> struct OutputRows {
  static constexpr int kOutputs = L.parts[0].rows;

  MatvecParts<L> parts;
  int firstRow;

  QZC_DEVICE OutputRows(const LinearArgs<Value> &args, int block)
      : parts{args}, firstRow(block * OfBlock) {}
  /// Row `local` of the block's.
  QZC_DEVICE bool isRow(int local) const {
    return local < OfBlock && firstRow + local < kOutputs;
  }
  /// What all clusters leave of the block's rows, added up in their order and
  /// finished, when it is there. residual[n]: of output n. A thread asks for
  /// all of its rows at once.
  template <int Clusters, class Residual>
  QZC_DEVICE void finish(float *partials, const Residual &residual,
                         float *out) const {
    constexpr int threads = Warps * kWarp;
    constexpr int ofThread = (OfBlock + threads - 1) / threads;
    const auto local = [](int j) { return j * threads + int(threadIdx.x); };
    RowEnd<L> ends[ofThread];
    float added[ofThread];
#pragma unroll
    for (int j = 0; j < ofThread; ++j) {
      const int n = firstRow + local(j);
      ends[j] = RowEnd<L>::load(parts.find(n, 0));
      added[j] = 0.0f;
      if constexpr (L.end.residual)
        if (isRow(local(j)))
          added[j] = residual[n];
    }
    float words[ofThread][Clusters];
    bool areThere;
    do {
      areThere = true;
#pragma unroll
      for (int j = 0; j < ofThread; ++j)
#pragma unroll
        for (int c = 0; c < Clusters; ++c)
          words[j][c] =
              isRow(local(j))
                  ? wordLeft(partials + c * kOutputs + firstRow + local(j))
                  : 1.0f;
#pragma unroll
      for (int j = 0; j < ofThread; ++j)
#pragma unroll
        for (int c = 0; c < Clusters; ++c)
          areThere &= isWord(words[j][c]);
    } while (!areThere);
#pragma unroll
    for (int j = 0; j < ofThread; ++j) {
      if (!isRow(local(j)))
        continue;
      const int n = firstRow + local(j);
      float sum = 0.0f;
#pragma unroll
      for (int c = 0; c < Clusters; ++c) {
        sum += words[j][c];
        partials[c * kOutputs + n] = 0.0f;
      }
      out[n] = ends[j].of(sum) + added[j];
    }
  }
};

/// Those rows of a block's cluster's columns, by lanes: a row has a chunk a
/// lane, a warp several rows at once.
template <LinearConfig L, int Columns, int Blocks, int Warps>
struct LaneOutputs
    : OutputRows<L, (L.parts[0].rows + Blocks - 1) / Blocks, Warps> {
  using W = WeightsOf<L.weight>;
  static constexpr int kOfBlock = (L.parts[0].rows + Blocks - 1) / Blocks;
  using Rows = OutputRows<L, kOfBlock, Warps>;
  using Rows::firstRow, Rows::isRow, Rows::parts;
  using Inputs = ClusterColumns<L, Columns>;
  static constexpr int kChunks = Columns / W::kPerChunk;
  static constexpr int kLanes = powerOfTwoFrom(kChunks); ///< of a row
  static constexpr int kAtOnce = kWarp / kLanes;
  static constexpr int kSteps =
      (kOfBlock + Warps * kAtOnce - 1) / (Warps * kAtOnce);
  static constexpr int kDepth = kSteps < 4 ? kSteps : 4;
  static_assert(kLanes <= kWarp, "a warp has a whole row");

  unsigned firstChunk;
  int warp, chunk, row;
  typename W::Chunk ring[kDepth];

  QZC_DEVICE LaneOutputs(const LinearArgs<Value> &args, int block,
                         int firstColumn)
      : Rows(args, block),
        firstChunk(static_cast<unsigned>(firstColumn) / W::kPerChunk),
        warp(warpOfBlock()), chunk(threadIdx.x % kLanes),
        row(threadIdx.x % kWarp / kLanes) {}
  /// Row of a step, counted from the block's first.
  QZC_DEVICE int local(int step) const {
    return (step * Warps + warp) * kAtOnce + row;
  }
  /// The last cluster may have fewer columns.
  QZC_DEVICE bool isColumn() const {
    return chunk < kChunks && firstChunk + chunk < L.inputs / W::kPerChunk;
  }
  QZC_DEVICE void load(int slot, int step) {
    if (step >= kSteps)
      return;
    const MatvecRow p = parts.find(firstRow + local(step), 0);
    ring[slot] = isRow(local(step)) && isColumn()
                     ? loadChunkOf<L>(p, firstChunk + chunk)
                     : W::zero();
  }
  QZC_DEVICE void prepare() {
#pragma unroll
    for (int d = 0; d < kDepth; ++d)
      load(d, d);
  }
  /// Leaves partial[n] of the block's rows n, from the cluster's columns.
  QZC_DEVICE void run(float *partial, const Inputs &columns,
                      const char * = nullptr) {
    const float entry = W::entry();
    float v[W::kPerChunk];
    const float *from =
        columns.values + (chunk < kChunks ? chunk : 0) * (W::kPerChunk + 4);
#pragma unroll
    for (int q = 0; q < W::kPerChunk / 4; ++q) {
      const float4 quad = reinterpret_cast<const float4 *>(from)[q];
      v[4 * q] = quad.x, v[4 * q + 1] = quad.y;
      v[4 * q + 2] = quad.z, v[4 * q + 3] = quad.w;
    }
    const float inputs = W::kAffine ? sumOf(v) : 0.0f;
#pragma unroll 1
    for (int begin = 0; begin < kSteps; begin += kDepth) {
#pragma unroll
      for (int d = 0; d < kDepth; ++d) {
        const int step = begin + d;
        if (kSteps % kDepth != 0 && step >= kSteps)
          continue;
        float y = dotChunk<L.weight>(ring[d], entry, v, inputs);
#pragma unroll
        for (int offset = 1; offset < kLanes; offset <<= 1)
          y += __shfl_xor_sync(QZC_FULL_WARP, y, offset);
        if (chunk == 0 && isRow(local(step)))
          leaveWord(partial + firstRow + local(step), y);
        load(d, step + kDepth);
      }
    }
  }
};

/// How many blocks of the same rows, one of each cluster, began before this
/// one: in thread 0, behind the wait. The last leaves the counter at zero.
QZC_DEVICE unsigned takeTurn(unsigned *counter, unsigned clusters) {
  return threadIdx.x == 0 ? atomicInc(counter, clusters - 1) : 0;
}

/// What the blocks of the cluster sent is there for all threads. One warp
/// waits: seeing what other multiprocessors wrote costs each that does.
QZC_DEVICE void awaitSent(unsigned barrier) {
  if (warpOfBlock() == 0)
    waitForCluster(barrier, 0);
  __syncthreads();
}

} // namespace qzc::kernels

#endif // QZC_HAS_WGMMA

#endif // QZC_KERNELS_CLUSTERLAYER_CUH
