//===- Cache.cuh - Keys and values, page by page --------------------------===//

#ifndef QZC_KERNELS_CACHE_CUH
#define QZC_KERNELS_CACHE_CUH

#include "Common.cuh"

namespace qzc::kernels {

/// The least magnitude that rounds to infinity in f16.
constexpr float kBeyondHalf = 65520.0f;

/// An element of a cache of bytes: a head's of a position share an f16 scale.
struct Byte {
  signed char code;
};
QZC_DEVICE float toFloat(Byte byte) { return static_cast<float>(byte.code); }
/// Byte `i` of eight.
QZC_DEVICE float byteOf(const uint2 &eight, int i) {
  const unsigned four = i < 4 ? eight.x : eight.y;
  return static_cast<float>(static_cast<signed char>(four >> (i % 4 * 8)));
}
template <class Cache> constexpr bool kIsHalf = false;
template <> constexpr bool kIsHalf<Half> = true;
template <class Cache> constexpr bool kIsBytes = false;
template <> constexpr bool kIsBytes<Byte> = true;

/// Raises `largest` to a magnitude beyond f16, and tells of one that the cache
/// cannot hold.
template <class Cache>
QZC_DEVICE void noteMagnitude(float magnitude, float *largest,
                              DeviceState *state) {
  if (magnitude < kBeyondHalf)
    return;
  atomicMax(reinterpret_cast<int *>(largest), __float_as_int(magnitude));
  if constexpr (kIsHalf<Cache>)
    state->beyondCache = 1;
  if constexpr (kIsBytes<Cache>)
    if (!(magnitude < 127.0f * kBeyondHalf))
      state->beyondCache = 1;
}

/// A key or value as the cache keeps it.
template <class Cache>
QZC_DEVICE Cache toCache(float v, float *largest, DeviceState *state) {
  noteMagnitude<Cache>(fabsf(v), largest, state);
  if constexpr (kIsHalf<Cache>)
    return toHalf(v);
  else
    return v;
}

/// The scale of bytes up to a magnitude: a 127th, rounded up where f16 lacks
/// it, so that no code is cut.
QZC_DEVICE Half byteScale(float absmax) {
  Half scale = toHalf(absmax * (1.0f / 127.0f));
  if (toFloat(scale) * 127.0f < absmax)
    ++scale.bits;
  return scale;
}

/// A warp stores elements load(0) … load(D − 1) as bytes.
template <int D, class Load>
QZC_DEVICE void storeBytes(Byte *out, Half *scale, const Load &load,
                           float *largest, DeviceState *state) {
  constexpr int perLane = (D + kWarp - 1) / kWarp;
  const int lane = threadIdx.x % kWarp;
  float v[perLane];
  float absmax = 0.0f;
#pragma unroll
  for (int i = 0; i < perLane; ++i) {
    const int d = i * kWarp + lane;
    v[i] = d < D ? load(d) : 0.0f;
    absmax = Magnitude::join(absmax, fabsf(v[i]));
  }
  absmax = reduceWarp<Magnitude>(absmax);
  const Half stored = byteScale(absmax);
  const float unit = toFloat(stored);
  const float inverse = unit > 0.0f ? 1.0f / unit : 0.0f;
#pragma unroll
  for (int i = 0; i < perLane; ++i) {
    const int d = i * kWarp + lane;
    const float code = fminf(fmaxf(rintf(v[i] * inverse), -127.0f), 127.0f);
    if (d < D)
      out[d].code = static_cast<signed char>(code);
  }
  if (lane == 0) {
    *scale = stored;
    noteMagnitude<Byte>(absmax, largest, state);
  }
}

/// One kv head of one sequence in a layer's cache. Rows of D elements are
/// contiguous from a multiple of 16 positions to the next.
template <class Cache, int D> struct HeadCache {
  const unsigned long long *pages;
  unsigned long long keysAt, valuesAt; ///< of the head in a page
  unsigned long long keyScalesAt, valueScalesAt;
  int shift;

  QZC_DEVICE HeadCache(const CacheView &view, int sequence, int kvHead)
      : pages(view.pages +
              static_cast<long long>(sequence) * view.pagesPerSequence),
        shift(view.pageShift) {
    const unsigned long long head = static_cast<unsigned long long>(kvHead) *
                                    view.pageSize * D * sizeof(Cache);
    keysAt = view.keys + head;
    valuesAt = view.values + head;
    const unsigned long long scales =
        static_cast<unsigned long long>(kvHead) * view.pageSize * sizeof(Half);
    keyScalesAt = view.keyScales + scales;
    valueScalesAt = view.valueScales + scales;
  }
  /// The page that holds a position; what is in it.
  QZC_DEVICE unsigned long long page(int position) const {
    return pages[position >> shift];
  }
  QZC_DEVICE Cache *keys(unsigned long long page, int position) const {
    return reinterpret_cast<Cache *>(page + keysAt) + row(position) * D;
  }
  QZC_DEVICE Cache *values(unsigned long long page, int position) const {
    return reinterpret_cast<Cache *>(page + valuesAt) + row(position) * D;
  }
  /// Of bytes.
  QZC_DEVICE Half *keyScales(unsigned long long page, int position) const {
    return reinterpret_cast<Half *>(page + keyScalesAt) + row(position);
  }
  QZC_DEVICE Half *valueScales(unsigned long long page, int position) const {
    return reinterpret_cast<Half *>(page + valueScalesAt) + row(position);
  }

private:
  QZC_DEVICE long long row(int position) const {
    return position & static_cast<int>((1u << shift) - 1u);
  }
};

QZC_DEVICE CacheRange *rangeOf(const CacheView &view, int sequence) {
  return view.ranges + static_cast<long long>(sequence) * view.rangeStride;
}

} // namespace qzc::kernels

#endif // QZC_KERNELS_CACHE_CUH
