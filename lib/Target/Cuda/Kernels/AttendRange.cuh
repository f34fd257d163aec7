//===- AttendRange.cuh - Queries of one token over cached positions -------===//
//
// A group of lanes takes one position, each lane eight elements; the groups'
// online softmaxes are merged at the end, in a fixed order.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_KERNELS_ATTENDRANGE_CUH
#define QZC_KERNELS_ATTENDRANGE_CUH

#include "Attention.h"
#include "Cache.cuh"

namespace qzc::kernels {

/// How D elements are spread over lanes, eight to each.
template <int D> struct HeadLanes {
  static_assert(D <= 256, "a warp holds 256 elements");
  static constexpr int kLanes = powerOfTwoFrom((D + 7) / 8);
  static constexpr int kPositions = kWarp / kLanes; ///< a warp takes at once
  static constexpr int kPadded = kLanes * 8;
  /// Positions that a group of lanes takes at once, all loads in flight.
  /// Elements that are loaded one by one need more registers.
  static constexpr int kBatch = D % 8 == 0 ? 4 : 2;
};

/// Eight elements as loaded, converted when they are used.
template <class Cache> struct Eight;
template <> struct Eight<Half> {
  uint4 bits;
  QZC_DEVICE void unpack(float (&v)[8]) const {
    v[0] = lowHalf(bits.x), v[1] = highHalf(bits.x);
    v[2] = lowHalf(bits.y), v[3] = highHalf(bits.y);
    v[4] = lowHalf(bits.z), v[5] = highHalf(bits.z);
    v[6] = lowHalf(bits.w), v[7] = highHalf(bits.w);
  }
};
template <> struct Eight<Byte> {
  uint2 bits;
  float scale;
  QZC_DEVICE void unpack(float (&v)[8]) const {
#pragma unroll
    for (int i = 0; i < 8; ++i)
      v[i] = scale * byteOf(bits, i);
  }
};
template <> struct Eight<float> {
  float4 low, high;
  QZC_DEVICE void unpack(float (&v)[8]) const {
    v[0] = low.x, v[1] = low.y, v[2] = low.z, v[3] = low.w;
    v[4] = high.x, v[5] = high.y, v[6] = high.z, v[7] = high.w;
  }
};

/// Elements [first, first + 8) of a row of D, bytes with their scale; zero past
/// its end and where not `valid`.
template <class Cache, int D>
QZC_DEVICE Eight<Cache> loadEight(const Cache *row, const Half *scale,
                                  int first, bool valid) {
  Eight<Cache> eight = {};
  if constexpr (kIsBytes<Cache>)
    eight.scale = valid ? toFloat(*scale) : 0.0f;
  if constexpr (D % 8 == 0 && kIsBytes<Cache>) {
    if (valid && first < D)
      eight.bits = *reinterpret_cast<const uint2 *>(row + first);
  } else if constexpr (D % 8 == 0) {
    if (valid && first < D)
      eight = *reinterpret_cast<const Eight<Cache> *>(row + first);
  } else {
    Cache *elements = reinterpret_cast<Cache *>(&eight);
#pragma unroll
    for (int i = 0; i < 8; ++i)
      if (valid && first + i < D)
        elements[i] = row[first + i];
  }
  return eight;
}

/// A running softmax-weighted sum of values; m is in base-2 logarithms.
template <int Width> struct OnlineSoftmax {
  float m = -QZC_INFINITY;
  float l = 0.0f;
  float sum[Width] = {};

  QZC_DEVICE static float shift(float m) {
    return m == -QZC_INFINITY ? 0.0f : m;
  }
  /// Adds Count values by their scores, -infinity for none. Groups of Lanes
  /// lanes have values of their own, and one m.
  template <int Lanes, int Count>
  QZC_DEVICE void add(const float (&scores)[Count],
                      const float (&v)[Count][Width]) {
    float newTop = m;
#pragma unroll
    for (int i = 0; i < Count; ++i)
      newTop = fmaxf(newTop, scores[i]);
#pragma unroll
    for (int offset = Lanes; offset < kWarp; offset <<= 1)
      newTop = fmaxf(newTop, __shfl_xor_sync(QZC_FULL_WARP, newTop, offset));
    const float keep = powerOfTwo(m - shift(newTop));
    l *= keep;
#pragma unroll
    for (int e = 0; e < Width; ++e)
      sum[e] *= keep;
#pragma unroll
    for (int i = 0; i < Count; ++i) {
      const float weight = powerOfTwo(scores[i] - shift(newTop));
      l += weight;
#pragma unroll
      for (int e = 0; e < Width; ++e)
        sum[e] = fmaf(v[i][e], weight, sum[e]);
    }
    m = newTop;
  }
  /// The sums of all groups.
  template <int Lanes> QZC_DEVICE void join() {
#pragma unroll
    for (int offset = Lanes; offset < kWarp; offset <<= 1) {
      l += __shfl_xor_sync(QZC_FULL_WARP, l, offset);
#pragma unroll
      for (int e = 0; e < Width; ++e)
        sum[e] += __shfl_xor_sync(QZC_FULL_WARP, sum[e], offset);
    }
  }
};

/// Scores in base-2 logarithms from q·k, q being scaled by queryFactor.
template <bool SoftCap> QZC_DEVICE float queryFactor(float scale) {
  return SoftCap ? scale : scale * kLog2E;
}

/// What a score falls by for each position between key and query (ALiBi), in
/// base-2 logarithms: qz.attention has the formula. 0 without ALiBi.
template <bool Alibi, int Heads>
QZC_DEVICE float alibiSlope(int head, float alibi) {
  if constexpr (!Alibi)
    return 0.0f;
  int power = 1;
  while (power * 2 <= Heads)
    power *= 2;
  const float turns =
      head < power ? static_cast<float>(head + 1) / power
                   : static_cast<float>(2 * (head - power) + 1) / (2 * power);
  return exp2f(-alibi * turns) * kLog2E;
}

/// The cache of one kv head, with the newest position kept elsewhere.
template <class Cache, int D> struct GrowingCache {
  HeadCache<Cache, D> stored;
  int latest; ///< read from latestKey and latestValue
  const Cache *latestKey;
  const Cache *latestValue;
  const Half *latestScales; ///< of bytes: of both
};

/// Keys and values of kBatch positions, as far as they are below `end`. Warps
/// that have positions for the first of them alone leave out the others, whose
/// instructions take long to fetch.
template <class Cache, int D> struct CacheBatch {
  using Lanes = HeadLanes<D>;
  unsigned long long pages[Lanes::kBatch];
  Eight<Cache> keys[Lanes::kBatch];
  Eight<Cache> values[Lanes::kBatch];

  QZC_DEVICE static int position(int base, int i, int stride) {
    return base + i * stride * Lanes::kPositions +
           static_cast<int>(threadIdx.x) % kWarp / Lanes::kLanes;
  }
  /// Whether the warp has positions for more than the first.
  QZC_DEVICE static bool hasMore(int base, int end, int stride) {
    return base + stride * Lanes::kPositions < end;
  }
  /// Looks up the pages of a batch, which load() then reads.
  QZC_DEVICE void find(const GrowingCache<Cache, D> &cache, int base, int end,
                       int stride) {
    findOne(cache, base, 0, end, stride);
    if (hasMore(base, end, stride))
#pragma unroll
      for (int i = 1; i < Lanes::kBatch; ++i)
        findOne(cache, base, i, end, stride);
  }
  QZC_DEVICE void load(const GrowingCache<Cache, D> &cache, int base, int end,
                       int stride) {
    loadOne(cache, base, 0, end, stride);
    if (hasMore(base, end, stride))
#pragma unroll
      for (int i = 1; i < Lanes::kBatch; ++i)
        loadOne(cache, base, i, end, stride);
  }
  /// Fills in the newest position, if it is number i.
  QZC_DEVICE void addLatest(const GrowingCache<Cache, D> &cache, int base,
                            int i, int end, int stride) {
    if (position(base, i, stride) != cache.latest || cache.latest >= end)
      return;
    const int element = threadIdx.x % Lanes::kLanes * 8;
    keys[i] =
        loadEight<Cache, D>(cache.latestKey, cache.latestScales, element, true);
    values[i] = loadEight<Cache, D>(cache.latestValue, cache.latestScales + 1,
                                    element, true);
  }

private:
  QZC_DEVICE void findOne(const GrowingCache<Cache, D> &cache, int base, int i,
                          int end, int stride) {
    const int p = position(base, i, stride);
    // The first page is there always: no load hangs on a branch.
    pages[i] = cache.stored.page(p < end ? p : 0);
  }
  QZC_DEVICE void loadOne(const GrowingCache<Cache, D> &cache, int base, int i,
                          int end, int stride) {
    const int element = threadIdx.x % Lanes::kLanes * 8;
    const int p = position(base, i, stride);
    const bool isStored = p < end && p != cache.latest;
    const int row = isStored ? p : 0;
    keys[i] = loadEight<Cache, D>(cache.stored.keys(pages[i], row),
                                  cache.stored.keyScales(pages[i], row),
                                  element, isStored);
    values[i] = loadEight<Cache, D>(cache.stored.values(pages[i], row),
                                    cache.stored.valueScales(pages[i], row),
                                    element, isStored);
  }
};

/// The first position that the token at `position` sees.
template <int Window> QZC_DEVICE int firstSeen(int position) {
  return Window > 0 && position + 1 > Window ? position + 1 - Window : 0;
}

/// A warp's G queries, of which each lane has eight elements.
template <AttentionConfig A, int G> struct WarpQueries {
  float elements[G][8];
  float slopes[G];

  /// Adds the first Count positions of a batch to the queries' sums. load():
  /// asks for the next one.
  template <int Count, class Cache, class Load>
  QZC_DEVICE void attend(OnlineSoftmax<8> (&state)[G],
                         const GrowingCache<Cache, A.headDim> &cache,
                         CacheBatch<Cache, A.headDim> &batch, int base, int end,
                         int stride, float cap, const Load &load) const {
    using Lanes = HeadLanes<A.headDim>;
    float scores[G][Count];
    float v[Count][8];
#pragma unroll
    for (int i = 0; i < Count; ++i) {
      batch.addLatest(cache, base, i, end, stride);
      float k[8];
      batch.keys[i].unpack(k);
      batch.values[i].unpack(v[i]);
#pragma unroll
      for (int g = 0; g < G; ++g) {
        float s = 0.0f;
#pragma unroll
        for (int e = 0; e < 8; ++e)
          s = fmaf(elements[g][e], k[e], s);
        scores[g][i] = s;
      }
    }
    load();
#pragma unroll
    for (int g = 0; g < G; ++g) {
#pragma unroll
      for (int i = 0; i < Count; ++i) {
        float s = scores[g][i];
#pragma unroll
        for (int offset = Lanes::kLanes / 2; offset > 0; offset >>= 1)
          s += __shfl_xor_sync(QZC_FULL_WARP, s, offset);
        const int p = CacheBatch<Cache, A.headDim>::position(base, i, stride);
        s = cappedScore<A.softCap>(s, cap);
        if constexpr (A.alibi)
          s = fmaf(slopes[g], static_cast<float>(p - cache.latest), s);
        scores[g][i] = p < end ? s : -QZC_INFINITY;
      }
      state[g].template add<Lanes::kLanes>(scores[g], v);
    }
  }
};

/// One warp attends G queries (rows of `q`, HeadLanes::kPadded apart, scaled;
/// of heads from `firstHead` on) over the positions of batches at first, first
/// + stride × kBatch × kPositions … below `end`; the first batch is loaded
/// already, the second one's pages are found. The result is whole in each lane
/// of the warp that holds these elements.
template <class Cache, AttentionConfig A, int G>
QZC_DEVICE void attendRange(OnlineSoftmax<8> (&state)[G], const float *q,
                            const GrowingCache<Cache, A.headDim> &cache,
                            CacheBatch<Cache, A.headDim> &batch, int first,
                            int end, int stride,
                            const AttentionArgs<Value> &args, int firstHead) {
  using Lanes = HeadLanes<A.headDim>;
  WarpQueries<A, G> queries;
  const int element = threadIdx.x % Lanes::kLanes * 8;
#pragma unroll
  for (int g = 0; g < G; ++g) {
    queries.slopes[g] = alibiSlope<A.alibi, A.heads>(firstHead + g, args.alibi);
#pragma unroll
    for (int i = 0; i < 8; ++i)
      queries.elements[g][i] = q[g * Lanes::kPadded + element + i];
  }

  const int advance = stride * Lanes::kBatch * Lanes::kPositions;
  int base = first;
  for (; batch.hasMore(base, end, stride); base += advance)
    queries.template attend<Lanes::kBatch>(
        state, cache, batch, base, end, stride, args.cap, [&] {
          if (base + advance < end) {
            batch.load(cache, base + advance, end, stride);
            batch.find(cache, base + 2 * advance, end, stride);
          }
        });
  if (base < end)
    queries.template attend<1>(state, cache, batch, base, end, stride, args.cap,
                               [] {});

#pragma unroll
  for (int g = 0; g < G; ++g)
    state[g].template join<Lanes::kLanes>();
}

/// Element `d` of `count` merged records of D sums, m and l; `read(i, e)` reads
/// element e of record i.
template <int D, class Read>
QZC_DEVICE OnlineSoftmax<1> mergeRecords(int count, int d, const Read &read) {
  constexpr int few = 8; // are read at once
  OnlineSoftmax<1> merged;
#pragma unroll 1
  for (int base = 0; base < count; base += few) {
    float m[few];
    float l[few];
    float sum[few];
#pragma unroll
    for (int i = 0; i < few; ++i) {
      const bool is = base + i < count;
      m[i] = is ? read(base + i, D) : -QZC_INFINITY;
      l[i] = is ? read(base + i, D + 1) : 0.0f;
      sum[i] = is ? read(base + i, d) : 0.0f;
    }
    float top = merged.m;
#pragma unroll
    for (int i = 0; i < few; ++i)
      top = fmaxf(top, m[i]);
    const float shift = OnlineSoftmax<1>::shift(top);
    const float keep = powerOfTwo(merged.m - shift);
    merged.l *= keep;
    merged.sum[0] *= keep;
#pragma unroll
    for (int i = 0; i < few; ++i) {
      const float factor = powerOfTwo(m[i] - shift);
      merged.l = fmaf(l[i], factor, merged.l);
      merged.sum[0] = fmaf(sum[i], factor, merged.sum[0]);
    }
    merged.m = top;
  }
  return merged;
}

/// Leaves a warp's sums as records of D sums, m and l.
template <int D, int G>
QZC_DEVICE void storeRecords(float (&records)[G][D + 2],
                             const OnlineSoftmax<8> (&softmax)[G]) {
  using Lanes = HeadLanes<D>;
  const int lane = threadIdx.x % kWarp;
#pragma unroll
  for (int g = 0; g < G; ++g) {
    if (lane >= Lanes::kLanes)
      continue;
    if (lane == 0) {
      records[g][D] = softmax[g].m;
      records[g][D + 1] = softmax[g].l;
    }
#pragma unroll
    for (int i = 0; i < 8; ++i)
      if (Lanes::kPadded == D || lane * 8 + i < D)
        records[g][lane * 8 + i] = softmax[g].sum[i];
  }
}

} // namespace qzc::kernels

#endif // QZC_KERNELS_ATTENDRANGE_CUH
