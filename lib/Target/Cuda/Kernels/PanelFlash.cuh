//===- PanelFlash.cuh - Attention of many queries: sm_90a -----------------===//
//
// What Flash.cuh computes, by products of warpgroups. A warpgroup has 64
// queries of one head, as operands in shared memory; those of a block are heads
// of one kv head, whose tiles of keys and values they share. Other warps bring
// these to a ring. With an f32 cache queries, keys and values are the sums of
// two f16 each, of whose products the least is left out; probabilities are one.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_KERNELS_PANELFLASH_CUH
#define QZC_KERNELS_PANELFLASH_CUH

#include "Flash.cuh"
#include "PanelTile.h"
#include "TileRing.cuh"

#ifdef QZC_HAS_WGMMA

namespace qzc::kernels {

/// Terms that a query, key or value is the sum of.
template <class Cache>
constexpr int kFlashTerms = sizeof(Cache) == sizeof(float) ? 2 : 1;

/// A tile of keys, of values or of queries in panels, in the order of
/// matrixDescriptor, and behind it their second terms where there are.
template <int D, int Together> struct CachePanels {
  static constexpr int kThreads = kPanelLoaders;
  static constexpr int kTogether = Together;
  static constexpr int kKeys = kPanelKeys;
  static constexpr int kPadded = D;
  static constexpr int kPanelBytes = kPanelKeys * kPanelColumns * 2;
  Half *tile;
  int thread;
  QZC_DEVICE Half *at(int row, int column) const {
    return tile + column / kPanelColumns * (kPanelBytes / 2) +
           row * kPanelColumns + (column / 8 ^ row) % 8 * 8;
  }
  QZC_DEVICE Half *restAt(int row, int column) const {
    return at(row, column) + panelFlashTileBytes(D) / 2;
  }
  QZC_DEVICE void put(int row, int column, const Eight<float> &eight,
                      float factor) const {
    const uint4 rounded = roundEight(eight, factor);
    *reinterpret_cast<uint4 *>(at(row, column)) = rounded;
    *reinterpret_cast<uint4 *>(restAt(row, column)) =
        restOfEight(eight, factor, rounded);
  }
};

/// A lane's elements 8j + 2(lane % 4) and the next of a rotated row, which is a
/// multiple of 8 bytes.
template <int D, int RopeDim, bool Interleaved>
QZC_DEVICE void loadQuery(const float *row, const float *table,
                          float (&v)[D / 8][2]) {
  const int first = threadIdx.x % 4 * 2;
  constexpr bool inLane = RopeDim == 0 || Interleaved || RopeDim % 16 == 0;
#pragma unroll
  for (int j = 0; j < D / 8; ++j) {
    const int d = 8 * j + first;
    if constexpr (inLane) {
      const float2 two = *reinterpret_cast<const float2 *>(row + d);
      v[j][0] = two.x;
      v[j][1] = two.y;
    } else {
      v[j][0] = rotated<RopeDim, Interleaved>(row, d, table);
      v[j][1] = rotated<RopeDim, Interleaved>(row, d + 1, table);
    }
  }
  if constexpr (inLane && Interleaved) {
#pragma unroll
    for (int j = 0; j < (RopeDim + 7) / 8; ++j)
      if (const int d = 8 * j + first; d < RopeDim) {
        const float2 turn = *reinterpret_cast<const float2 *>(table + d);
        const float x = v[j][0];
        v[j][0] = x * turn.x - v[j][1] * turn.y;
        v[j][1] = v[j][1] * turn.x + x * turn.y;
      }
  } else if constexpr (inLane) {
    constexpr int half = RopeDim / 16;
#pragma unroll
    for (int j = 0; j < half; ++j) {
      const float4 turns =
          *reinterpret_cast<const float4 *>(table + 2 * (8 * j + first));
      const float2 low = {v[j][0], v[j][1]};
      v[j][0] = low.x * turns.x - v[j + half][0] * turns.y;
      v[j][1] = low.y * turns.z - v[j + half][1] * turns.w;
      v[j + half][0] = v[j + half][0] * turns.x + low.x * turns.y;
      v[j + half][1] = v[j + half][1] * turns.z + low.y * turns.w;
    }
  }
}

/// Loads a tile's keys and values, step by step: to one stage, or to one each
/// in two terms.
template <class Cache, int D, int Together, class Ring>
QZC_DEVICE void loadPanels(const Ring &ring, Half *tiles,
                           const HeadCache<Cache, D> &cache, int begin, int end,
                           int thread, float keyFactor, float valueFactor) {
  // Copies of f16 are complete some steps later.
  constexpr int late = !kIsHalf<Cache> ? 0 : Ring::kStages > 3 ? 2 : 1;
  constexpr int terms = kFlashTerms<Cache>;
  constexpr int tileHalves = panelFlashTileBytes(D) / 2;
  const int steps = (end - begin + kPanelKeys - 1) / kPanelKeys;
  unsigned long long page = cache.page(begin);
  for (int step = 0; step < steps; ++step) {
    const int first = begin + step * kPanelKeys;
    const unsigned long long current = page;
    if (step + 1 < steps)
      page = cache.page(first + kPanelKeys);
    const auto panels = [&](int stage, int tile) {
      return CachePanels<D, Together>{
          tiles + (stage % Ring::kStages * 2 + tile) * tileHalves, thread};
    };
    const int stage = step * terms;
    const int last = stage + terms - 1;
    ring.waitForRoom(stage);
    loadCacheTile<Cache, D>(panels(stage, 0), cache.keys(current, first),
                            cache.keyScales(current, first), end - first,
                            keyFactor);
    if constexpr (terms > 1) {
      publishTiles();
      arrive(ring.full(stage));
      ring.waitForRoom(last);
    }
    loadCacheTile<Cache, D>(
        panels(last, terms == 1), cache.values(current, first),
        cache.valueScales(current, first), end - first, valueFactor);
    if constexpr (kIsHalf<Cache>) {
      copyCommit();
      copyWait<late>();
    }
    if (step >= late) {
      publishTiles();
      arrive(ring.full(last - late));
    }
  }
  if constexpr (kIsHalf<Cache>) {
    copyWait<0>();
    publishTiles();
    for (int step = max(0, steps - late); step < steps; ++step)
      arrive(ring.full(step));
  }
}

/// What flash computes. Grid: tiles × heads / C.heads. Threads and dynamic
/// shared memory: FlashTile.h.
template <class Cache, FlashPanels::Config C>
QZC_DEVICE void flashPanels(const FlashPanels::Args<Value> &a) {
  constexpr int D = C.attention.headDim;
  constexpr int terms = kFlashTerms<Cache>;
  constexpr int tileBytes = panelFlashTileBytes(D);
  using Ring = TileRing<panelFlashStages(D, C.heads), 2 * tileBytes>;
  constexpr PanelFlashShape shape = panelFlashShape(D, C.heads);
  using Panels = CachePanels<D, shape.together()>;
  constexpr int multipliers = C.heads * 128;
  constexpr int keyTiles = kPanelKeys / 8;
  constexpr int outTiles = D / 8;
  // Whether the largest product is the largest score.
  constexpr bool plain = !C.attention.softCap && !C.attention.alibi;
  QZC_DYNAMIC_SHARED(flashShared);
  alignas(8) __shared__ unsigned long long barriers[2 * Ring::kStages];
  alignas(8) __shared__ unsigned long long haveQueries[C.heads];
  launchDependents();
  const Ring ring(flashShared, barriers);
  const int thread = threadIdx.x;
  const int lane = thread % kWarp;
  if (thread == 0) {
    for (unsigned long long &barrier : haveQueries)
      initBarrier(sharedAddress(&barrier), 128);
    ring.init(kPanelLoaders, multipliers / kWarp);
  }
  __syncthreads();
  waitForDependencies();

  // Tiles of late queries, which see the most keys, come first.
  constexpr int blocks = C.attention.heads / C.heads;
  const int number = static_cast<int>(blockIdx.y * gridDim.x + blockIdx.x);
  const QueryTile tile =
      a.tiles[static_cast<int>(gridDim.x) - 1 - number / blocks];
  const int firstHead = number % blocks * C.heads;
  const int end = tile.position + tile.rows;
  int begin = 0;
  if (C.attention.window > 0)
    begin = max(0, tile.position + 1 - C.attention.window) / kPanelKeys *
            kPanelKeys;
  float keyScale = 1.0f;
  float valueScale = 1.0f;
  if constexpr (!kIsHalf<Cache>) {
    const CacheRange *range = rangeOf(a.cache, tile.sequence);
    keyScale = scaleToHalf(range->key);
    valueScale = scaleToHalf(range->value);
  }

  auto *stages =
      reinterpret_cast<Half *>(reinterpret_cast<char *>(flashShared) +
                               ring.tiles - sharedAddress(flashShared));
  if (thread >= multipliers) {
    keepRegisters<shape.loader>();
    const HeadCache<Cache, D> cache(
        a.cache, tile.sequence,
        firstHead / (C.attention.heads / C.attention.kvHeads));
    loadPanels<Cache, D, shape.together()>(ring, stages, cache, begin, end,
                                           thread - multipliers,
                                           1.0f / keyScale, 1.0f / valueScale);
    return;
  }

  takeRegisters<shape.multiplier>();
  const int head = firstHead + thread / 128;
  const float *q =
      a.q.first + (static_cast<long long>(tile.row) * a.q.stride + head * D);
  float *out = a.out.first +
               (static_cast<long long>(tile.row) * a.out.stride + head * D);
  const float scale = a.attention.scale;
  const float slope =
      alibiSlope<C.attention.alibi, C.attention.heads>(head, a.attention.alibi);
  // This lane's two rows.
  const int firstRow = thread % 128 / kWarp * 16 + lane / 4;
  const Panels ownQueries = {
      stages + (Ring::kStages + thread / 128) * tileBytes, thread};
  float factor[2];
  float top[2];
  float total[2] = {0.0f, 0.0f};
#pragma unroll
  for (int h = 0; h < 2; ++h) {
    const int t = min(firstRow + 8 * h, tile.rows - 1);
    float v[D / 8][2];
    loadQuery<D, C.attention.rope.dim, C.attention.rope.interleaved>(
        q + static_cast<long long>(t) * a.q.stride,
        a.attention.ropeTable +
            static_cast<long long>(tile.position + t) * C.attention.rope.dim,
        v);
    float absmax = 0.0f;
#pragma unroll
    for (int j = 0; j < D / 8; ++j)
      absmax = fmaxf(absmax, fmaxf(fabsf(v[j][0]), fabsf(v[j][1])));
    // The largest is below 1,024, so that second terms are no small numbers.
    const float power =
        powerOfTwoAbove(reduceQuad<Max>(absmax)) * (1.0f / 1024.0f);
    const float inverse = scale < 0.0f ? -1.0f / power : 1.0f / power;
    const auto put = [&](Half *piece, unsigned two) {
      reinterpret_cast<unsigned *>(piece)[lane % 4] = two;
    };
#pragma unroll
    for (int j = 0; j < D / 8; ++j) {
      const int row = firstRow + 8 * h;
      const float2 two = {v[j][0] * inverse, v[j][1] * inverse};
      const unsigned rounded = packHalves(two.x, two.y);
      put(ownQueries.at(row, 8 * j), rounded);
      if constexpr (terms > 1)
        put(ownQueries.restAt(row, 8 * j),
            packHalves(two.x - lowHalf(rounded), two.y - highHalf(rounded)));
    }
    // Never 0, which would make masked scores no number.
    factor[h] =
        fmaxf(power * queryFactor<C.attention.softCap>(fabsf(scale)) * keyScale,
              1e-37f);
    top[h] = -QZC_INFINITY;
  }
  publishTiles();
  const unsigned ready = sharedAddress(&haveQueries[thread / 128]);
  arrive(ready);
  waitBarrier(ready, 0);
  const unsigned long long queries =
      matrixDescriptor(sharedAddress(ownQueries.tile));
  float o[outTiles][4];
#pragma unroll
  for (int j = 0; j < outTiles; ++j)
#pragma unroll
    for (int e = 0; e < 4; ++e)
      o[j][e] = 0.0f;

  /// From a tile to that of its second terms, in a descriptor's units.
  constexpr int nextTerm = tileBytes / 16;
  const auto releaseStage = [&](int stage) {
    __syncwarp();
    if (lane == 0)
      arrive(ring.empty(stage));
  };
  const int steps = (end - begin + kPanelKeys - 1) / kPanelKeys;
#pragma unroll 1
  for (int step = 0; step < steps; ++step) {
    const int first = begin + step * kPanelKeys;
    const int stage = step * terms;
    const int last = stage + terms - 1;
    ring.waitForTile(stage);
    const unsigned long long keys = matrixDescriptor(ring.tile(stage));
    float s[keyTiles][4];
    beginProducts();
    firstProduct(s, queries, keys);
    // Of one term, or high · high, low · high and high · low.
#pragma unroll
    for (int product = 0; product < 2 * terms - 1; ++product)
#pragma unroll
      for (int kk = product == 0; kk < D / 16; ++kk) {
        const int columns = kk / 4 * (Panels::kPanelBytes / 16) + kk % 4 * 2;
        multiplyGroup(s, queries + columns + (product == 1) * nextTerm,
                      keys + columns + (product == 2) * nextTerm);
      }
    commitProducts();
    waitForProducts();
#pragma unroll
    for (int j = 0; j < keyTiles; ++j)
      changedByProducts(s[j]);
    if constexpr (terms > 1)
      releaseStage(stage);

    // From the query of s[j][e] to its key.
    auto distanceOf = [&](int j, int e) {
      return first + j * 8 + lane % 4 * 2 + e % 2 -
             (tile.position + firstRow + e / 2 * 8);
    };
    if constexpr (!plain) {
#pragma unroll
      for (int j = 0; j < keyTiles; ++j)
#pragma unroll
        for (int e = 0; e < 4; ++e) {
          float score = cappedScore<C.attention.softCap>(
              s[j][e] * factor[e / 2], a.attention.cap);
          if constexpr (C.attention.alibi)
            score = fmaf(slope, static_cast<float>(distanceOf(j, e)), score);
          s[j][e] = score;
        }
    }
    if (first + kPanelKeys - 1 > tile.position ||
        (C.attention.window > 0 &&
         first <= tile.position + kFlashQueries - 1 - C.attention.window)) {
#pragma unroll
      for (int j = 0; j < keyTiles; ++j)
#pragma unroll
        for (int e = 0; e < 4; ++e) {
          const int distance = distanceOf(j, e);
          if (distance > 0 ||
              (C.attention.window > 0 && distance <= -C.attention.window))
            s[j][e] = -QZC_INFINITY;
        }
    }

    // Online softmax; sums are multiplied only where a top has changed.
    float newTop[2] = {top[0], top[1]};
#pragma unroll
    for (int j = 0; j < keyTiles; ++j)
#pragma unroll
      for (int e = 0; e < 4; ++e)
        newTop[e / 2] = fmaxf(newTop[e / 2], s[j][e]);
    float shift[2];
    float unit[2];
#pragma unroll
    for (int h = 0; h < 2; ++h) {
      newTop[h] = reduceQuad<Max>(newTop[h]);
      unit[h] = plain ? factor[h] : 1.0f;
      shift[h] = OnlineSoftmax<1>::shift(newTop[h]) * unit[h];
    }
    if (__any_sync(QZC_FULL_WARP, newTop[0] != top[0] || newTop[1] != top[1])) {
#pragma unroll
      for (int h = 0; h < 2; ++h) {
        const float keep = powerOfTwo(fmaf(top[h], unit[h], -shift[h]));
        top[h] = newTop[h];
        total[h] *= keep;
#pragma unroll
        for (int j = 0; j < outTiles; ++j) {
          o[j][2 * h] *= keep;
          o[j][2 * h + 1] *= keep;
        }
      }
    }
    unsigned weights[kPanelKeys / 16][4];
#pragma unroll
    for (int j = 0; j < keyTiles; ++j)
#pragma unroll
      for (int h = 0; h < 2; ++h) {
        const float low = powerOfTwo(fmaf(s[j][2 * h], unit[h], -shift[h]));
        const float high =
            powerOfTwo(fmaf(s[j][2 * h + 1], unit[h], -shift[h]));
        total[h] += low + high;
        weights[j / 2][h + j % 2 * 2] = packHalves(low, high);
      }

    if constexpr (terms > 1)
      ring.waitForTile(last);
    const unsigned long long values = matrixDescriptor(
        ring.tile(last) + (terms == 1) * tileBytes, Panels::kPanelBytes);
    beginProducts();
#pragma unroll
    for (int term = 0; term < terms; ++term)
#pragma unroll
      for (int kk = 0; kk < kPanelKeys / 16; ++kk)
        multiplyRegisters(o, weights[kk], values + term * nextTerm + kk * 128);
    commitProducts();
    waitForProducts();
#pragma unroll
    for (int j = 0; j < outTiles; ++j)
      changedByProducts(o[j]);
    releaseStage(last);
  }

#pragma unroll
  for (int h = 0; h < 2; ++h) {
    total[h] = reduceQuad<Sum>(total[h]);
    const int t = firstRow + 8 * h;
    if (t >= tile.rows)
      continue;
    const float inverse = valueScale / total[h];
    float *row = out + static_cast<long long>(t) * a.out.stride + lane % 4 * 2;
#pragma unroll
    for (int j = 0; j < outTiles; ++j)
      *reinterpret_cast<float2 *>(row + 8 * j) = {o[j][2 * h] * inverse,
                                                  o[j][2 * h + 1] * inverse};
  }
}

} // namespace qzc::kernels

#endif // QZC_HAS_WGMMA

#endif // QZC_KERNELS_PANELFLASH_CUH
