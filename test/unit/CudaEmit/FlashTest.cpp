//===- FlashTest.cpp - Attention of warpgroups with an f32 cache ----------===//
//
// Queries, keys and values keep more of their bits than one f16 has, in walks
// over more tiles than a ring holds.
//
//===----------------------------------------------------------------------===//

#include "Emulator.h"

#include "PanelFlash.cuh"

#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>
#include <random>
#include <vector>

using namespace qzc;
using namespace qzc::kernels;

namespace {
/// Queries of heads that share keys and values of `keys` positions, the last
/// queries' own ones last.
struct Problem {
  int heads, headDim, keys;
  std::vector<float> queries; ///< [kFlashQueries, heads × headDim]
  std::vector<float> cache;   ///< keys, then values, [keys, headDim]

  Problem(int heads, int headDim, int keys, float deviation)
      : heads(heads), headDim(headDim), keys(keys) {
    std::mt19937 random(1);
    std::normal_distribution<float> normal;
    queries.resize(size_t(kFlashQueries * heads * headDim));
    cache.resize(size_t(2 * keys * headDim));
    // Scores have the deviation.
    for (float &q : queries)
      q = normal(random) * deviation;
    for (float &element : cache)
      element = normal(random);
  }
  float scale() const { return 1.0f / std::sqrt(float(headDim)); }

  /// What a query sees of a head, in f64.
  std::vector<double> wanted(int query, int head) const {
    const float *q = &queries[size_t((query * heads + head) * headDim)];
    const int seen = keys - kFlashQueries + query + 1;
    std::vector<double> scores;
    for (int key = 0; key != seen; ++key) {
      double score = 0;
      for (int d = 0; d != headDim; ++d)
        score += double(q[d]) * cache[size_t(key * headDim + d)];
      scores.push_back(score * scale());
    }
    const double top = *std::max_element(scores.begin(), scores.end());
    std::vector<double> sums(static_cast<size_t>(headDim));
    double total = 0;
    for (int key = 0; key != seen; ++key) {
      const double weight = std::exp(scores[size_t(key)] - top);
      total += weight;
      for (int d = 0; d != headDim; ++d)
        sums[size_t(d)] += weight * cache[size_t((keys + key) * headDim + d)];
    }
    for (double &sum : sums)
      sum /= total;
    return sums;
  }
};

template <int Heads, int HeadDim> constexpr FlashPanels::Config flashConfig() {
  FlashPanels::Config config = {};
  config.attention.heads = Heads;
  config.attention.kvHeads = 1;
  config.attention.headDim = HeadDim;
  config.heads = Heads;
  return config;
}
template <int Heads, int HeadDim> void runFlash(void **args) {
  flashPanels<float, flashConfig<Heads, HeadDim>()>(
      *static_cast<FlashPanels::Args<Value> *>(args[0]));
}

/// The largest difference from what is wanted.
template <int Heads, int HeadDim> double worst(Problem &problem) {
  std::vector<float> out(problem.queries.size());
  const unsigned long long page =
      reinterpret_cast<unsigned long long>(problem.cache.data());
  CacheRange range = {};
  const QueryTile tile = {0, kFlashQueries, problem.keys - kFlashQueries, 0};
  FlashPanels::Args<Value> args = {};
  args.q = {problem.queries.data(), Heads * HeadDim};
  args.cache.pages = &page;
  args.cache.ranges = &range;
  args.cache.values = problem.cache.size() / 2 * sizeof(float);
  args.cache.pageSize = problem.keys;
  args.cache.pageShift = kOnePage;
  args.attention.scale = problem.scale();
  args.tiles = &tile;
  args.out = {out.data(), Heads * HeadDim};
  void *all[] = {&args};
  emulator::runGrid({"flashPanels", &runFlash<Heads, HeadDim>, 1}, all,
                    {1, 1, 1}, unsigned(panelFlashThreads(Heads)),
                    unsigned(panelFlashSharedBytes(HeadDim, Heads)), {});
  double result = 0;
  const float *got = out.data();
  for (int query = 0; query != kFlashQueries; ++query)
    for (int head = 0; head != Heads; ++head)
      for (const double value : problem.wanted(query, head))
        result = std::fmax(result, std::fabs(*got++ - value));
  return result;
}

/// Of this deviation, scores of one f16 a query and a key move what is seen by
/// 2e-2.
constexpr float kSteep = 30.0f;

TEST(FlashTest, ScoresAreNotRounded) {
  Problem narrow(4, 64, 330, kSteep);
  EXPECT_LT((worst<4, 64>(narrow)), 2e-3);
  Problem lone(1, 64, 275, kSteep);
  EXPECT_LT((worst<1, 64>(lone)), 2e-3);
  Problem wide(2, 128, 200, kSteep);
  EXPECT_LT((worst<2, 128>(wide)), 2e-3);
}

/// Of equal keys all weights are 1, which f16 has.
TEST(FlashTest, ValuesAreNotRounded) {
  Problem problem(1, 64, 64, 1.0f);
  for (int key = 1; key != problem.keys; ++key)
    std::copy_n(problem.cache.begin(), problem.headDim,
                problem.cache.begin() + key * problem.headDim);
  EXPECT_LT((worst<1, 64>(problem)), 1e-5);
}
} // namespace
