//===- Attention.cpp - Causal attention over a paneled key cache ----------===//
//
// For a tile of queries that share a kv head, keys come in blocks of kKeyBlock
// from position 0 on; a running maximum and sum make the softmax one pass
// (arXiv:2205.14135). Blocks are aligned to absolute positions and what is
// masked adds an exact zero, so a query's result does not depend on its tile.
// Keys are stored 32 positions side by side, so that scores need neither
// packing nor horizontal sums, with one query as with many.
//
//===----------------------------------------------------------------------===//

#include "HighwayTargets.h"
#include "KernelParts.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "Attention.cpp"
#include "hwy/foreach_target.h"

#include "Activation-inl.h"
#include "Multiply-inl.h"

HWY_BEFORE_NAMESPACE();
namespace qzc::runtime::cpu {
namespace HWY_NAMESPACE {

/// `largest` grows to the magnitude; what is not a number stays there.
HWY_INLINE void grow(float &largest, float magnitude) {
  if (magnitude > largest || __builtin_isnan(magnitude))
    largest = magnitude;
}

HWY_INLINE void storeAs(float value, float *to, float &) { *to = value; }
/// `largest` grows to the magnitude, which may be beyond f16.
HWY_INLINE void storeAs(float value, hwy::float16_t *to, float &largest) {
  grow(largest, __builtin_fabsf(value));
#if HWY_TARGET == HWY_SSE4
  // Highway's emulation truncates: round to nearest even like the hardware.
  uint32_t bits;
  __builtin_memcpy(&bits, &value, sizeof(bits));
  const uint32_t sign = bits >> 16 & 0x8000;
  bits &= 0x7fffffff;
  uint32_t half;
  if (bits > 0x7f800000) { // NaN
    half = 0x7e00;
  } else if (bits >= 0x477ff000) { // from 65520 on
    half = 0x7c00;
  } else if (bits < 0x38800000) { // subnormal: units of 2^-24, as of 0.5f
    const float shifted = __builtin_fabsf(value) + 0.5f;
    __builtin_memcpy(&half, &shifted, sizeof(half));
    half -= 0x3f000000;
  } else {
    half = (bits + 0xfff + (bits >> 13 & 1) - (112u << 23)) >> 13;
  }
  to->bits = static_cast<uint16_t>(sign | half);
#else
  const hn::CappedTag<float, 1> one;
  const hn::Rebind<hwy::float16_t, decltype(one)> narrow;
  hn::StoreU(hn::DemoteTo(narrow, hn::Set(one, value)), narrow, to);
#endif
}

/// Calls store(i, value) for the elements of head x with rope at `position`.
template <typename Store>
HWY_INLINE void rotate(const AttentionArgs &args, int64_t position,
                       const float *HWY_RESTRICT x, const Store &store) {
  const int64_t half = args.cos ? args.ropeDim / 2 : 0;
  const float *HWY_RESTRICT cos = args.cos + position * half;
  const float *HWY_RESTRICT sin = args.sin + position * half;
  const int64_t step = args.interleaved ? 2 : 1;
  const int64_t other = args.interleaved ? 1 : half;
  for (int64_t i = 0; i < half; ++i) {
    const int64_t at = i * step;
    const float first = x[at];
    const float second = x[at + other];
    store(at, first * cos[i] - second * sin[i]);
    store(at + other, second * cos[i] + first * sin[i]);
  }
  for (int64_t i = 2 * half; i < args.headDim; ++i)
    store(i, x[i]);
}

/// Start of the key panel that holds `position`.
template <typename Element>
HWY_INLINE Element *keyPanel(const AttentionArgs &args, int64_t kvHead,
                             int64_t position) {
  const CacheView &cache = args.cache;
  const int64_t inPage = position % cache.pageSize;
  return reinterpret_cast<Element *>(cache.pages[position / cache.pageSize] +
                                     cache.keys) +
         (kvHead * cache.pageSize + inPage / kPanel * kPanel) * args.headDim;
}

template <typename Element>
HWY_INLINE Element *valueRow(const AttentionArgs &args, int64_t kvHead,
                             int64_t position) {
  const CacheView &cache = args.cache;
  const int64_t inPage = position % cache.pageSize;
  return reinterpret_cast<Element *>(cache.pages[position / cache.pageSize] +
                                     cache.values) +
         (kvHead * cache.pageSize + inPage) * args.valueStride;
}

/// Scale of a head's key or value at a position in a cache of bytes.
HWY_INLINE hwy::float16_t *scaleOf(const AttentionArgs &args, uint64_t scales,
                                   int64_t kvHead, int64_t position) {
  const CacheView &cache = args.cache;
  return reinterpret_cast<hwy::float16_t *>(
             cache.pages[position / cache.pageSize] + scales) +
         kvHead * cache.pageSize + position % cache.pageSize;
}

/// Stores what visit(store) hands to store(i, value) as bytes, `stride` apart,
/// and their scale.
template <typename Visit>
HWY_INLINE void storeBytes(const Visit &visit, int8_t *out, int64_t stride,
                           hwy::float16_t *scale, float &largest) {
  float most = 0;
  visit([&](int64_t, float value)
            HWY_ATTR { grow(most, __builtin_fabsf(value)); });
  grow(largest, most);
  float ignored = 0;
  storeAs(most / 127, scale, ignored);
  const hn::CappedTag<float, 1> one;
  float unit = hn::GetLane(loadAsF32(one, scale));
  if (unit * 127 < most) { // rounded up, so that no code is cut
    uint16_t bits;
    __builtin_memcpy(&bits, scale, sizeof(bits));
    ++bits;
    __builtin_memcpy(scale, &bits, sizeof(bits));
    unit = hn::GetLane(loadAsF32(one, scale));
  }
  const float inverse = unit > 0 ? 1 / unit : 0;
  visit([&](int64_t i, float value) HWY_ATTR {
    const float code = __builtin_rintf(value * inverse);
    out[i * stride] = static_cast<int8_t>(code > 127     ? 127
                                          : code >= -127 ? code
                                                         : -127);
  });
}

template <typename Element>
static void appendAs(const AttentionArgs &args, int64_t begin, int64_t end) {
  constexpr bool isBytes = sizeof(Element) == 1;
  float largest = 0;
  for (int64_t token = begin; token < end; ++token) {
    const int64_t position = args.first + token;
    for (int64_t head = 0; head < args.kvHeads; ++head) {
      const float *k = args.k + token * args.kStride + head * args.headDim;
      const float *v = args.v + token * args.vStride + head * args.headDim;
      Element *key =
          keyPanel<Element>(args, head, position) + position % kPanel;
      Element *value = valueRow<Element>(args, head, position);
      const auto rotated = [&](const auto &store)
                               HWY_ATTR { rotate(args, position, k, store); };
      if constexpr (isBytes) {
        storeBytes(rotated, key, kPanel,
                   scaleOf(args, args.cache.keyScales, head, position),
                   largest);
        storeBytes(
            [&](const auto &store) HWY_ATTR {
              for (int64_t i = 0; i < args.headDim; ++i)
                store(i, v[i]);
            },
            value, 1, scaleOf(args, args.cache.valueScales, head, position),
            largest);
      } else {
        rotated([&](int64_t i, float x)
                    HWY_ATTR { storeAs(x, key + i * kPanel, largest); });
        for (int64_t i = 0; i < args.headDim; ++i)
          storeAs(v[i], value + i, largest);
      }
    }
  }
  if (args.largest != nullptr)
    grow(*args.largest, largest);
}

void appendCache(const AttentionArgs &args, int64_t begin, int64_t end) {
  switch (args.type) {
  case CacheType::F32:
    return appendAs<float>(args, begin, end);
  case CacheType::F16:
    return appendAs<hwy::float16_t>(args, begin, end);
  case CacheType::Q8:
    return appendAs<int8_t>(args, begin, end);
  }
}

/// The key panel that holds `position` as f32: the cache's own, or `buffer`.
template <typename Element>
HWY_INLINE const float *keysAsFloat(const AttentionArgs &args, int64_t kvHead,
                                    int64_t position, float *buffer) {
  const Element *panel = keyPanel<Element>(args, kvHead, position);
  if constexpr (sizeof(Element) == sizeof(float)) {
    return panel;
  } else if constexpr (sizeof(Element) == 2) {
    for (int64_t i = 0; i < args.headDim * kPanel; i += kLanes)
      hn::Store(loadAsF32(kTag, panel + i), kTag, buffer + i);
  } else {
    const hwy::float16_t *scales =
        scaleOf(args, args.cache.keyScales, kvHead, position);
    for (int64_t lane = 0; lane < kPanel; lane += kLanes) {
      const Vec scale = loadAsF32(kTag, scales + lane);
      for (int64_t i = lane; i < args.headDim * kPanel; i += kPanel)
        hn::Store(hn::Mul(loadAsF32(kTag, panel + i), scale), kTag, buffer + i);
    }
  }
  return buffer;
}

/// `count` value rows from `position` on, in one page.
template <typename Element>
HWY_INLINE const float *valuesAsFloat(const AttentionArgs &args, int64_t kvHead,
                                      int64_t position, int64_t count,
                                      float *buffer) {
  const Element *rows = valueRow<Element>(args, kvHead, position);
  if constexpr (sizeof(Element) == sizeof(float)) {
    return rows;
  } else if constexpr (sizeof(Element) == 2) {
    for (int64_t i = 0; i < count * args.valueStride; i += kLanes)
      hn::Store(loadAsF32(kTag, rows + i), kTag, buffer + i);
  } else {
    const hwy::float16_t *scales =
        scaleOf(args, args.cache.valueScales, kvHead, position);
    const hn::CappedTag<float, 1> one;
    for (int64_t row = 0; row < count; ++row) {
      const Vec scale =
          hn::Set(kTag, hn::GetLane(loadAsF32(one, scales + row)));
      for (int64_t i = row * args.valueStride; i < (row + 1) * args.valueStride;
           i += kLanes)
        hn::Store(hn::Mul(loadAsF32(kTag, rows + i), scale), kTag, buffer + i);
    }
  }
  return buffer;
}

/// Turns a row of `width` raw scores into exp(score − maximum), keys outside
/// [low, high) into 0, and brings the row's running state up to date. Key i
/// is `ahead` + i positions ahead of the query: 0 or less, where it is seen.
HWY_INLINE void softmaxRow(const AttentionArgs &args, float *scores,
                           int64_t width, int64_t low, int64_t high,
                           float slope, int64_t ahead, float &maximum,
                           float &sum, float *out) {
  const Vec scale = hn::Set(kTag, args.scale);
  const Vec cap = hn::Set(kTag, args.softCap);
  const Vec masked = hn::Set(kTag, -__builtin_inff());
  const Vec lowest = hn::Set(kTag, static_cast<float>(low));
  const Vec beyond = hn::Set(kTag, static_cast<float>(high));
  Vec top = hn::Set(kTag, maximum);
  for (int64_t i = 0; i < width; i += kLanes) {
    Vec score = hn::Mul(hn::LoadU(kTag, scores + i), scale);
    if (args.softCap != 0)
      score = softCapped(score, cap);
    if (slope != 0)
      score = hn::MulAdd(hn::Set(kTag, slope),
                         hn::Iota(kTag, static_cast<float>(ahead + i)), score);
    if (i < low || i + kLanes > high) {
      const Vec key = hn::Iota(kTag, static_cast<float>(i));
      score = hn::IfThenElse(hn::And(hn::Ge(key, lowest), hn::Lt(key, beyond)),
                             score, masked);
    }
    top = hn::Max(top, score);
    hn::StoreU(score, kTag, scores + i);
  }
  const float newMaximum = hn::GetLane(hn::MaxOfLanes(kTag, top));
  const Vec shift = hn::Set(kTag, newMaximum);
  Vec total = hn::Zero(kTag);
  for (int64_t i = 0; i < width; i += kLanes) {
    const Vec p = hn::Exp(kTag, hn::Sub(hn::LoadU(kTag, scores + i), shift));
    total = hn::Add(total, p);
    hn::StoreU(p, kTag, scores + i);
  }
  if (newMaximum != maximum) {
    const Vec factor = hn::Exp(kTag, hn::Set(kTag, maximum - newMaximum));
    for (int64_t i = 0; i < args.valueStride; i += kLanes)
      hn::StoreU(hn::Mul(hn::LoadU(kTag, out + i), factor), kTag, out + i);
    sum *= hn::GetLane(factor);
    maximum = newMaximum;
  }
  sum += sumOf(total);
}

/// The scratch of one tile.
struct Tile {
  float *queries; ///< [rows, headDim]
  float *scores;  ///< [rows, kKeyBlock]
  float *out;     ///< [rows, valueStride]
  float *maximum; ///< [rows]
  float *sum;     ///< [rows]
  float *keys;    ///< [headDim, kPanel], decoded
  float *values;  ///< [kKeyBlock, valueStride], decoded
};

HWY_INLINE Tile carve(const AttentionArgs &args, int64_t rows, float *scratch) {
  Tile tile;
  tile.keys = scratch;
  tile.values = tile.keys + args.headDim * kPanel;
  tile.scores = tile.values + kKeyBlock * args.valueStride;
  tile.out = tile.scores + rows * kKeyBlock;
  tile.queries = tile.out + rows * args.valueStride;
  tile.maximum = tile.queries + rows * args.headDim;
  tile.sum = tile.maximum + rows;
  return tile;
}

/// One block of keys from `block` on, up to the tile's last position.
template <typename Element>
HWY_INLINE void attendBlock(const AttentionArgs &args, const Tile &tile,
                            int64_t kvHead, int64_t begin, int64_t end,
                            int64_t block) {
  const int64_t group = args.heads / args.kvHeads;
  const int64_t rows = (end - begin) * group;
  const int64_t keys = HWY_MIN(kKeyBlock, args.first + end - block);
  int64_t width = 0;
  for (; width < keys; width += kPanel) {
    const float *panel =
        keysAsFloat<Element>(args, kvHead, block + width, tile.keys);
    multiplyRows(tile.queries, args.headDim, rows, panel, kPanel, args.headDim,
                 kPanel, tile.scores + width, kKeyBlock, false);
  }
  for (int64_t row = 0; row < rows; ++row) {
    const int64_t position = args.first + begin + row / group;
    const int64_t low =
        args.window != 0 ? position - args.window + 1 - block : 0;
    float *scores = tile.scores + row * kKeyBlock;
    const int64_t high = HWY_MIN(position + 1 - block, keys);
    if (low >= high) {
      for (int64_t i = 0; i < width; ++i)
        scores[i] = 0;
      continue;
    }
    const float slope =
        args.slopes != nullptr ? args.slopes[kvHead * group + row % group] : 0;
    softmaxRow(args, scores, width, HWY_MAX(low, 0), high, slope,
               block - position, tile.maximum[row], tile.sum[row],
               tile.out + row * args.valueStride);
  }
  const float *values =
      valuesAsFloat<Element>(args, kvHead, block, keys, tile.values);
  multiplyRows(tile.scores, kKeyBlock, rows, values, args.valueStride, keys,
               args.valueStride, tile.out, args.valueStride, true);
}

template <typename Element>
static void attendAs(const AttentionArgs &args, int64_t kvHead, int64_t begin,
                     int64_t end, float *scratch) {
  const int64_t group = args.heads / args.kvHeads;
  const int64_t rows = (end - begin) * group;
  const Tile tile = carve(args, rows, scratch);
  for (int64_t row = 0; row < rows; ++row) {
    const int64_t token = begin + row / group;
    const int64_t head = kvHead * group + row % group;
    float *query = tile.queries + row * args.headDim;
    rotate(args, args.first + token,
           args.q + token * args.qStride + head * args.headDim,
           [&](int64_t i, float x) HWY_ATTR { query[i] = x; });
    tile.maximum[row] = -3e38f; // finite: its difference to itself is 0
    tile.sum[row] = 0;
  }
  for (int64_t i = 0; i < rows * args.valueStride; ++i)
    tile.out[i] = 0;

  const int64_t oldest =
      args.window != 0 ? args.first + begin - args.window + 1 : 0;
  int64_t block = HWY_MAX(oldest, 0) / kKeyBlock * kKeyBlock;
  for (; block < args.first + end; block += kKeyBlock)
    attendBlock<Element>(args, tile, kvHead, begin, end, block);

  for (int64_t row = 0; row < rows; ++row) {
    const int64_t token = begin + row / group;
    const int64_t head = kvHead * group + row % group;
    const Vec sum = hn::Set(kTag, tile.sum[row]);
    mapRow(tile.out + row * args.valueStride, args.headDim,
           args.out + token * args.outStride + head * args.headDim,
           [&](Vec v) HWY_ATTR { return hn::Div(v, sum); });
  }
}

void attend(const AttentionArgs &args, int64_t kvHead, int64_t begin,
            int64_t end, float *scratch) {
  switch (args.type) {
  case CacheType::F32:
    return attendAs<float>(args, kvHead, begin, end, scratch);
  case CacheType::F16:
    return attendAs<hwy::float16_t>(args, kvHead, begin, end, scratch);
  case CacheType::Q8:
    return attendAs<int8_t>(args, kvHead, begin, end, scratch);
  }
}

} // namespace HWY_NAMESPACE
} // namespace qzc::runtime::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace qzc::runtime::cpu {

int64_t attentionScratch(const AttentionArgs &args, int64_t tokens) {
  const int64_t rows = tokens * (args.heads / args.kvHeads);
  return args.headDim * kPanel + kKeyBlock * args.valueStride +
         rows * (kKeyBlock + args.valueStride + args.headDim + 2);
}

} // namespace qzc::runtime::cpu
#endif
