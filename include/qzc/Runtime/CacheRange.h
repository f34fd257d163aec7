//===- CacheRange.h - Keys and values that an f16 cache lacks ---*- C++ -*-===//

#ifndef QZC_RUNTIME_CACHERANGE_H
#define QZC_RUNTIME_CACHERANGE_H

#include "qzc/Support/Error.h"

#include <cstdint>
#include <cstdio>

namespace qzc::runtime {

/// The least magnitude that rounds to infinity in f16.
inline constexpr float kBeyondHalf = 65520.0f;

/// Both engines say so, where rounding would make results wrong.
[[noreturn]] inline void failBeyondHalf(int64_t layer, float largest) {
  char text[160];
  std::snprintf(text, sizeof text,
                "--kv-cache=f16 cannot hold this model's keys and values: "
                "those of layer %lld reach %.3g, f16 ends at 65504; use "
                "--kv-cache=f32",
                static_cast<long long>(layer), static_cast<double>(largest));
  throw Error(text);
}

} // namespace qzc::runtime

#endif // QZC_RUNTIME_CACHERANGE_H
