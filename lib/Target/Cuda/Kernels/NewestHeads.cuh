//===- NewestHeads.cuh - Rotary embedding; a token's queries, key, value --===//

#ifndef QZC_KERNELS_NEWESTHEADS_CUH
#define QZC_KERNELS_NEWESTHEADS_CUH

#include "AttendRange.cuh"

namespace qzc::kernels {

/// An element of a head that is to be rotated, and what that takes: loaded
/// before it is used, so that several can be on their way.
template <int RopeDim, bool Interleaved> struct Unrotated {
  float mine = 0.0f;
  float other = 0.0f; ///< of its pair, as it adds to the sine's
  float cosine = 1.0f;
  float sine = 0.0f;

  static constexpr int kHalf = RopeDim / 2;

  /// Element `d`; `table`: [RopeDim / 2, (cos, sin)].
  QZC_DEVICE void load(const float *head, int d, const float *table) {
    loadAngle(d, table);
    loadValues(head, d);
  }
  QZC_DEVICE void loadAngle(int d, const float *table) {
    if (RopeDim == 0 || d >= RopeDim)
      return;
    const int pair = Interleaved ? d / 2 : d % (kHalf > 0 ? kHalf : 1);
    cosine = table[2 * pair];
    sine = table[2 * pair + 1];
  }
  QZC_DEVICE void loadValues(const float *head, int d) {
    mine = head[d];
    if (RopeDim == 0 || d >= RopeDim)
      return;
    const bool second = Interleaved ? d % 2 == 1 : d >= kHalf;
    const float its =
        head[Interleaved ? d ^ 1 : (second ? d - kHalf : d + kHalf)];
    other = second ? its : -its;
  }
  QZC_DEVICE float value() const { return mine * cosine + other * sine; }
};

/// Element `d` of a head after rotation by `table` [RopeDim / 2, (cos, sin)].
template <int RopeDim, bool Interleaved>
QZC_DEVICE float rotated(const float *head, int d, const float *table) {
  Unrotated<RopeDim, Interleaved> element;
  element.load(head, d, table);
  return element.value();
}

/// Where a token's key and value go.
template <class Cache, int D> struct NewestPlaces {
  /// Beside the cache, for those who attend in the same launch.
  Cache (*latest)[HeadLanes<D>::kPadded];
  Half *latestScales;
  const HeadCache<Cache, D> &stored;
  unsigned long long page;
  int position;
  bool isAttended; ///< here
  bool isAppended; ///< here
  CacheRange *range;
  DeviceState *state;
};

/// The newest token's queries of a group of heads, and its key and value of
/// their kv head, element by element over the threads of a block: what they are
/// made of is loaded before one is used.
template <class Cache, AttentionConfig A, int Queries, int Warps>
struct NewestHeads {
  static constexpr int D = A.headDim;
  using Lanes = HeadLanes<D>;
  using Element = Unrotated<A.rope.dim, A.rope.interleaved>;
  static constexpr int kThreads = Warps * kWarp;
  // Keys and values that become bytes are brought by warps.
  static constexpr int kRows = Queries + (kIsBytes<Cache> ? 0 : 2);
  static constexpr int kPerThread =
      (kRows * Lanes::kPadded + kThreads - 1) / kThreads;

  Element elements[kPerThread];

  QZC_DEVICE static int row(int j) {
    return (j * kThreads + threadIdx.x) / Lanes::kPadded;
  }
  QZC_DEVICE static int column(int j) {
    return (j * kThreads + threadIdx.x) % Lanes::kPadded;
  }
  /// `table`: of the position.
  QZC_DEVICE void loadAngles(const float *table) {
#pragma unroll
    for (int j = 0; j < kPerThread; ++j)
      if (column(j) < D && row(j) < kRows && row(j) <= Queries)
        elements[j].loadAngle(column(j), table);
  }
  /// q: heads one behind the other.
  QZC_DEVICE void loadValues(const float *q, const float *k, const float *v) {
#pragma unroll
    for (int j = 0; j < kPerThread; ++j) {
      const int d = column(j);
      if (d >= D || row(j) >= kRows)
        continue;
      if (row(j) <= Queries)
        elements[j].loadValues(row(j) < Queries ? q + row(j) * D : k, d);
      else
        elements[j].mine = v[d];
    }
  }
  /// Queries, times `factor`, to rows of HeadLanes::kPadded; key and value to
  /// their places.
  QZC_DEVICE void store(float *queries, float factor,
                        const NewestPlaces<Cache, D> &places, const float *k,
                        const float *v, const float *table) const {
#pragma unroll
    for (int j = 0; j < kPerThread; ++j) {
      const int d = column(j);
      const float value = elements[j].value();
      if (row(j) < Queries)
        queries[row(j) * Lanes::kPadded + d] = value * factor;
      else if (!kIsBytes<Cache> && places.isAttended && d < D && row(j) < kRows)
        storeElement(value, row(j) == Queries, d, places);
    }
    if constexpr (kIsBytes<Cache>)
      if (places.isAttended)
        storeRows(places, k, v, table);
  }

private:
  QZC_DEVICE static void storeElement(float value, bool isKey, int d,
                                      const NewestPlaces<Cache, D> &to) {
    if constexpr (!kIsBytes<Cache>) {
      const Cache kept = toCache<Cache>(
          value, isKey ? &to.range->key : &to.range->value, to.state);
      to.latest[isKey ? 0 : 1][d] = kept;
      if (to.isAppended)
        (isKey ? to.stored.keys(to.page, to.position)
               : to.stored.values(to.page, to.position))[d] = kept;
    }
  }
  /// A warp each for the key and the value, beside the cache and in it.
  QZC_DEVICE static void storeRows(const NewestPlaces<Cache, D> &to,
                                   const float *k, const float *v,
                                   const float *table) {
    const auto key = [&](int d) {
      return rotated<A.rope.dim, A.rope.interleaved>(k, d, table);
    };
    const auto value = [&](int d) { return v[d]; };
    const int warp = warpOfBlock();
    if (warp == 0)
      storeBytes<D>(to.latest[0], to.latestScales, key, &to.range->key,
                    to.state);
    if (warp == 1)
      storeBytes<D>(to.latest[1], to.latestScales + 1, value, &to.range->value,
                    to.state);
    if (warp == 2 && to.isAppended)
      storeBytes<D>(to.stored.keys(to.page, to.position),
                    to.stored.keyScales(to.page, to.position), key,
                    &to.range->key, to.state);
    if (warp == 3 && to.isAppended)
      storeBytes<D>(to.stored.values(to.page, to.position),
                    to.stored.valueScales(to.page, to.position), value,
                    &to.range->value, to.state);
  }
};

} // namespace qzc::kernels

#endif // QZC_KERNELS_NEWESTHEADS_CUH
