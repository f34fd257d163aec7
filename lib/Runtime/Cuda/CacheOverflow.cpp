//===- CacheOverflow.cpp - Whose keys the cache could not hold ------------===//

#include "CacheOverflow.h"

#include "qzc/Runtime/CacheRange.h"
#include "qzc/Runtime/Cuda/DeviceState.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <optional>
#include <vector>

namespace qzc::runtime {

void failCacheOverflow(const Device &device, const DeviceLayout &layout,
                       const WorkspacePlan &sizes) {
  const size_t layers = sizes.caches.size();
  std::vector<CacheRange> ranges(layers * static_cast<size_t>(sizes.sequences));
  const uint64_t bytes = ranges.size() * sizeof(CacheRange);
  device.download(ranges.data(), layout.cacheRanges, bytes);
  // What other sequences do from now on is right.
  device.clear(layout.state + offsetof(DeviceState, beyondCache), sizeof(int));
  device.synchronize("reading the range of keys and values");
  const float end = beyondCache(sizes.cache);
  // What a range keeps: the largest that bytes hold, nothing of f16.
  const float last =
      sizes.cache == CacheType::Q8 ? std::nextafter(end, 0.0f) : 0.0f;
  std::optional<size_t> first;
  float most = 0;
  for (size_t index = 0; index != ranges.size(); ++index) {
    CacheRange &range = ranges[index];
    const float largest = std::max(range.key, range.value, isBelow);
    if (largest < end)
      continue;
    if (!first) {
      first = index;
      most = largest;
    }
    range = {std::min(range.key, last, isBelow),
             std::min(range.value, last, isBelow)};
  }
  if (!first)
    throw Error("a key or value was beyond the KV cache's type, but no range "
                "tells of it");
  device.upload(layout.cacheRanges, ranges.data(), bytes);
  failBeyondCache(sizes.cache, static_cast<int>(*first / layers),
                  static_cast<int64_t>(*first % layers), most);
}

} // namespace qzc::runtime
