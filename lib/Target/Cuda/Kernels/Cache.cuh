//===- Cache.cuh - Keys and values, page by page --------------------------===//

#ifndef QZC_KERNELS_CACHE_CUH
#define QZC_KERNELS_CACHE_CUH

#include "Common.cuh"

namespace qzc::kernels {

/// The least magnitude that rounds to infinity in f16.
constexpr float kBeyondHalf = 65520.0f;

/// A key or value as the cache keeps it. One beyond f16 raises `largest`, and
/// is told of where the cache is f16.
template <class Cache>
QZC_DEVICE Cache toCache(float v, float *largest, DeviceState *state) {
  constexpr bool isHalf = sizeof(Cache) == sizeof(Half);
  const float magnitude = fabsf(v);
  if (magnitude >= kBeyondHalf) {
    // Floats that are not negative are ordered like their bits.
    atomicMax(reinterpret_cast<int *>(largest), __float_as_int(magnitude));
    if constexpr (isHalf)
      state->beyondHalf = 1;
  }
  if constexpr (isHalf)
    return toHalf(v);
  else
    return v;
}

/// One kv head of one sequence in a layer's cache. Rows of D elements are
/// contiguous from a multiple of 16 positions to the next.
template <class Cache, int D> struct HeadCache {
  const unsigned long long *pages;
  unsigned long long keysAt, valuesAt; ///< of the head in a page
  int shift;

  QZC_DEVICE HeadCache(const CacheView &view, int sequence, int kvHead)
      : pages(view.pages +
              static_cast<long long>(sequence) * view.pagesPerSequence),
        shift(view.pageShift) {
    const unsigned long long head = static_cast<unsigned long long>(kvHead) *
                                    view.pageSize * D * sizeof(Cache);
    keysAt = view.keys + head;
    valuesAt = view.values + head;
  }
  QZC_DEVICE Cache *keys(int position) const { return row(keysAt, position); }
  QZC_DEVICE Cache *values(int position) const {
    return row(valuesAt, position);
  }

private:
  QZC_DEVICE Cache *row(unsigned long long at, int position) const {
    const int inPage = position & static_cast<int>((1u << shift) - 1u);
    return reinterpret_cast<Cache *>(pages[position >> shift] + at) +
           static_cast<long long>(inPage) * D;
  }
};

QZC_DEVICE CacheRange *rangeOf(const CacheView &view, int sequence) {
  return view.ranges + static_cast<long long>(sequence) * view.rangeStride;
}

} // namespace qzc::kernels

#endif // QZC_KERNELS_CACHE_CUH
