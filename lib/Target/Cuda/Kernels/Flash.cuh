//===- Flash.cuh - Attention of many queries at once ----------------------===//
//
// Prefill: a block takes 64 queries of one head and walks over tiles of the
// cache with an online softmax, S = Q·Kᵀ and P·V on tensor cores with f32
// accumulation. Every query row is scaled by a power of two into the range of
// f16. Tiles of an f32 cache are rounded to f16 on their way to shared memory,
// keys and values each scaled by the power of two that the layer's range asks
// for.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_KERNELS_FLASH_CUH
#define QZC_KERNELS_FLASH_CUH

#include "Attention.cuh"
#include "FlashTile.h"

namespace qzc::kernels {

/// FlashTileSize of heads of D elements.
template <int D> struct FlashTile {
  static constexpr int kPadded = flashTileSize(D).padded;
  static constexpr int kKeys = flashTileSize(D).keys;
  static constexpr int kStride = flashTileSize(D).stride;
};

/// The power of two that brings magnitudes up to `largest` below 2^15; 1 for 0,
/// which says that f16 takes them as they are. `largest` is 0 or ≥ 2^15.
QZC_DEVICE float scaleToHalf(float largest) {
  const int exponent = __float_as_int(largest) >> 23;
  return exponent == 0 ? 1.0f : __int_as_float((exponent - 14) << 23);
}

/// Eight elements times `factor`, rounded to f16.
QZC_DEVICE uint4 roundEight(const Eight<float> &eight, float factor) {
  const float4 low = eight.low;
  const float4 high = eight.high;
  return make_uint4(packHalves(low.x * factor, low.y * factor),
                    packHalves(low.z * factor, low.w * factor),
                    packHalves(high.x * factor, high.y * factor),
                    packHalves(high.z * factor, high.w * factor));
}

/// What roundEight(eight, factor) lost, as f16.
QZC_DEVICE uint4 restOfEight(const Eight<float> &eight, float factor,
                             const uint4 &rounded) {
  const auto two = [&](float low, float high, unsigned halves) {
    return packHalves(fmaf(low, factor, -lowHalf(halves)),
                      fmaf(high, factor, -highHalf(halves)));
  };
  const float4 low = eight.low;
  const float4 high = eight.high;
  return make_uint4(two(low.x, low.y, rounded.x), two(low.z, low.w, rounded.y),
                    two(high.x, high.y, rounded.z),
                    two(high.z, high.w, rounded.w));
}

/// Eight bytes times `factor`, rounded to f16.
QZC_DEVICE uint4 roundEight(const Byte *source, float factor) {
  const uint2 bits = *reinterpret_cast<const uint2 *>(source);
  const auto two = [&](int i) {
    return packHalves(byteOf(bits, i) * factor, byteOf(bits, i + 1) * factor);
  };
  return make_uint4(two(0), two(2), two(4), two(6));
}

/// Where a tile of keys or values lies in shared memory: rows with a few halves
/// between them. `thread`: of the kThreads that load it.
template <int D> struct PaddedRows : FlashTile<D> {
  static constexpr int kThreads = kFlashThreads;
  static constexpr int kTogether = 4;
  Half *tile;
  int thread;
  QZC_DEVICE PaddedRows(Half *tile) : tile(tile), thread(threadIdx.x) {}
  QZC_DEVICE Half *at(int row, int column) const {
    return tile + row * FlashTile<D>::kStride + column;
  }
  /// Eight elements of an f32 cache.
  QZC_DEVICE void put(int row, int column, const Eight<float> &eight,
                      float factor) const {
    *reinterpret_cast<uint4 *>(at(row, column)) = roundEight(eight, factor);
  }
};

/// Brings kKeys rows of a head's cache to shared memory as f16, those of no f16
/// cache times `factor` (and bytes times their scales); rows from `count` on
/// and columns from D on become zero. Copies of an f16 cache are asynchronous;
/// of an f32 cache kTogether pieces a thread are loaded before the first is
/// stored.
template <class Cache, int D, class Place>
QZC_DEVICE void loadCacheTile(const Place &place, const Cache *rows,
                              const Half *scales, int count, float factor) {
  constexpr int pieces = Place::kPadded / 8;
  constexpr int all = Place::kKeys * pieces;
  if constexpr (D % 8 == 0 && sizeof(Cache) == sizeof(float)) {
    constexpr int together = Place::kTogether;
#pragma unroll 1
    for (int begin = place.thread; begin < all;
         begin += together * Place::kThreads) {
      Eight<float> eight[together];
#pragma unroll
      for (int j = 0; j < together; ++j) {
        const int i = begin + j * Place::kThreads;
        const int row = i / pieces;
        const int column = i % pieces * 8;
        eight[j] = {};
        if (i < all && row < count && column < D) {
          const auto *source =
              reinterpret_cast<const float4 *>(rows + row * D + column);
          eight[j] = {source[0], source[1]};
        }
      }
#pragma unroll
      for (int j = 0; j < together; ++j) {
        const int i = begin + j * Place::kThreads;
        if (i < all)
          place.put(i / pieces, i % pieces * 8, eight[j], factor);
      }
    }
  } else {
#pragma unroll Place::kTogether
    for (int i = place.thread; i < all; i += Place::kThreads) {
      const int row = i / pieces;
      const int column = i % pieces * 8;
      const bool valid = row < count && column < D;
      Half *target = place.at(row, column);
      const Cache *source = rows + (valid ? row * D + column : 0);
      float scaled = factor;
      if constexpr (kIsBytes<Cache>)
        scaled = valid ? factor * toFloat(scales[row]) : 0.0f;
      if constexpr (D % 8 != 0) {
#pragma unroll
        for (int e = 0; e < 8; ++e)
          target[e] = valid && column + e < D
                          ? toHalf(toFloat(source[e]) * scaled)
                          : Half{0};
      } else if constexpr (kIsHalf<Cache>) {
        copyAsync(sharedAddress(target), source, valid);
      } else {
        *reinterpret_cast<uint4 *>(target) =
            valid ? roundEight(source, scaled) : make_uint4(0, 0, 0, 0);
      }
    }
  }
}

/// A tile of one head's queries. `shared`: queries, then two buffers of keys
/// and values; `slope`: alibiSlope's; `position`: of the first query.
template <class Cache, int D, int Window, bool SoftCap, bool Alibi, int RopeDim,
          bool Interleaved>
QZC_DEVICE void flashHead(Half *shared, const float *q, int qStride,
                          const HeadCache<Cache, D> &cache,
                          const CacheRange *range, const float *ropeTable,
                          float scale, float cap, float slope, int position,
                          int tokens, float *out, int stride) {
  using Tile = FlashTile<D>;
  using Rows = PaddedRows<D>;
  constexpr int tileHalves = Tile::kKeys * Tile::kStride;
  constexpr int keyTiles = Tile::kKeys / 8;
  constexpr int outTiles = Tile::kPadded / 8;
  __shared__ float rowScale[kFlashQueries];
  const int warp = threadIdx.x / kWarp;
  const int lane = threadIdx.x % kWarp;
  Half *queries = shared;
  Half *tiles = shared + kFlashQueries * Tile::kStride;

  const int end = position + tokens;
  int begin = 0;
  if (Window > 0)
    begin = max(0, position + 1 - Window) / Tile::kKeys * Tile::kKeys;

  float keyScale = 1.0f;
  float valueScale = 1.0f;
  if constexpr (!kIsHalf<Cache>) {
    keyScale = scaleToHalf(range->key);
    valueScale = scaleToHalf(range->value);
  }
  const float keyFactor = 1.0f / keyScale;
  const float valueFactor = 1.0f / valueScale;
  unsigned long long page = cache.page(begin);
  loadCacheTile<Cache, D>(Rows(tiles), cache.keys(page, begin),
                          cache.keyScales(page, begin), end - begin, keyFactor);
  loadCacheTile<Cache, D>(Rows(tiles + tileHalves), cache.values(page, begin),
                          cache.valueScales(page, begin), end - begin,
                          valueFactor);
  copyCommit();

  // Each warp converts its own 16 rows.
  for (int r = warp * 16; r < warp * 16 + 16; ++r) {
    const int t = min(r, tokens - 1);
    const float *row = q + static_cast<long long>(t) * qStride;
    const float *table =
        ropeTable + static_cast<long long>(position + t) * RopeDim;
    constexpr int perLane = (Tile::kPadded + kWarp - 1) / kWarp;
    float v[perLane];
    float absmax = 0.0f;
#pragma unroll
    for (int i = 0; i < perLane; ++i) {
      const int d = i * kWarp + lane;
      v[i] = d < D ? rotated<RopeDim, Interleaved>(row, d, table) : 0.0f;
      absmax = fmaxf(absmax, fabsf(v[i]));
    }
    const float power = powerOfTwoAbove(reduceWarp<Max>(absmax));
    const float inverse = 1.0f / power;
#pragma unroll
    for (int i = 0; i < perLane; ++i) {
      const int d = i * kWarp + lane;
      if (d < Tile::kPadded)
        queries[r * Tile::kStride + d] = toHalf(v[i] * inverse);
    }
    if (lane == 0)
      rowScale[r] = power * queryFactor<SoftCap>(scale) * keyScale;
  }
  __syncwarp();

  const int rowInTile = warp * 16 + lane / 4;
  float factor[2];
  int queryPosition[2];
  float top[2];
  float total[2] = {0.0f, 0.0f};
#pragma unroll
  for (int h = 0; h < 2; ++h) {
    factor[h] = rowScale[rowInTile + 8 * h];
    queryPosition[h] = position + rowInTile + 8 * h;
    top[h] = -QZC_INFINITY;
  }
  float o[outTiles][4];
#pragma unroll
  for (int j = 0; j < outTiles; ++j)
#pragma unroll
    for (int e = 0; e < 4; ++e)
      o[j][e] = 0.0f;

  // The page of a tile is looked up while the tile before is worked on.
  auto nextPage = page;
  if (begin + Tile::kKeys < end)
    nextPage = cache.page(begin + Tile::kKeys);
  int buffer = 0;
  for (int first = begin; first < end; first += Tile::kKeys, buffer ^= 1) {
    const int next = first + Tile::kKeys;
    if (next < end) {
      Half *target = tiles + (buffer ^ 1) * 2 * tileHalves;
      page = nextPage;
      loadCacheTile<Cache, D>(Rows(target), cache.keys(page, next),
                              cache.keyScales(page, next), end - next,
                              keyFactor);
      loadCacheTile<Cache, D>(
          Rows(target + tileHalves), cache.values(page, next),
          cache.valueScales(page, next), end - next, valueFactor);
      if (next + Tile::kKeys < end)
        nextPage = cache.page(next + Tile::kKeys);
    }
    copyCommit();
    copyWait<1>();
    __syncthreads();
    const Half *keyTile = tiles + buffer * 2 * tileHalves;
    const Half *valueTile = keyTile + tileHalves;

    float s[keyTiles][4];
#pragma unroll
    for (int j = 0; j < keyTiles; ++j)
#pragma unroll
      for (int e = 0; e < 4; ++e)
        s[j][e] = 0.0f;
#pragma unroll
    for (int kk = 0; kk < Tile::kPadded / 16; ++kk) {
      unsigned a[4];
      loadMatrices(a, sharedAddress(queries +
                                    (warp * 16 + lane % 16) * Tile::kStride +
                                    kk * 16 + lane / 16 * 8));
#pragma unroll
      for (int j = 0; j < keyTiles; j += 2) {
        unsigned b[4];
        loadMatrices(b, sharedAddress(keyTile +
                                      (j * 8 + lane % 8 + lane / 16 * 8) *
                                          Tile::kStride +
                                      kk * 16 + lane / 8 % 2 * 8));
        multiplyAccumulate(s[j], a, b[0], b[1]);
        multiplyAccumulate(s[j + 1], a, b[2], b[3]);
      }
    }

    // Rows lane / 4 (h = 0) and lane / 4 + 8 (h = 1): mask, online softmax.
    float newTop[2] = {top[0], top[1]};
#pragma unroll
    for (int j = 0; j < keyTiles; ++j)
#pragma unroll
      for (int e = 0; e < 4; ++e) {
        const int h = e / 2;
        const int p = first + j * 8 + lane % 4 * 2 + e % 2;
        const bool allowed = p <= queryPosition[h] &&
                             (Window == 0 || p > queryPosition[h] - Window);
        float score = cappedScore<SoftCap>(s[j][e] * factor[h], cap);
        if constexpr (Alibi)
          score = fmaf(slope, static_cast<float>(p - queryPosition[h]), score);
        s[j][e] = allowed ? score : -QZC_INFINITY;
        newTop[h] = fmaxf(newTop[h], s[j][e]);
      }
    float shift[2];
#pragma unroll
    for (int h = 0; h < 2; ++h) {
      newTop[h] = reduceQuad<Max>(newTop[h]);
      shift[h] = OnlineSoftmax<1>::shift(newTop[h]);
      const float keep = exp2f(top[h] - shift[h]);
      top[h] = newTop[h];
      total[h] *= keep;
#pragma unroll
      for (int j = 0; j < outTiles; ++j) {
        o[j][2 * h] *= keep;
        o[j][2 * h + 1] *= keep;
      }
    }
#pragma unroll
    for (int j = 0; j < keyTiles; ++j)
#pragma unroll
      for (int e = 0; e < 4; ++e) {
        s[j][e] = exp2f(s[j][e] - shift[e / 2]);
        total[e / 2] += s[j][e];
      }

#pragma unroll
    for (int kk = 0; kk < Tile::kKeys / 16; ++kk) {
      const unsigned a[4] = {packHalves(s[2 * kk][0], s[2 * kk][1]),
                             packHalves(s[2 * kk][2], s[2 * kk][3]),
                             packHalves(s[2 * kk + 1][0], s[2 * kk + 1][1]),
                             packHalves(s[2 * kk + 1][2], s[2 * kk + 1][3])};
#pragma unroll
      for (int j = 0; j < outTiles; j += 2) {
        unsigned b[4];
        loadMatricesTransposed(
            b, sharedAddress(valueTile + (kk * 16 + lane % 16) * Tile::kStride +
                             j * 8 + lane / 16 * 8));
        multiplyAccumulate(o[j], a, b[0], b[1]);
        multiplyAccumulate(o[j + 1], a, b[2], b[3]);
      }
    }
    __syncthreads();
  }

#pragma unroll
  for (int h = 0; h < 2; ++h) {
    total[h] = reduceQuad<Sum>(total[h]);
    const int t = rowInTile + 8 * h;
    if (t >= tokens)
      continue;
    const float inverse = valueScale / total[h];
    float *row = out + static_cast<long long>(t) * stride;
#pragma unroll
    for (int j = 0; j < outTiles; ++j)
#pragma unroll
      for (int e = 0; e < 2; ++e) {
        const int d = j * 8 + lane % 4 * 2 + e;
        if (d < D)
          row[d] = o[j][2 * h + e] * inverse;
      }
  }
}

/// Queries over the cache, into which k and v were appended before. A tile has
/// at most kFlashQueries. Grid: tiles × heads, 128 threads. Dynamic shared
/// memory: queries and tiles.
template <class Cache, Flash::Config C>
QZC_DEVICE void flash(const Flash::Args<Value> &a) {
  constexpr int D = C.attention.headDim;
  QZC_DYNAMIC_SHARED(flashShared);
  launchDependents();
  waitForDependencies();
  const int head = blockIdx.y;
  const QueryTile tile = a.tiles[blockIdx.x];
  const HeadCache<Cache, D> cache(
      a.cache, tile.sequence, head / (C.attention.heads / C.attention.kvHeads));
  const float *q =
      a.q.first + (static_cast<long long>(tile.row) * a.q.stride + head * D);
  float *out = a.out.first +
               (static_cast<long long>(tile.row) * a.out.stride + head * D);
  flashHead<Cache, D, C.attention.window, C.attention.softCap,
            C.attention.alibi, C.attention.rope.dim,
            C.attention.rope.interleaved>(
      reinterpret_cast<Half *>(flashShared), q, a.q.stride, cache,
      rangeOf(a.cache, tile.sequence), a.attention.ropeTable, a.attention.scale,
      a.attention.cap,
      alibiSlope<C.attention.alibi, C.attention.heads>(head, a.attention.alibi),
      tile.position, tile.rows, out, a.out.stride);
}

} // namespace qzc::kernels

#endif // QZC_KERNELS_FLASH_CUH
