//===- Traffic.h - Memory that a decoded token reads ------------*- C++ -*-===//

#ifndef QZC_LIB_RUNTIME_APP_TRAFFIC_H
#define QZC_LIB_RUNTIME_APP_TRAFFIC_H

#include "qzc/Format/Manifest.h"
#include "qzc/Runtime/Engine.h"

namespace qzc::runtime {

/// Bytes that decoding one token has to read where `positions` are in the
/// cache, its own among them: each weight of the plan once, of tables one row,
/// and the keys and values that attention sees. Activations, which stay in
/// caches, do not count.
double decodeBytes(const format::Manifest &manifest, double positions,
                   CacheType cache);

} // namespace qzc::runtime

#endif // QZC_LIB_RUNTIME_APP_TRAFFIC_H
