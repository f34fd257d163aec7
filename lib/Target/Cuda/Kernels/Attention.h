//===- Attention.h - Interfaces of attention and the cache ------*- C++ -*-===//

#ifndef QZC_KERNELS_ATTENTION_H
#define QZC_KERNELS_ATTENTION_H

#include "Common.h"

namespace qzc::kernels {

struct RopeConfig {
  int dim; ///< elements of a head that are rotated; 0: no rope
  bool interleaved;
  QZC_FIELDS(dim, interleaved)
};

struct AttentionConfig {
  int heads, kvHeads, headDim;
  int window; ///< positions that a query sees, its own included; 0: all
  bool softCap;
  bool alibi;
  RopeConfig rope;
  QZC_FIELDS(heads, kvHeads, headDim, window, softCap, alibi, rope)
};
template <template <class> class Of> struct AttentionArgs {
  Of<const float *> ropeTable; ///< [context, dim / 2, 2]: cosines, sines
  Of<float> scale;             ///< of the products
  Of<float> cap;               ///< of softCap
  Of<float> alibi;             ///< the largest bias of ALiBi
  QZC_FIELDS(ropeTable, scale, cap, alibi)
};

struct AppendCache {
  QZC_CACHE_KERNEL(AppendCache, appendCache, "Attention.cuh")
  struct Config {
    int kvHeads, headDim;
    RopeConfig rope;
    QZC_FIELDS(kvHeads, headDim, rope)
  };
  template <template <class> class Of> struct Args {
    InRows<Of> k, v; ///< [T, kvHeads × headDim]
    Of<CacheView> cache;
    Of<const float *> ropeTable; ///< as of AttentionArgs
    Of<const TokenRow *> rows;   ///< [T]
    Of<DeviceState *> state;
    QZC_FIELDS(k, v, cache, ropeTable, rows, state)
  };
};

struct AttendOne {
  QZC_CACHE_KERNEL(AttendOne, attendOne, "Attention.cuh")
  struct Config {
    AttentionConfig attention;
    int queries; ///< heads of a block, of one kv head
    int splits;  ///< ranges of the context, at most
    int warps;   ///< of a block, at least four
    QZC_FIELDS(attention, queries, splits, warps)
  };
  template <template <class> class Of> struct Args {
    InRows<Of> q;    ///< [T, heads × headDim]
    InRows<Of> k, v; ///< [T, kvHeads × headDim]
    Of<CacheView> cache;
    AttentionArgs<Of> attention;
    Of<float *> partials; ///< scratch: [T, heads, splits, headDim + 2]
    Of<const TokenRow *> rows;
    Of<DeviceState *> state;
    OutRows<Of> out; ///< as q
    QZC_FIELDS(q, k, v, cache, attention, partials, rows, state, out)
  };
};

template <template <class> class Of> struct FlashArgs {
  InRows<Of> q; ///< [T, heads × headDim]
  Of<CacheView> cache;
  AttentionArgs<Of> attention;
  Of<const QueryTile *> tiles;
  OutRows<Of> out; ///< as q
  QZC_FIELDS(q, cache, attention, tiles, out)
};

struct Flash {
  QZC_CACHE_KERNEL(Flash, flash, "Flash.cuh")
  struct Config {
    AttentionConfig attention;
    QZC_FIELDS(attention)
  };
  template <template <class> class Of> using Args = FlashArgs<Of>;
};

/// q and out, and their strides, are even.
struct FlashPanels {
  QZC_CACHE_KERNEL(FlashPanels, flashPanels, "PanelFlash.cuh")
  struct Config {
    AttentionConfig attention;
    int heads; ///< of a block, of one kv head
    QZC_FIELDS(attention, heads)
  };
  template <template <class> class Of> using Args = FlashArgs<Of>;
};

} // namespace qzc::kernels

#endif // QZC_KERNELS_ATTENTION_H
