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
      ring[slot][r] = index < kChunks
                          ? W::load(rows[r].data, rows[r].scales,
                                    static_cast<long long>(rows[r].stored) * K +
                                        index * W::kPerChunk)
                          : W::zero();
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

/// Rows of the second layer that a block makes of its cluster's columns: a row
/// has a chunk a lane, a warp several rows at once.
template <LinearConfig L, int Columns, int Blocks, int Warps>
struct ClusterOutputs {
  using W = WeightsOf<L.weight>;
  static constexpr int kOutputs = L.parts[0].rows;
  static constexpr int kOfBlock = (kOutputs + Blocks - 1) / Blocks;
  static constexpr int kChunks = Columns / W::kPerChunk;
  static constexpr int kLanes = powerOfTwoFrom(kChunks); ///< of a row
  static constexpr int kAtOnce = kWarp / kLanes;
  static constexpr int kSteps =
      (kOfBlock + Warps * kAtOnce - 1) / (Warps * kAtOnce);
  static constexpr int kDepth = kSteps < 4 ? kSteps : 4;
  static_assert(kLanes <= kWarp, "a warp has a whole row");

  MatvecParts<L> parts;
  int firstRow, firstColumn;
  int warp, chunk, row;
  typename W::Chunk ring[kDepth];

  QZC_DEVICE ClusterOutputs(const LinearArgs<Value> &args, int block,
                            int firstColumn)
      : parts{args}, firstRow(block * kOfBlock), firstColumn(firstColumn),
        warp(warpOfBlock()), chunk(threadIdx.x % kLanes),
        row(threadIdx.x % kWarp / kLanes) {}
  /// Row of a step, counted from the block's first.
  QZC_DEVICE int local(int step) const {
    return (step * Warps + warp) * kAtOnce + row;
  }
  QZC_DEVICE bool isRow(int local) const {
    return local < kOfBlock && firstRow + local < kOutputs;
  }
  /// The last cluster may have fewer columns.
  QZC_DEVICE bool isColumn() const {
    return chunk < kChunks && firstColumn + chunk * W::kPerChunk < L.inputs;
  }
  QZC_DEVICE void load(int slot, int step) {
    if (step >= kSteps)
      return;
    const MatvecRow p = parts.find(firstRow + local(step), 0);
    ring[slot] = isRow(local(step)) && isColumn()
                     ? W::load(p.data, p.scales,
                               static_cast<long long>(p.stored) * L.inputs +
                                   firstColumn + chunk * W::kPerChunk)
                     : W::zero();
  }
  QZC_DEVICE void prepare() {
#pragma unroll
    for (int d = 0; d < kDepth; ++d)
      load(d, d);
  }
  /// Leaves partial[n] of the block's rows n, from the cluster's columns.
  QZC_DEVICE void run(float *partial,
                      const ClusterColumns<L, Columns> &columns) {
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
  /// What all clusters leave of the block's rows, added up in their order and
  /// finished, when it is there. residual[n]: of output n.
  template <int Clusters, class Residual>
  QZC_DEVICE void finish(float *partials, const Residual &residual,
                         float *out) const {
    for (int i = threadIdx.x; isRow(i); i += Warps * kWarp) {
      const int n = firstRow + i;
      float words[Clusters];
      bool areThere;
      do {
        areThere = true;
#pragma unroll
        for (int c = 0; c < Clusters; ++c)
          words[c] = wordLeft(partials + c * kOutputs + n);
#pragma unroll
        for (int c = 0; c < Clusters; ++c)
          areThere &= isWord(words[c]);
      } while (!areThere);
      float sum = 0.0f;
#pragma unroll
      for (int c = 0; c < Clusters; ++c) {
        sum += words[c];
        partials[c * kOutputs + n] = 0.0f;
      }
      float y = RowEnd<L>::load(parts.find(n, 0)).of(sum);
      if constexpr (L.end.residual)
        y += residual[n];
      out[n] = y;
    }
  }
};

/// How many blocks of the same rows, one of each cluster, began before this
/// one: in thread 0, behind the wait. The last leaves the counter at zero.
QZC_DEVICE unsigned takeTurn(unsigned *counter, unsigned clusters) {
  return threadIdx.x == 0 ? atomicInc(counter, clusters - 1) : 0;
}

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
