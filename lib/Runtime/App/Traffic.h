//===- Traffic.h - Memory that a decoded token reads ------------*- C++ -*-===//

#ifndef QZC_LIB_RUNTIME_APP_TRAFFIC_H
#define QZC_LIB_RUNTIME_APP_TRAFFIC_H

#include "qzc/Format/Manifest.h"
#include "qzc/Runtime/Engine.h"

namespace qzc::runtime {

/// Bytes that decoding one token of each of `batch` sequences has to read where
/// these have so many positions in the cache, the token's among them: each
/// weight of the plan once, and for each token of tables one row, and the keys
/// and values that attention sees. Activations, which stay in caches, do not
/// count.
double decodeBytes(const format::Manifest &manifest, double positions,
                   CacheType cache, int64_t batch);

} // namespace qzc::runtime

#endif // QZC_LIB_RUNTIME_APP_TRAFFIC_H
