//===- TrafficTest.cpp - Memory that a decoded token reads ----------------===//

#include "Traffic.h"

#include <gtest/gtest.h>

namespace qzc::runtime {
namespace {

using format::Launch;
using format::Opcode;

format::Tensor tensorOf(int64_t rows, int64_t cols) {
  format::Tensor tensor;
  tensor.shape.rows = rows;
  tensor.shape.cols = cols;
  return tensor;
}

Launch launchOf(Opcode opcode, std::vector<int32_t> weights,
                format::LaunchParams params) {
  Launch launch;
  launch.opcode = opcode;
  launch.weights = std::move(weights);
  launch.params = std::move(params);
  return launch;
}

TEST(Traffic, CountsWhatADecodedTokenReads) {
  format::Manifest manifest;
  manifest.tensors = {tensorOf(100, 8), tensorOf(24, 8), tensorOf(50, 8)};
  format::AttentionParams attention;
  attention.kvHeads = 2;
  attention.headDim = 4;
  format::AttentionParams narrow = attention;
  narrow.window = 5;
  manifest.plan.body = {
      launchOf(Opcode::Embed, {0}, format::EmbedParams()),
      launchOf(Opcode::AddPositions, {2}, format::AddPositionsParams()),
      launchOf(Opcode::Linear, {1}, format::LinearParams()),
      launchOf(Opcode::Attention, {}, attention),
      launchOf(Opcode::Attention, {}, narrow)};
  // Tied: the table is all of the head.
  manifest.plan.head = {launchOf(Opcode::Linear, {0}, format::LinearParams())};
  const double rows = 8 * 4 + 8 * 4;
  const double matrices = (24 * 8 + 100 * 8) * 4;
  const double position = 2.0 * 2 * 4; // keys and values
  EXPECT_DOUBLE_EQ(decodeBytes(manifest, 3, CacheType::F32, 1),
                   rows + matrices + 2 * 3 * position * 4);
  // The window bounds one of the two.
  EXPECT_DOUBLE_EQ(decodeBytes(manifest, 20, CacheType::F16, 1),
                   rows + matrices + (20 + 5) * position * 2);
  const double bytes = 2.0 * 2 * (4 + 2); // a scale beside four of them
  EXPECT_DOUBLE_EQ(decodeBytes(manifest, 3, CacheType::Q8, 1),
                   rows + matrices + 2 * 3 * bytes);
  EXPECT_DOUBLE_EQ(decodeBytes(manifest, 3, CacheType::F32, 8),
                   8 * rows + matrices + 8 * 2 * 3 * position * 4);
}

} // namespace
} // namespace qzc::runtime
