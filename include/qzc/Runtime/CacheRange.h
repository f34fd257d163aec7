//===- CacheRange.h - Keys and values that a cache cannot hold --*- C++ -*-===//

#ifndef QZC_RUNTIME_CACHERANGE_H
#define QZC_RUNTIME_CACHERANGE_H

#include "qzc/Runtime/Engine.h"
#include "qzc/Support/Error.h"

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <string>

namespace qzc::runtime {

/// The least magnitude that rounds to infinity in f16.
inline constexpr float kBeyondHalf = 65520.0f;

/// The order of magnitudes: what is not a number is beyond all of them.
inline bool isBelow(float a, float b) {
  return a < b || (std::isnan(b) && !std::isnan(a));
}

/// The least magnitude that a cache cannot hold.
inline float beyondCache(CacheType type) {
  switch (type) {
  case CacheType::F32:
    break;
  case CacheType::F16:
    return kBeyondHalf;
  case CacheType::Q8:
    return kBeyondHalf * 127; // its scales are f16
  }
  return INFINITY;
}

/// Bytes of a cached key's or value's element.
inline uint64_t elementBytes(CacheType type) {
  switch (type) {
  case CacheType::F32:
    break;
  case CacheType::F16:
    return 2;
  case CacheType::Q8:
    return 1;
  }
  return 4;
}

/// Bytes of the scale of a head's key or value at a position.
inline uint64_t scaleBytes(CacheType type) {
  return type == CacheType::Q8 ? 2 : 0;
}

inline const char *cacheName(CacheType type) {
  switch (type) {
  case CacheType::F32:
    break;
  case CacheType::F16:
    return "f16";
  case CacheType::Q8:
    return "q8";
  }
  return "f32";
}

/// Both engines say so of what is not below beyondCache, where rounding would
/// make results wrong.
[[noreturn]] inline void failBeyondCache(CacheType type, int sequence,
                                         int64_t layer, float largest) {
  if (std::isnan(largest))
    throw SequenceError(sequence, Shortage::Range,
                        "a key or value of layer " + std::to_string(layer) +
                            " is not a number");
  char text[160];
  std::snprintf(text, sizeof text,
                "--kv-cache=%s cannot hold this model's keys and values: "
                "those of layer %lld reach %.3g, %s ends at %.5g; use "
                "--kv-cache=f32",
                cacheName(type), static_cast<long long>(layer),
                static_cast<double>(largest), cacheName(type),
                type == CacheType::Q8 ? 65504.0 * 127 : 65504.0);
  throw SequenceError(sequence, Shortage::Range, text);
}

} // namespace qzc::runtime

#endif // QZC_RUNTIME_CACHERANGE_H
