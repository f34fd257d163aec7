//===- NormTest.cpp - Layer norms for which a block meets once ------------===//

#include "Emulator.h"

#include "Matvec.cuh"

#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>

using namespace qzc;
using namespace qzc::kernels;

namespace {
constexpr int kThreads = 256;
constexpr NormConfig layerNorm() {
  NormConfig config = {};
  config.kind = Norm::Layer;
  config.storage = Storage::F32;
  return config;
}
using Norms = InputNorm<layerNorm()>;

/// K elements, a quad a thread; threads beyond them have none.
template <int K> void run(void **args) {
  __shared__ float scratch[32];
  waitForDependencies();
  auto *quads = static_cast<float4 *>(args[0]);
  const bool isInput = 4 * threadIdx.x < K;
  float4 v[1] = {isInput ? quads[threadIdx.x] : float4{}};
  const Norms::Four fours[1] = {};
  normalizeInBlock<K, Norms, kThreads, true>(
      v, fours, 1e-5f, [&](int) { return isInput; }, scratch);
  if (isInput)
    quads[threadIdx.x] = v[0];
}

/// Elements near `mean`, the first of which is `first`.
template <int K> void checkRow(float mean, float first) {
  std::vector<float4> quads(K / 4);
  float *x = &quads[0].x;
  unsigned state = K;
  for (int i = 0; i != K; ++i) {
    state = state * 1664525u + 1013904223u;
    x[i] = mean + static_cast<float>(state >> 8) / (1 << 23) - 1;
  }
  x[0] = first;
  double sum = 0;
  for (int i = 0; i != K; ++i)
    sum += x[i];
  double squares = 0;
  for (int i = 0; i != K; ++i)
    squares += (x[i] - sum / K) * (x[i] - sum / K);
  const double deviation = std::sqrt(squares / K + 1e-5);
  std::vector<double> wanted;
  double largest = 0;
  for (int i = 0; i != K; ++i) {
    wanted.push_back((x[i] - sum / K) / deviation);
    largest = std::max(largest, std::fabs(wanted.back()));
  }

  void *args[] = {quads.data()};
  emulator::runGrid({"normalizeInBlock", &run<K>}, args, {1, 1, 1}, kThreads, 0,
                    {});
  // The mean is one of f32, and so is the factor.
  const double bound = 0x1p-23 * std::fabs(mean) / deviation + 5e-7 * largest;
  for (int i = 0; i != K; ++i)
    ASSERT_NEAR(x[i], wanted[size_t(i)], bound)
        << "element " << i << " of " << K << " around " << mean;
}

template <int K> void checkRows() {
  for (const float mean : {0.0f, -3.0f, 1000.0f, 1e5f})
    for (const float first : {mean, mean + 30, 2e4f})
      checkRow<K>(mean, first);
}

TEST(NormTest, IsThatOfF64WhateverTheMean) {
  checkRows<1024>();
  checkRows<256>();
  // Of three warps, which do without.
  checkRows<384>();
}
} // namespace
