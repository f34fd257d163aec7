//===- LoweringOrderTest.cpp - The order of weights -----------------------===//

#include "LoweredChecks.h"
#include "Model.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

using namespace qzc;
using namespace qzc::format;
using namespace qzc::test;
using kernel_test::makeBench;
using kernel_test::makeCase;
using kernel_test::Model;

namespace {
/// The tensors that are put in the order of tiles, and how many parts of them.
std::map<int64_t, size_t> tiledParts(const Manifest &manifest) {
  std::map<int64_t, size_t> parts;
  const cuda::Gpu hopper = cuda::gpuOf({90, true, false});
  for (const CudaLaunch &launch : lower(manifest, hopper).program.arrange)
    ++parts[launch.args[0].a];
  return parts;
}

/// A block of a model whose layers tensor cores multiply.
Model largeModel(const PackedShape &stored, int64_t vocab = 32000) {
  return makeBench({"large", 2048, 1, 32, 8, 64, 8192, vocab, stored, stored});
}

const PackedShape nf4 = {Scheme::Nf4, DType::F32, 0, 0, 64};

TEST(LoweringOrderTest, WeightsLieInTilesWhereTensorCoresReadThem) {
  const Manifest manifest = largeModel(nf4).manifest;
  std::map<int64_t, size_t> wanted;
  for (const auto *list : {&manifest.plan.body, &manifest.plan.head})
    for (const Launch &launch : *list)
      for (int32_t weight : launch.weights)
        if (launch.opcode == Opcode::Linear)
          wanted[weight] = 2; // codes and scales
  EXPECT_EQ(wanted.size(), 8u);
  EXPECT_EQ(tiledParts(manifest), wanted);
  EXPECT_TRUE(lower(manifest).program.arrange.empty());

  // Scales of rows stay.
  const PackedShape int8 = {Scheme::Int8, DType::F32, 0, 0, 0};
  for (auto &[weight, parts] : wanted)
    parts = 1;
  EXPECT_EQ(tiledParts(largeModel(int8).manifest), wanted);
}

TEST(LoweringOrderTest, WeightsStayRowsWhereTheyAreNoWholeTiles) {
  EXPECT_EQ(tiledParts(largeModel(nf4, 32004).manifest).size(), 7u);
  const PackedShape twice = {Scheme::Nf4, DType::F32, 0,
                             0,           64,         ScaleCodec::Double};
  EXPECT_TRUE(tiledParts(largeModel(twice).manifest).empty());
  // Lanes read rows.
  const Model small =
      makeBench({"small", 256, 1, 4, 2, 64, 512, 1000, nf4, nf4});
  EXPECT_TRUE(tiledParts(small.manifest).empty());
}

/// The order of a weight is one for all kernels: also for the embedding that a
/// tied head is.
TEST(LoweringOrderTest, AllKernelsReadAWeightInOneOrder) {
  const auto ordersOf = [](const Model &model, const std::string &stem) {
    std::set<std::string> orders;
    const cuda::Gpu gpu = model.gpuOf({90, true, false});
    for (const auto &[name, config] : configsByName(lower(model.manifest, gpu)))
      if (name.rfind(stem, 0) == 0)
        orders.insert(config.find("WeightOrder::Tiles") != std::string::npos
                          ? "Tiles"
                          : "Rows");
    return orders;
  };
  const std::set<std::string> rows = {"Rows"};
  const std::set<std::string> tiles = {"Tiles"};
  const Model large = largeModel(nf4);
  EXPECT_EQ(ordersOf(large, "embed"), rows);
  for (const char *stem : {"attendLayer", "matvec", "convertWeights"})
    EXPECT_EQ(ordersOf(large, stem), tiles) << stem;

  const Model tied = makeCase(kernel_test::kOrderCase);
  const Plan &plan = tied.manifest.plan;
  EXPECT_TRUE(std::any_of(
      plan.head.begin(), plan.head.end(), [&](const Launch &launch) {
        return launch.weights == plan.body[0].weights; // tied
      }));
  EXPECT_EQ(ordersOf(tied, "embed"), tiles);
}

} // namespace
