//===- FeedLayer.h - Interface of a feed-forward layer ----------*- C++ -*-===//

#ifndef QZC_KERNELS_FEEDLAYER_H
#define QZC_KERNELS_FEEDLAYER_H

#include "Linear.h"

namespace qzc::kernels {

/// units, blocks: of FeedTile.
struct FeedLayer {
  QZC_KERNEL(FeedLayer, feedLayer, "FeedLayer.cuh")
  struct Config {
    NormConfig norm;
    LinearConfig in;  ///< one part, or gate and up
    LinearConfig out; ///< one part
    int units, blocks;
    bool keepsNorm; ///< leaves norm(x) to later launches
    bool addsInput; ///< norm(x) is out's residual
    bool hasTiles;  ///< products on tensor cores (TileRows.cuh)
    QZC_FIELDS(norm, in, out, units, blocks, keepsNorm, addsInput, hasTiles)
  };
  template <template <class> class Of> struct Args {
    InRows<Of> x; ///< [T, in.inputs]
    NormArgs<Of> norm;
    OutRows<Of> kept;  ///< [T, in.inputs], keepsNorm: norm(x)
    LinearArgs<Of> in; ///< neither a residual nor out
    LinearArgs<Of> out;
    /// Scratch: [T, clusters, outputs], zeros between launches.
    Of<float *> partials;
    Of<DeviceState *> state;
    QZC_FIELDS(x, norm, kept, in, out, partials, state)
  };
};

} // namespace qzc::kernels

#endif // QZC_KERNELS_FEEDLAYER_H
