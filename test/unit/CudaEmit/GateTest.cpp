//===- GateTest.cpp - Gated layers that leave f16 -------------------------===//
//
// Rows whose tiles differ so much that f16 needs several units for them: no
// random model has such.
//
//===----------------------------------------------------------------------===//

#include "Emulator.h"

#include "PanelGate.cuh"

#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>
#include <random>

using namespace qzc;
using namespace qzc::kernels;

namespace {
TEST(GateTest, UnitsAreOneWhereverF16HasTheValues) {
  for (float top : {0.002f, 0.1f, 1.0f, 32767.0f, INFINITY, NAN})
    EXPECT_EQ(tileUnit(top), 1.0f) << top;
  for (int exponent = -100; exponent != 120; ++exponent) {
    const float top = std::ldexp(1.0f, exponent);
    const float inUnits = top / tileUnit(top);
    EXPECT_GE(inUnits, 1.0f / 512) << exponent;
    EXPECT_LT(inUnits, 32768.0f) << exponent;
  }
  EXPECT_EQ(tileUnit(0.0f), tileUnit(1e-37f));
}

constexpr int kRows = 9;
constexpr int kInputs = kPanelColumns;
constexpr int kOutputs = 128;
constexpr int kWidth = 128; ///< of a block: tiles of half the outputs

constexpr GatePanels::Config gateConfig() {
  GatePanels::Config config = {};
  config.columns = kWidth;
  config.tiles = 2 * kOutputs / kWidth;
  config.order = Order::Panels;
  config.end.activation = Activation::Silu;
  return config;
}

/// Where column `column` of a row lies in panels of so many rows.
size_t indexOf(int rows, int row, int column) {
  const int piece = column % 64 / 8;
  return size_t((column / 64 * rows + row) * 64 + (piece ^ row % 8) * 8 +
                column % 8);
}

void runGate(void **args) {
  gatePanels<gateConfig()>(*static_cast<GatePanels::Args<Value> *>(args[0]));
}
void runAlign(void **args) {
  alignPanels<AlignPanels::Config{2, 1}>(
      *static_cast<AlignPanels::Args<Value> *>(args[0]));
}

TEST(GateTest, TilesOfARowGetOneUnit) {
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  std::vector<Half> x(kRows * kInputs);
  for (Half &element : x)
    element = toHalf(normal(random));
  // Outputs of the second tile are much smaller, and in a row all zero.
  std::vector<Half> weights(2 * kOutputs * kInputs);
  for (int row = 0; row != 2 * kOutputs; ++row)
    for (int k = 0; k != kInputs; ++k)
      weights[indexOf(2 * kOutputs, row, k)] =
          toHalf(normal(random) * (row < kOutputs ? 1.0f : 0.001f));
  std::vector<float> rowScales;
  for (int row = 0; row != kRows; ++row)
    rowScales.push_back(row == 0 ? 0.0f : std::ldexp(1.0f, 5 * row - 30));
  std::vector<uint4> panels(kRows * kOutputs / 8);
  std::vector<float> units(kRows * 2);
  std::vector<float> scales(kRows);
  static DeviceState state = {};
  state.tokens = kRows;

  GatePanels::Args<Value> gate = {};
  gate.gemm.rows = x.data();
  gate.gemm.rowScales = rowScales.data();
  gate.gemm.weights = weights.data();
  gate.gemm.inputs = kInputs;
  gate.gemm.output.columns = 2 * kOutputs;
  gate.gemm.output.parts[0].scale = gate.gemm.output.parts[1].scale = 1.0f;
  gate.gemm.state = &state;
  gate.panels = reinterpret_cast<Half *>(panels.data());
  gate.units = units.data();
  AlignPanels::Args<Value> align = {units.data(), gate.panels, scales.data(),
                                    &state};
  void *gateArgs[] = {&gate};
  void *alignArgs[] = {&align};
  emulator::runGrid({"gatePanels", &runGate, 1}, gateArgs, {1, 2, 1},
                    kPanelThreads, panelSharedBytes(kWidth), {});
  emulator::runGrid({"alignPanels", &runAlign, 1}, alignArgs, {2, 1, 1}, 256, 0,
                    {});

  int differing = 0;
  for (int row = 0; row != kRows; ++row) {
    differing += units[size_t(row) * 2] != units[size_t(row) * 2 + 1];
    const auto dot = [&](int n) {
      double sum = 0;
      for (int k = 0; k != kInputs; ++k)
        sum += double(toFloat(x[indexOf(kRows, row, k)])) *
               toFloat(weights[indexOf(2 * kOutputs, n, k)]);
      return sum * rowScales[size_t(row)];
    };
    const float scale = scales[size_t(row)];
    for (int n = 0; n != kOutputs; ++n) {
      const double ofGate = dot(n / 8 * 16 + n % 8);
      const double wanted =
          ofGate / (1 + std::exp(-ofGate)) * dot(n / 8 * 16 + 8 + n % 8);
      const double found =
          double(toFloat(gate.panels[indexOf(kRows, row, n)])) * scale;
      EXPECT_NEAR(found, wanted, std::fabs(wanted) / 1900 + scale * 0x1p-24)
          << "row " << row << ", column " << n;
    }
  }
  EXPECT_GE(differing, 3);
}
} // namespace
