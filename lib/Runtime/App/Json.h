//===- Json.h - Names and facts that several results state ------*- C++ -*-===//

#ifndef QZC_LIB_RUNTIME_APP_JSON_H
#define QZC_LIB_RUNTIME_APP_JSON_H

#include "Session.h"
#include "qzc/Runtime/CacheRange.h"

#include <nlohmann/json.hpp>

namespace qzc::runtime {

/// Keys stay in the order in which they were written.
using Json = nlohmann::ordered_json;

/// Model, selection, device and cache type: what a measurement was made with.
inline void addSetting(Json &json, const Session &session,
                       const Engine &engine) {
  const format::Manifest &manifest = session.image().manifest();
  json["model"] = manifest.model.name;
  json["selection"] = manifest.selection;
  json["weights_bytes"] = manifest.weightsBytes;
  json["device"] = engine.describe();
  json["kv_cache"] = cacheName(engine.options().cache);
}

} // namespace qzc::runtime

#endif // QZC_LIB_RUNTIME_APP_JSON_H
