//===- Matvec.h - Interfaces of linear layers of a few tokens ---*- C++ -*-===//

#ifndef QZC_KERNELS_MATVEC_H
#define QZC_KERNELS_MATVEC_H

#include "Head.h"
#include "Linear.h"

namespace qzc::kernels {

template <template <class> class Of> struct MatvecArgs {
  InRows<Of> x; ///< [T, inputs]
  NormArgs<Of> norm;
  OutRows<Of> kept; ///< [T, inputs]: norm(x), where the Config keeps it
  LinearArgs<Of> layer;
  /// [T], zeros between launches: where the Config chooses, the key of the
  /// largest output.
  Of<TokenKey *> choice;
  QZC_FIELDS(x, norm, kept, layer, choice)
};

struct Matvec {
  QZC_KERNEL(Matvec, matvec, "Matvec.cuh")
  struct Config {
    LinearConfig layer;
    NormConfig norm;
    bool fast;   ///< rows divide into chunks, those of x are 16-byte aligned
    int warps;   ///< of a block
    int perWarp; ///< outputs of a warp in a pass
    int passes;
    bool keepsNorm; ///< leaves norm(x) to later launches
    bool chooses;   ///< outputs are logits
    QZC_FIELDS(layer, norm, fast, warps, perWarp, passes, keepsNorm, chooses)
  };
  template <template <class> class Of> using Args = MatvecArgs<Of>;
};

/// Up to four weights that the launch behind reads, data and scales: each block
/// asks the L2 cache for so many bytes of each, one block behind the other.
template <template <class> class Of> struct AheadArgs {
  Of<const void *> data[8];
  Of<int> bytes[8]; ///< multiples of 16
  QZC_FIELDS(data, bytes)
};

struct MatvecTensor {
  QZC_KERNEL(MatvecTensor, matvecTensor, "MatvecTensor.cuh")
  struct Config {
    LinearConfig layer;
    NormConfig norm;
    int splitK; ///< warps that share the columns of a tile's rows
    int splitN; ///< warps, of other rows
    int tiles;  ///< of a warp
    bool keepsNorm, chooses;
    bool asksAhead;
    QZC_FIELDS(layer, norm, splitK, splitN, tiles, keepsNorm, chooses,
               asksAhead)
  };
  template <template <class> class Of> struct Args {
    MatvecArgs<Of> matvec;
    AheadArgs<Of> ahead;
    QZC_FIELDS(matvec, ahead)
  };
};

/// rowTiles, warpsN, splitK and passes: of FewTile.
struct MatvecFew {
  QZC_KERNEL(MatvecFew, matvecFew, "MatvecFew.cuh")
  struct Config {
    LinearConfig layer;
    NormConfig norm;
    int rowTiles, warpsN, splitK, passes;
    bool keepsNorm;
    QZC_FIELDS(layer, norm, rowTiles, warpsN, splitK, passes, keepsNorm)
  };
  template <template <class> class Of> struct Args {
    InRows<Of> x; ///< [T, inputs]
    NormArgs<Of> norm;
    OutRows<Of> kept; ///< [T, inputs]
    LinearArgs<Of> layer;
    Of<float *> partial; ///< scratch: the sums of blocks that share rows
    Of<DeviceState *> state;
    QZC_FIELDS(x, norm, kept, layer, partial, state)
  };
};

/// tokenTiles, rowTiles, warps, warpsN and blocks: of ClusterTile.
struct MatvecCluster {
  QZC_KERNEL(MatvecCluster, matvecCluster, "MatvecCluster.cuh")
  struct Config {
    LinearConfig layer;
    NormConfig norm;
    int tokenTiles, rowTiles, warps, warpsN, blocks;
    QZC_FIELDS(layer, norm, tokenTiles, rowTiles, warps, warpsN, blocks)
  };
  template <template <class> class Of> struct Args {
    InRows<Of> x; ///< [T, inputs]
    NormArgs<Of> norm;
    LinearArgs<Of> layer;
    Of<const DeviceState *> state;
    QZC_FIELDS(x, norm, layer, state)
  };
};

/// Of up to 32 tokens; no residual.
struct MatvecPair {
  QZC_KERNEL(MatvecPair, matvecPair, "MatvecPair.cuh")
  struct Config {
    LinearConfig layer;
    NormConfig norm;
    bool chooses;
    QZC_FIELDS(layer, norm, chooses)
  };
  template <template <class> class Of> struct Args {
    InRows<Of> x; ///< [T, inputs]
    NormArgs<Of> norm;
    LinearArgs<Of> layer;
    Of<TokenKey *> choice; ///< [T]: of the likeliest outputs, where chosen
    Of<const DeviceState *> state;
    QZC_FIELDS(x, norm, layer, choice, state)
  };
};

/// Of up to 32 tokens. splits: blocks that share a row's inputs.
struct MatvecSplit {
  QZC_KERNEL(MatvecSplit, matvecSplit, "MatvecSplit.cuh")
  struct Config {
    LinearConfig layer;
    NormConfig norm;
    int splits;
    QZC_FIELDS(layer, norm, splits)
  };
  template <template <class> class Of> struct Args {
    InRows<Of> x; ///< [T, inputs]
    NormArgs<Of> norm;
    LinearArgs<Of> layer;
    Of<float *> sums, squares; ///< scratch: words that blocks leave
    Of<DeviceState *> state;
    QZC_FIELDS(x, norm, layer, sums, squares, state)
  };
};

/// A layer's input as columns of tensor cores, for MatvecBatch.
struct StageColumns {
  QZC_KERNEL(StageColumns, stageColumns, "Columns.cuh")
  struct Config {
    int inputs;
    WeightConfig weight; ///< of the layer
    int threads;
    NormConfig norm;
    bool keepsNorm;
    QZC_FIELDS(inputs, weight, threads, norm, keepsNorm)
  };
  template <template <class> class Of> struct Args {
    InRows<Of> x; ///< [T, inputs]
    NormArgs<Of> norm;
    OutRows<Of> kept;   ///< [T, inputs]
    Of<void *> columns; ///< tiles of 8 tokens (Columns.cuh)
    Of<float *> scales; ///< [T]
    QZC_FIELDS(x, norm, kept, columns, scales)
  };
};

/// tokenTiles, warpsN, splitK and stages: of BatchTile.
struct MatvecBatch {
  QZC_KERNEL(MatvecBatch, matvecBatch, "MatvecBatch.cuh")
  struct Config {
    LinearConfig layer;
    int tokenTiles, warpsN, splitK, stages;
    QZC_FIELDS(layer, tokenTiles, warpsN, splitK, stages)
  };
  template <template <class> class Of> struct Args {
    Of<const void *> columns; ///< of StageColumns
    Of<const float *> scales; ///< [T]
    LinearArgs<Of> layer;
    Of<float *> partial; ///< scratch: the sums of blocks that share rows
    Of<DeviceState *> state;
    QZC_FIELDS(columns, scales, layer, partial, state)
  };
};

} // namespace qzc::kernels

#endif // QZC_KERNELS_MATVEC_H
