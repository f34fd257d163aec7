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

HWY_INLINE void storeAs(float value, float *to, float &) { *to = value; }
/// `largest` grows to the magnitude, which may be beyond f16.
HWY_INLINE void storeAs(float value, hwy::float16_t *to, float &largest) {
  const float magnitude = __builtin_fabsf(value);
  if (magnitude > largest)
    largest = magnitude;
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

/// out[i * Stride] = head x with rope at `position`; `largest` as in storeAs.
template <int64_t Stride, typename Element>
HWY_INLINE void rotate(const AttentionArgs &args, int64_t position,
                       const float *HWY_RESTRICT x, Element *HWY_RESTRICT out,
                       float &largest) {
  const int64_t half = args.cos ? args.ropeDim / 2 : 0;
  const float *HWY_RESTRICT cos = args.cos + position * half;
  const float *HWY_RESTRICT sin = args.sin + position * half;
  const int64_t step = args.interleaved ? 2 : 1;
  const int64_t other = args.interleaved ? 1 : half;
  for (int64_t i = 0; i < half; ++i) {
    const int64_t at = i * step;
    const float first = x[at];
    const float second = x[at + other];
    storeAs(first * cos[i] - second * sin[i], out + at * Stride, largest);
    storeAs(second * cos[i] + first * sin[i], out + (at + other) * Stride,
            largest);
  }
  for (int64_t i = 2 * half; i < args.headDim; ++i)
    storeAs(x[i], out + i * Stride, largest);
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

template <typename Element>
static void appendAs(const AttentionArgs &args, int64_t begin, int64_t end) {
  float largest = 0;
  for (int64_t token = begin; token < end; ++token) {
    const int64_t position = args.first + token;
    for (int64_t head = 0; head < args.kvHeads; ++head) {
      rotate<kPanel>(
          args, position, args.k + token * args.kStride + head * args.headDim,
          keyPanel<Element>(args, head, position) + position % kPanel, largest);
      const float *v = args.v + token * args.vStride + head * args.headDim;
      Element *to = valueRow<Element>(args, head, position);
      for (int64_t i = 0; i < args.headDim; ++i)
        storeAs(v[i], to + i, largest);
    }
  }
  if (args.half && largest > *args.largest)
    *args.largest = largest;
}

void appendCache(const AttentionArgs &args, int64_t begin, int64_t end) {
  if (args.half)
    appendAs<hwy::float16_t>(args, begin, end);
  else
    appendAs<float>(args, begin, end);
}

/// `count` (a multiple of kColumnAlign) cached elements as f32: the cache
/// itself, or `buffer`.
HWY_INLINE const float *asFloat(const float *from, int64_t count, float *) {
  return from;
}
HWY_INLINE const float *asFloat(const hwy::float16_t *from, int64_t count,
                                float *buffer) {
  for (int64_t i = 0; i < count; i += kLanes)
    hn::Store(loadAsF32(kTag, from + i), kTag, buffer + i);
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
    const float *panel = asFloat(keyPanel<Element>(args, kvHead, block + width),
                                 args.headDim * kPanel, tile.keys);
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
  const float *values = asFloat(valueRow<Element>(args, kvHead, block),
                                keys * args.valueStride, tile.values);
  multiplyRows(tile.scores, kKeyBlock, rows, values, args.valueStride, keys,
               args.valueStride, tile.out, args.valueStride, true);
}

template <typename Element>
static void attendAs(const AttentionArgs &args, int64_t kvHead, int64_t begin,
                     int64_t end, float *scratch) {
  const int64_t group = args.heads / args.kvHeads;
  const int64_t rows = (end - begin) * group;
  const Tile tile = carve(args, rows, scratch);
  float ignored = 0; // queries stay f32
  for (int64_t row = 0; row < rows; ++row) {
    const int64_t token = begin + row / group;
    const int64_t head = kvHead * group + row % group;
    rotate<1>(args, args.first + token,
              args.q + token * args.qStride + head * args.headDim,
              tile.queries + row * args.headDim, ignored);
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
  if (args.half)
    attendAs<hwy::float16_t>(args, kvHead, begin, end, scratch);
  else
    attendAs<float>(args, kvHead, begin, end, scratch);
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
