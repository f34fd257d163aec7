//===- GgmlWeighted.cpp - ggml's blocks by importance ---------------------===//
//
// Errors count by m·√(σ² + x²), m being the mean square of the column's input
// and σ² the mean of x² (of the row for blocks of 32, twice that of the block
// for Q4_K and Q5_K; Q6_K counts by m alone). Scales, and minima where there
// are some, are searched for as GgmlK.cpp says, over more tries, and stay as
// they are for blocks of 32. The scales of a k-quant's groups are quantized by
// a search too, in which a group counts by the sum of its weights.
//
// Sums have the order of ggml's scalar code, and its roundings.
//
//===----------------------------------------------------------------------===//

#include "GgmlWeighted.h"

#include "GgmlParts.h"
#include "GgmlSearch.h"

#include <algorithm>
#include <vector>

namespace qzc::format::ggml {

//===----------------------------------------------------------------------===//
// Weights
//===----------------------------------------------------------------------===//

/// Puts a group of 32 in a lane, with the weights m·√(σ² + x²).
static void putGroup(int lane, const float *values, const float *importance,
                     float variance, Groups<kBlock> &groups) {
  float weights[kBlock];
  for (int i = 0; i < kBlock; ++i)
    weights[i] = importance[i] * std::sqrt(variance + values[i] * values[i]);
  groups.put(lane, values, weights);
}

//===----------------------------------------------------------------------===//
// Blocks of 32
//===----------------------------------------------------------------------===//

static constexpr AboveSearch searchTo(int32_t most) {
  return {most, -0.9f, 0.05f, 37};
}

static float largestOf(uint16_t d, float code) {
  return std::fabs(dense::fromF16(d)) * code;
}

/// `search` makes what was Found of groups; `finish` a block's scales of a
/// lane of it, and returns the largest magnitude that it decodes to.
template <typename Found, typename Block, typename Search, typename Finish>
static float quantizeBlocks(const WeightedRows &rows, Block *blocks,
                            Search search, Finish finish) {
  std::vector<float> squares(static_cast<size_t>(rows.rows));
  sumSquares(rows.values, rows.columns, rows.rows, squares.data());
  const int64_t count = rows.rows * rows.columns / kBlock;
  float largest = 0;
  Groups<kBlock> groups = {}; // lanes that no block is in do not matter
  for (int64_t first = 0; first < count; first += kLanes) {
    const auto some =
        static_cast<int>(std::min<int64_t>(kLanes, count - first));
    for (int lane = 0; lane < some; ++lane) {
      const int64_t at = (first + lane) * kBlock;
      putGroup(lane, rows.values + at, rows.importance + at,
               squares[static_cast<size_t>(at / rows.columns)] /
                   static_cast<float>(rows.columns),
               groups);
    }
    Found found;
    search(groups, found);
    for (int lane = 0; lane < some; ++lane) {
      Block &block = blocks[first + lane];
      largest = std::max(largest, finish(found, lane, block));
      uint8_t codes[kBlock];
      found.take(lane, codes);
      packCodes(codes, block);
    }
  }
  return largest;
}

template <typename Block>
static float quantizeAround(const WeightedRows &rows, int32_t half,
                            Block *blocks) {
  return quantizeBlocks<Found<kBlock>>(
      rows, blocks,
      [half](const Groups<kBlock> &groups, Found<kBlock> &found) {
        searchAround(groups, half, found);
      },
      [half](const Found<kBlock> &found, int lane, Block &block) {
        block.d = halfOf(found.scale[lane]);
        return largestOf(block.d, static_cast<float>(half));
      });
}

template <typename Block>
static float quantizeAbove(const WeightedRows &rows, int32_t most,
                           Block *blocks) {
  return quantizeBlocks<FoundAbove>(
      rows, blocks,
      [most](const Groups<kBlock> &groups, FoundAbove &found) {
        searchAbove(groups, searchTo(most), found);
      },
      [most](const FoundAbove &found, int lane, Block &block) {
        block.d = halfOf(found.scale[lane]);
        block.m = halfOf(-found.minimum[lane]);
        return std::max(largestOf(block.d, static_cast<float>(most)),
                        largestOf(block.m, 1));
      });
}

float quantizeRows(const WeightedRows &rows, BlockQ4_0 *blocks) {
  return quantizeAround(rows, 8, blocks);
}
float quantizeRows(const WeightedRows &rows, BlockQ5_0 *blocks) {
  return quantizeAround(rows, 16, blocks);
}
float quantizeRows(const WeightedRows &rows, BlockQ4_1 *blocks) {
  return quantizeAbove(rows, 15, blocks);
}
float quantizeRows(const WeightedRows &rows, BlockQ5_1 *blocks) {
  return quantizeAbove(rows, 31, blocks);
}

//===----------------------------------------------------------------------===//
// K-quants
//===----------------------------------------------------------------------===//

/// The scale of six-bit codes for what is not negative.
static float searchSix(const float (&x)[kscales::kGroups],
                       const float (&weights)[kscales::kGroups],
                       uint8_t (&codes)[kscales::kGroups]) {
  constexpr int kGroups = kscales::kGroups;
  constexpr int kMost = 63;
  constexpr int kRounds = 5;
  const float largest = std::max(0.0f, *std::max_element(x, x + kGroups));
  if (largest < kLeast) {
    std::fill_n(codes, kGroups, uint8_t{0});
    return 0;
  }
  float kept = 0;
  float best = 0;
  for (int t = -5; t <= 4; ++t) {
    if (t == 0)
      continue;
    // The first try is the middle one.
    const bool isFirst = t == -5;
    const float inverse =
        ((isFirst ? 0.0f : 0.1f * static_cast<float>(t)) + kMost) / largest;
    const float scale = 1 / inverse;
    float error = 0;
    for (int g = 0; g < kGroups; ++g) {
      const auto l =
          static_cast<float>(std::min(kMost, nearest(inverse * x[g])));
      const float off = x[g] - scale * l;
      error += weights[g] * off * off;
    }
    if (isFirst || error < best) {
      best = error;
      kept = inverse;
    }
  }
  float dot = 0;
  float square = 0;
  const auto part = [&](int g, int32_t l) {
    return weights[g] * x[g] * static_cast<float>(l);
  };
  const auto partSquare = [&](int g, int32_t l) {
    return weights[g] * static_cast<float>(l) * static_cast<float>(l);
  };
  for (int g = 0; g < kGroups; ++g) {
    const int32_t l = std::min(kMost, nearest(kept * x[g]));
    codes[g] = static_cast<uint8_t>(l);
    dot += part(g, l);
    square += partSquare(g, l);
  }
  // One code after the other, where another is better given the rest.
  bool changed = true;
  for (int round = 0; round < kRounds && changed; ++round) {
    changed = false;
    for (int g = 0; g < kGroups; ++g) {
      float dotAfter = dot - part(g, codes[g]);
      float squareAfter = square - partSquare(g, codes[g]);
      if (!(dotAfter > 0 && squareAfter > 0))
        continue;
      const int32_t l = std::min(kMost, nearest(x[g] * squareAfter / dotAfter));
      if (l == codes[g])
        continue;
      dotAfter += part(g, l);
      squareAfter += partSquare(g, l);
      if (dotAfter * dotAfter * square > dot * dot * squareAfter) {
        codes[g] = static_cast<uint8_t>(l);
        dot = dotAfter;
        square = squareAfter;
        changed = true;
      }
    }
  }
  return square > 0 ? dot / square : 0.0f;
}

template <typename Block>
static float quantizeGroups(const WeightedRows &rows, int32_t most,
                            Block *blocks) {
  const int64_t count = rows.rows * rows.columns / kSuperBlock;
  std::vector<float> squares(static_cast<size_t>(count));
  sumSquares(rows.values, kSuperBlock, count, squares.data());
  float largest = 0;
  for (int64_t i = 0; i < count; ++i) {
    const float *x = rows.values + i * kSuperBlock;
    const float variance = 2 * squares[static_cast<size_t>(i)] / kSuperBlock;
    Groups<kBlock> groups;
    for (int g = 0; g < kLanes; ++g)
      putGroup(g, x + kBlock * g,
               rows.importance + i * kSuperBlock + kBlock * g, variance,
               groups);
    FoundAbove found;
    searchAbove(groups, searchTo(most), found);
    GroupCodes codes;
    codes.d = searchSix(found.scale, found.sum, codes.scales);
    codes.dmin = searchSix(found.minimum, found.sum, codes.minima);
    for (int g = 0; g < kLanes; ++g)
      found.take(g, codes.codes + kBlock * g);
    largest = std::max(largest, finishGroups(x, codes, blocks[i]));
  }
  return largest;
}

float quantizeRows(const WeightedRows &rows, BlockQ4_K *blocks) {
  return quantizeGroups(rows, 15, blocks);
}
float quantizeRows(const WeightedRows &rows, BlockQ5_K *blocks) {
  return quantizeGroups(rows, 31, blocks);
}
float quantizeRows(const WeightedRows &rows, BlockQ6_K *blocks) {
  float largest = 0;
  for (int64_t at = 0; at < rows.rows * rows.columns; at += kSuperBlock)
    largest = std::max(largest, quantizeSmall(rows.values + at,
                                              rows.importance + at, *blocks++));
  return largest;
}

} // namespace qzc::format::ggml
