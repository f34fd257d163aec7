//===- Attention.cuh - Rotary embedding, cache, one query at a time -------===//
//
// Attention of single queries over the KV cache, in f32: decode. A group of
// lanes takes one position, each lane eight elements; the groups' online
// softmaxes are merged at the end, in a fixed order.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_KERNELS_ATTENTION_CUH
#define QZC_KERNELS_ATTENTION_CUH

#include "Attention.h"
#include "Cache.cuh"

namespace qzc::kernels {

/// An element of a head that is to be rotated, and what that takes: loaded
/// before it is used, so that several can be on their way.
template <int RopeDim, bool Interleaved> struct Unrotated {
  float mine = 0.0f;
  float other = 0.0f; ///< of its pair, as it adds to the sine's
  float cosine = 1.0f;
  float sine = 0.0f;

  /// Element `d`; `table`: [RopeDim / 2, (cos, sin)].
  QZC_DEVICE void load(const float *head, int d, const float *table) {
    mine = head[d];
    if (RopeDim == 0 || d >= RopeDim)
      return;
    constexpr int half = RopeDim / 2;
    const int pair = Interleaved ? d / 2 : d % (half > 0 ? half : 1);
    const bool second = Interleaved ? d % 2 == 1 : d >= half;
    const float its =
        head[Interleaved ? d ^ 1 : (second ? d - half : d + half)];
    other = second ? its : -its;
    cosine = table[2 * pair];
    sine = table[2 * pair + 1];
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

/// Rotates k and appends k and v of token t to its sequence; keeps the ranges.
/// Grid: T blocks.
template <class Cache, AppendCache::Config C>
QZC_DEVICE void appendCache(const AppendCache::Args<Value> &a) {
  constexpr int D = C.headDim;
  launchDependents();
  waitForDependencies();
  const int position = a.rows[blockIdx.x].position;
  const int sequence = a.rows[blockIdx.x].sequence;
  CacheRange *range = rangeOf(a.cache, sequence);
  const float *k = rowOf(a.k, blockIdx.x);
  const float *v = rowOf(a.v, blockIdx.x);
  const float *table =
      a.ropeTable + static_cast<long long>(position) * C.rope.dim;
  if constexpr (kIsBytes<Cache>) {
    const int warps = blockDim.x / kWarp;
    for (int i = threadIdx.x / kWarp; i < 2 * C.kvHeads; i += warps) {
      const HeadCache<Cache, D> cache(a.cache, sequence, i / 2);
      const unsigned long long page = cache.page(position);
      const float *head = (i % 2 == 0 ? k : v) + i / 2 * D;
      if (i % 2 == 0)
        storeBytes<D>(
            cache.keys(page, position), cache.keyScales(page, position),
            [&](int d) {
              return rotated<C.rope.dim, C.rope.interleaved>(head, d, table);
            },
            &range->key, a.state);
      else
        storeBytes<D>(
            cache.values(page, position), cache.valueScales(page, position),
            [&](int d) { return head[d]; }, &range->value, a.state);
    }
  } else {
    for (int i = threadIdx.x; i < C.kvHeads * D; i += blockDim.x) {
      const int head = i / D;
      const int d = i % D;
      const HeadCache<Cache, D> cache(a.cache, sequence, head);
      const unsigned long long page = cache.page(position);
      cache.keys(page, position)[d] = toCache<Cache>(
          rotated<C.rope.dim, C.rope.interleaved>(k + head * D, d, table),
          &range->key, a.state);
      cache.values(page, position)[d] =
          toCache<Cache>(v[i], &range->value, a.state);
    }
  }
}

constexpr int powerOfTwoFrom(int n) {
  int p = 1;
  while (p < n)
    p *= 2;
  return p;
}

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

/// Keys and values of kBatch positions, as far as they are below `end`.
template <class Cache, int D> struct CacheBatch {
  using Lanes = HeadLanes<D>;
  unsigned long long pages[Lanes::kBatch];
  Eight<Cache> keys[Lanes::kBatch];
  Eight<Cache> values[Lanes::kBatch];

  QZC_DEVICE static int position(int base, int i, int stride) {
    return base + i * stride * Lanes::kPositions +
           static_cast<int>(threadIdx.x) % kWarp / Lanes::kLanes;
  }
  /// Looks up the pages of a batch, which load() then reads.
  QZC_DEVICE void find(const GrowingCache<Cache, D> &cache, int base, int end,
                       int stride) {
#pragma unroll
    for (int i = 0; i < Lanes::kBatch; ++i) {
      const int p = position(base, i, stride);
      // The first page is there always: no load hangs on a branch.
      pages[i] = cache.stored.page(p < end ? p : 0);
    }
  }
  QZC_DEVICE void load(const GrowingCache<Cache, D> &cache, int base, int end,
                       int stride) {
    const int element = threadIdx.x % Lanes::kLanes * 8;
#pragma unroll
    for (int i = 0; i < Lanes::kBatch; ++i) {
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
  }
  /// Fills in the newest position, if it is in the batch.
  QZC_DEVICE void addLatest(const GrowingCache<Cache, D> &cache, int base,
                            int end, int stride) {
    const int element = threadIdx.x % Lanes::kLanes * 8;
#pragma unroll
    for (int i = 0; i < Lanes::kBatch; ++i)
      if (position(base, i, stride) == cache.latest && cache.latest < end) {
        keys[i] = loadEight<Cache, D>(cache.latestKey, cache.latestScales,
                                      element, true);
        values[i] = loadEight<Cache, D>(cache.latestValue,
                                        cache.latestScales + 1, element, true);
      }
  }
};

/// One warp attends G queries (rows of `q`, HeadLanes::kPadded apart, scaled)
/// over the positions of batches at first, first + stride × kBatch ×
/// kPositions … below `end`; the first batch is loaded already, the second
/// one's pages are found. The result is whole in each lane of the warp that
/// holds these elements.
template <class Cache, int D, int G, bool SoftCap, bool Alibi>
QZC_DEVICE void attendRange(OnlineSoftmax<8> (&state)[G], const float *q,
                            const GrowingCache<Cache, D> &cache,
                            CacheBatch<Cache, D> &batch, int first, int end,
                            int stride, float cap, const float (&slopes)[G]) {
  using Lanes = HeadLanes<D>;
  const int lane = threadIdx.x % kWarp;
  const int element = lane % Lanes::kLanes * 8;
  float queries[G][8];
#pragma unroll
  for (int g = 0; g < G; ++g)
#pragma unroll
    for (int i = 0; i < 8; ++i)
      queries[g][i] = q[g * Lanes::kPadded + element + i];

  const int advance = stride * Lanes::kBatch * Lanes::kPositions;
  for (int base = first; base < end; base += advance) {
    batch.addLatest(cache, base, end, stride);
    float scores[G][Lanes::kBatch];
    float v[Lanes::kBatch][8];
#pragma unroll
    for (int i = 0; i < Lanes::kBatch; ++i) {
      float k[8];
      batch.keys[i].unpack(k);
      batch.values[i].unpack(v[i]);
#pragma unroll
      for (int g = 0; g < G; ++g) {
        float s = 0.0f;
#pragma unroll
        for (int e = 0; e < 8; ++e)
          s = fmaf(queries[g][e], k[e], s);
        scores[g][i] = s;
      }
    }
    if (base + advance < end) {
      batch.load(cache, base + advance, end, stride);
      batch.find(cache, base + 2 * advance, end, stride);
    }
#pragma unroll
    for (int g = 0; g < G; ++g) {
#pragma unroll
      for (int i = 0; i < Lanes::kBatch; ++i) {
        float s = scores[g][i];
#pragma unroll
        for (int offset = Lanes::kLanes / 2; offset > 0; offset >>= 1)
          s += __shfl_xor_sync(QZC_FULL_WARP, s, offset);
        const int p = CacheBatch<Cache, D>::position(base, i, stride);
        s = cappedScore<SoftCap>(s, cap);
        if constexpr (Alibi)
          s = fmaf(slopes[g], static_cast<float>(p - cache.latest), s);
        scores[g][i] = p < end ? s : -QZC_INFINITY;
      }
      state[g].template add<Lanes::kLanes>(scores[g], v);
    }
  }

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

/// One token of each sequence. Grid: (kv head and group of `queries` query
/// heads) × splits × T. The context is cut into at most `splits` ranges of at
/// least 256 positions; the last block of a head to arrive combines them. The
/// block whose range ends with the new position appends k and v.
template <class Cache, AttendOne::Config C>
QZC_DEVICE void attendOne(const AttendOne::Args<Value> &a) {
  constexpr int D = C.attention.headDim;
  using Lanes = HeadLanes<D>;
  constexpr int least = 256;
  constexpr int groups = C.attention.heads / C.attention.kvHeads / C.queries;
  constexpr int record = D + 2;
  __shared__ float queries[C.queries * Lanes::kPadded];
  // The newest key, and its value.
  alignas(16) __shared__ Cache latest[2][Lanes::kPadded];
  __shared__ Half latestScales[2];
  __shared__ float merged[C.warps][C.queries][record];
  __shared__ int lastFlag;

  // Rows and pages of a pass are there before its first launch begins.
  const int kvHead = blockIdx.x / groups;
  const int group = blockIdx.x % groups;
  const int firstHead =
      kvHead * (C.attention.heads / C.attention.kvHeads) + group * C.queries;
  const int token = blockIdx.z;
  const int position = a.rows[token].position;
  const int sequence = a.rows[token].sequence;
  CacheRange *range = rangeOf(a.cache, sequence);
  const float *q = rowOf(a.q, token);
  const float *k = rowOf(a.k, token);
  const float *v = rowOf(a.v, token);
  float *out = rowOf(a.out, token);
  float *partials = a.partials + static_cast<long long>(token) *
                                     C.attention.heads * C.splits * record;
  const int begin = C.attention.window > 0 && position + 1 > C.attention.window
                        ? position + 1 - C.attention.window
                        : 0;
  const int length = position + 1 - begin;
  int perSplit = (length + C.splits - 1) / C.splits;
  perSplit = perSplit < least ? least : perSplit;
  const int active = (length + perSplit - 1) / perSplit;
  const int split = blockIdx.y;
  const int first = begin + split * perSplit;
  const int end =
      first + perSplit < position + 1 ? first + perSplit : position + 1;

  const GrowingCache<Cache, D> cache = {
      HeadCache<Cache, D>(a.cache, sequence, kvHead), position, latest[0],
      latest[1], latestScales};
  const int warp = warpOfBlock();
  const int lane = threadIdx.x % kWarp;
  const int warpFirst = first + warp * Lanes::kPositions;
  CacheBatch<Cache, D> batch;
  batch.find(cache, warpFirst, end, C.warps);
  const unsigned long long newest = cache.stored.page(position);
  // All positions but the newest are of passes before.
  batch.load(cache, warpFirst, end, C.warps);
  batch.find(cache, warpFirst + C.warps * Lanes::kBatch * Lanes::kPositions,
             end, C.warps);
  waitForDependencies();
  launchDependents();
  if (split >= active)
    return;

  const float *table = a.attention.ropeTable +
                       static_cast<long long>(position) * C.attention.rope.dim;
  const float factor = queryFactor<C.attention.softCap>(a.attention.scale);
  // The queries, the key and the value, all of them loaded before one is used.
  constexpr int threads = C.warps * kWarp;
  constexpr int rows = C.queries + (kIsBytes<Cache> ? 0 : 2);
  constexpr int perThread = (rows * Lanes::kPadded + threads - 1) / threads;
  Unrotated<C.attention.rope.dim, C.attention.rope.interleaved>
      elements[perThread];
#pragma unroll
  for (int j = 0; j < perThread; ++j) {
    const int row = (j * threads + threadIdx.x) / Lanes::kPadded;
    const int d = (j * threads + threadIdx.x) % Lanes::kPadded;
    if (d >= D || row >= rows)
      continue;
    if (row < C.queries)
      elements[j].load(q + (firstHead + row) * D, d, table);
    else if (row == C.queries)
      elements[j].load(k + kvHead * D, d, table);
    else
      elements[j].mine = v[kvHead * D + d];
  }
  const bool hasNewest = split == active - 1;
#pragma unroll
  for (int j = 0; j < perThread; ++j) {
    const int row = (j * threads + threadIdx.x) / Lanes::kPadded;
    const int d = (j * threads + threadIdx.x) % Lanes::kPadded;
    const float value = elements[j].value();
    if (row < C.queries) {
      queries[row * Lanes::kPadded + d] = value * factor;
    } else if constexpr (!kIsBytes<Cache>) {
      if (!hasNewest || d >= D || row >= rows)
        continue;
      const bool isKey = row == C.queries;
      const Cache kept =
          toCache<Cache>(value, isKey ? &range->key : &range->value, a.state);
      latest[isKey ? 0 : 1][d] = kept;
      if (group == 0)
        (isKey ? cache.stored.keys(newest, position)
               : cache.stored.values(newest, position))[d] = kept;
    }
  }
  if constexpr (kIsBytes<Cache>) {
    // A warp each for the key and the value, here and in the cache.
    if (hasNewest) {
      const auto key = [&](int d) {
        return rotated<C.attention.rope.dim, C.attention.rope.interleaved>(
            k + kvHead * D, d, table);
      };
      const auto value = [&](int d) { return v[kvHead * D + d]; };
      if (warp == 0)
        storeBytes<D>(latest[0], latestScales, key, &range->key, a.state);
      if (warp == 1)
        storeBytes<D>(latest[1], latestScales + 1, value, &range->value,
                      a.state);
      if (warp == 2 && group == 0)
        storeBytes<D>(cache.stored.keys(newest, position),
                      cache.stored.keyScales(newest, position), key,
                      &range->key, a.state);
      if (warp == 3 && group == 0)
        storeBytes<D>(cache.stored.values(newest, position),
                      cache.stored.valueScales(newest, position), value,
                      &range->value, a.state);
    }
  }
  __syncthreads();

  float slopes[C.queries];
#pragma unroll
  for (int g = 0; g < C.queries; ++g)
    slopes[g] = alibiSlope<C.attention.alibi, C.attention.heads>(
        firstHead + g, a.attention.alibi);
  OnlineSoftmax<8> softmax[C.queries];
  attendRange<Cache, D, C.queries, C.attention.softCap, C.attention.alibi>(
      softmax, queries, cache, batch, warpFirst, end, C.warps, a.attention.cap,
      slopes);
#pragma unroll
  for (int g = 0; g < C.queries; ++g) {
    if (lane >= Lanes::kLanes)
      continue;
    if (lane == 0) {
      merged[warp][g][D] = softmax[g].m;
      merged[warp][g][D + 1] = softmax[g].l;
    }
#pragma unroll
    for (int i = 0; i < 8; ++i)
      if (lane * 8 + i < D)
        merged[warp][g][lane * 8 + i] = softmax[g].sum[i];
  }
  __syncthreads();

  for (int i = threadIdx.x; i < C.queries * D; i += C.warps * kWarp) {
    const int g = i / D;
    const int d = i % D;
    const OnlineSoftmax<1> total = mergeRecords<D>(
        C.warps, d, [&](int w, int e) { return merged[w][g][e]; });
    if (active == 1) {
      out[(firstHead + g) * D + d] = total.sum[0] / total.l;
      continue;
    }
    float *partial = partials + ((firstHead + g) * C.splits + split) * record;
    partial[d] = total.sum[0];
    if (d == 0) {
      partial[D] = total.m;
      partial[D + 1] = total.l;
    }
  }
  if (active == 1 ||
      !arriveLast(&a.state->counters[token * gridDim.x + blockIdx.x], active,
                  &lastFlag))
    return;
  for (int i = threadIdx.x; i < C.queries * D; i += C.warps * kWarp) {
    const int g = i / D;
    const int d = i % D;
    const float *partial = partials + (firstHead + g) * C.splits * record;
    const OnlineSoftmax<1> total =
        mergeRecords<D>(active, d, [&](int s, int e) {
          return __ldcg(partial + s * record + e);
        });
    out[(firstHead + g) * D + d] = total.sum[0] / total.l;
  }
}

} // namespace qzc::kernels

#endif // QZC_KERNELS_ATTENTION_CUH
