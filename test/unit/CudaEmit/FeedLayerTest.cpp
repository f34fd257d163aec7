//===- FeedLayerTest.cpp - Two layers of tiles in one launch --------------===//
//
// Norms that later launches or the second layer read, and clusters of which the
// last one has fewer outputs: few of the random models come to all of these.
//
//===----------------------------------------------------------------------===//

#include "Emulator.h"

#include "FeedLayer.cuh"

#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>

using namespace qzc;
using namespace qzc::kernels;

namespace {
/// Of two layers of q4_0: inputs of them, and how they are spread.
struct Shape {
  int inputs, inner, units, blocks;
  Norm norm;
  bool gated, keepsNorm, addsInput;

  constexpr int clusters() const { return (inner + units - 1) / units; }
};

constexpr FeedLayer::Config configOf(const Shape &shape) {
  FeedLayer::Config config = {};
  config.norm.kind = shape.norm;
  config.norm.storage = Storage::F32;
  config.norm.hasWeight = true;
  config.in.inputs = shape.inputs;
  config.in.parts[0].rows = shape.inner;
  config.in.parts[1].rows = shape.gated ? shape.inner : 0;
  config.in.gated = shape.gated;
  config.in.weight.storage = config.out.weight.storage = Storage::Q4_0;
  config.out.inputs = shape.inner;
  config.out.parts[0].rows = shape.inputs;
  config.out.end.residual = true;
  config.units = shape.units;
  config.blocks = shape.blocks;
  config.keepsNorm = shape.keepsNorm;
  config.addsInput = shape.addsInput;
  config.hasTiles = true;
  return config;
}

class Random {
public:
  unsigned bits() {
    State = State * 1664525u + 1013904223u;
    return State >> 8;
  }
  float number() { return static_cast<float>(bits()) / (1 << 23) - 1; }
  std::vector<float4> numbers(int count) {
    std::vector<float4> all(static_cast<size_t>(count) / 4);
    for (int i = 0; i != count; ++i)
      (&all[0].x)[i] = number();
    return all;
  }

private:
  unsigned State = 1;
};

/// A layer's weights.
struct Weights4 {
  int columns;
  std::vector<uint4> codes;
  std::vector<unsigned short> scales;

  Weights4(int rows, int columns, Random &random)
      : columns(columns), codes(static_cast<size_t>(rows * columns / 32)),
        scales(codes.size()) {
    auto *bytes = reinterpret_cast<unsigned char *>(codes.data());
    for (size_t i = 0; i != codes.size() * 16; ++i)
      bytes[i] = static_cast<unsigned char>(random.bits());
    for (unsigned short &scale : scales) // of 1/64 to 1/32
      scale = static_cast<unsigned short>(0x2400 + random.bits() % 0x400);
  }
  double at(int row, int column) const {
    const int chunk = (row * columns + column) / 32;
    const int byte = reinterpret_cast<const unsigned char *>(
        codes.data())[chunk * 16 + column % 16];
    const int code = (column % 32 < 16 ? byte & 15 : byte >> 4) - 8;
    return code * double(toFloat(Half{scales[static_cast<size_t>(chunk)]}));
  }
  double dot(int row, const std::vector<double> &x) const {
    double sum = 0;
    for (int column = 0; column != columns; ++column)
      sum += at(row, column) * x[static_cast<size_t>(column)];
    return sum;
  }
};

std::vector<double> normalized(Norm kind, const float *x, const float *weight,
                               int count) {
  double mean = 0;
  double square = 0;
  for (int i = 0; i != count; ++i) {
    mean += kind == Norm::Layer ? double(x[i]) / count : 0;
    square += double(x[i]) * x[i] / count;
  }
  std::vector<double> y;
  for (int i = 0; i != count; ++i)
    y.push_back((x[i] - mean) / std::sqrt(square - mean * mean + 1e-5) *
                weight[i]);
  return y;
}

template <Shape S> void run(void **args) {
  feedLayer<configOf(S)>(*static_cast<FeedLayer::Args<Value> *>(args[0]));
}

template <Shape S> void checkLayers() {
  Random random;
  const Weights4 gate(S.inner, S.inputs, random);
  const Weights4 up(S.inner, S.inputs, random);
  const Weights4 down(S.inputs, S.inner, random);
  const std::vector<float4> x = random.numbers(S.inputs);
  const std::vector<float4> weight = random.numbers(S.inputs);
  const std::vector<float4> residual = random.numbers(S.inputs);
  std::vector<float4> out(S.inputs / 4);
  std::vector<float4> kept(S.inputs / 4);
  std::vector<float> partials(static_cast<size_t>(S.clusters() * S.inputs));
  static DeviceState state = {};

  FeedLayer::Args<Value> values = {};
  values.x = {&x[0].x, S.inputs};
  values.norm.weight = &weight[0].x;
  values.norm.epsilon = 1e-5f;
  values.kept = {&kept[0].x, S.inputs};
  values.in.parts[0].weight = {gate.codes.data(), gate.scales.data()};
  values.in.parts[1].weight = {up.codes.data(), up.scales.data()};
  values.out.parts[0].weight = {down.codes.data(), down.scales.data()};
  values.out.residual = {&residual[0].x, S.inputs};
  values.out.out = {&out[0].x, S.inputs};
  values.partials = partials.data();
  values.state = &state;

  const std::vector<double> input =
      normalized(S.norm, &x[0].x, &weight[0].x, S.inputs);
  std::vector<double> inner;
  for (int row = 0; row != S.inner; ++row)
    inner.push_back(gate.dot(row, input) * (S.gated ? up.dot(row, input) : 1));
  std::vector<double> wanted;
  double largest = 0;
  for (int row = 0; row != S.inputs; ++row) {
    wanted.push_back(down.dot(row, inner) +
                     (S.addsInput ? input[static_cast<size_t>(row)]
                                  : double((&residual[0].x)[row])));
    largest = std::max(largest, std::fabs(wanted.back()));
  }

  void *args[] = {&values};
  // The second launch finds what the first one leaves.
  for (int launch = 0; launch != 2; ++launch) {
    qzc::emulator::runGrid({"feedLayer", &run<S>, S.blocks}, args,
                           {unsigned(S.clusters() * S.blocks), 1, 1},
                           kFeedWarps * kWarp, 65536, {});
    for (int row = 0; row != S.inputs; ++row)
      EXPECT_NEAR((&out[0].x)[row], wanted[static_cast<size_t>(row)],
                  2e-6 * largest)
          << "row " << row;
    for (int i = 0; S.keepsNorm && i != S.inputs; ++i)
      EXPECT_NEAR((&kept[0].x)[i], input[static_cast<size_t>(i)], 2e-6) << i;
    EXPECT_EQ(std::count(partials.begin(), partials.end(), 0.0f),
              std::ptrdiff_t(partials.size()));
  }
}

TEST(FeedLayerTest, TilesOfGatedLayersWithAClusterThatIsNotWhole) {
  checkLayers<Shape{256, 352, 128, 4, Norm::Rms, true, false, false}>();
}
TEST(FeedLayerTest, TilesWhoseInputIsTheResidual) {
  checkLayers<Shape{256, 320, 192, 3, Norm::Layer, false, true, true}>();
}
TEST(FeedLayerTest, TilesThatKeepTheirNorm) {
  checkLayers<Shape{128, 256, 128, 8, Norm::Rms, true, true, false}>();
}
} // namespace
