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
    bool addsInput; ///< the residual is norm(x)
    QZC_FIELDS(norm, in, out, units, blocks, addsInput)
  };
  template <template <class> class Of> struct Args {
    InRows<Of> x; ///< [T, in.inputs]
    NormArgs<Of> norm;
    LinearArgs<Of> in; ///< neither a residual nor out
    LinearArgs<Of> out;
    Of<float *> partials; ///< scratch: [T, clusters, outputs]
    Of<DeviceState *> state;
    QZC_FIELDS(x, norm, in, out, partials, state)
  };
};

} // namespace qzc::kernels

#endif // QZC_KERNELS_FEEDLAYER_H
