//===- AttendLayer.h - Interface of attention with its layers ---*- C++ -*-===//

#ifndef QZC_KERNELS_ATTENDLAYER_H
#define QZC_KERNELS_ATTENDLAYER_H

#include "Attention.h"
#include "Linear.h"

namespace qzc::kernels {

/// queries, blocks: of AttendTile.
struct AttendLayer {
  QZC_CACHE_KERNEL(AttendLayer, attendLayer, "AttendLayer.cuh")
  struct Config {
    AttentionConfig attention;
    NormConfig norm;
    LinearConfig in;  ///< q, k and v
    LinearConfig out; ///< o
    int queries, blocks;
    bool keepsNorm; ///< leaves norm(x) to later launches
    bool addsInput; ///< norm(x) is out's residual
    bool hasTiles;  ///< products on tensor cores (TileRows.cuh)
    QZC_FIELDS(attention, norm, in, out, queries, blocks, keepsNorm, addsInput,
               hasTiles)
  };
  template <template <class> class Of> struct Args {
    InRows<Of> x; ///< [T, in.inputs]
    NormArgs<Of> norm;
    OutRows<Of> kept;  ///< [T, in.inputs], keepsNorm: norm(x)
    LinearArgs<Of> in; ///< neither a residual nor out
    Of<CacheView> cache;
    AttentionArgs<Of> attention;
    LinearArgs<Of> out;
    /// Scratch: [T, heads / queries, outputs], zeros between launches.
    Of<float *> partials;
    Of<const TokenRow *> rows;
    Of<DeviceState *> state;
    QZC_FIELDS(x, norm, kept, in, cache, attention, out, partials, rows, state)
  };
};

} // namespace qzc::kernels

#endif // QZC_KERNELS_ATTENDLAYER_H
