//===- LoweringClustersTest.cpp - Plans to launches of clusters -----------===//

#include "LoweredChecks.h"
#include "Model.h"

#include <gmock/gmock.h>

#include <algorithm>

using namespace qzc;
using namespace qzc::format;
using namespace qzc::test;
using kernel_test::makeBench;
using kernel_test::makeCase;
using kernel_test::Model;

namespace {

/// Where clusters run at once and a block's part of q, k and v is small, or not
/// too large for tensor cores.
TEST(LoweringClustersTest,
     AttentionOfASmallLayerIsOneLaunchWithItsLayersOnHopper) {
  const PackedShape nf4 = {Scheme::Nf4, DType::F32, 0, 0, 64};
  const PackedShape bf16 = {Scheme::None, DType::BF16, 0, 0, 0};
  struct Expected {
    int64_t hidden, heads, kvHeads;
    PackedShape body;
    int64_t blocks; ///< of the grid; 0: launches of their own
    uint32_t clusterBlocks;
    bool hasTiles;
  };
  for (const Expected &expected : {Expected{576, 9, 3, nf4, 72, 8, false},
                                   {1024, 16, 16, nf4, 96, 6, false},
                                   {2048, 32, 8, nf4, 96, 6, true},
                                   {2048, 32, 8, bf16, 0, 0, false},
                                   {2048, 32, 32, nf4, 0, 0, false},
                                   {4096, 32, 8, nf4, 0, 0, false}}) {
    const Model model =
        makeBench({"small", expected.hidden, 1, expected.heads,
                   expected.kvHeads, 64, 256, 1000, expected.body, bf16});
    const Lowered lowering =
        lower(model.manifest, cuda::gpuOf(kernel_test::kHopper));
    const auto &decode = lowering.program.decode;
    if (expected.blocks == 0) {
      EXPECT_THAT(stems(decode), testing::Contains("attendOne"));
      continue;
    }
    ASSERT_EQ(stems(decode)[1], "attendLayer");
    EXPECT_EQ(configsByName(lowering).at(decode[1].kernel).find("hasTiles") !=
                  std::string::npos,
              expected.hasTiles);
    EXPECT_EQ(decode[1].grid[0].fixed, expected.blocks);
    EXPECT_EQ(kernelOf(lowering, decode[1]).getClusterBlocks(),
              expected.clusterBlocks);
    // Several sequences keep their launches.
    for (const CudaBatch &batch : lowering.program.batches)
      EXPECT_THAT(stems(batch.launches), testing::Contains("attendOne"));
    EXPECT_THAT(stems(lower(model.manifest, cuda::gpuOf(kernel_test::kGeneral))
                          .program.decode),
                testing::Contains("attendOne"));
  }
}

/// Where a block's part of the layers is small. Lanes look a book's codes up
/// where that leaves each block a processor; else tensor cores multiply them,
/// and codes that are integers.
TEST(LoweringClustersTest, SmallFeedForwardLayersAreOneLaunchOnHopper) {
  const PackedShape nf4 = {Scheme::Nf4, DType::F32, 0, 0, 64};
  const PackedShape bf16 = {Scheme::None, DType::BF16, 0, 0, 0};
  const PackedShape q4 = {Scheme::Q4_0, DType::F32, 0, 0, 0};
  const PackedShape fp8 = {Scheme::Fp8, DType::F32, 0, 0, 0};
  struct Expected {
    int64_t hidden, heads, units;
    PackedShape body;
    int64_t blocks; ///< of the grid; 0: launches of their own
    bool hasTiles;
    uint32_t minBlocks = 1;
  };
  for (const Expected &expected : {Expected{576, 9, 1536, nf4, 96, false},
                                   {576, 9, 1536, q4, 96, true},
                                   {1024, 16, 1024, nf4, 88, false},
                                   {1024, 16, 2048, nf4, 88, true},
                                   {1024, 16, 2048, q4, 88, true},
                                   {1024, 16, 2048, fp8, 128, false, 2},
                                   {1024, 16, 2048, bf16, 128, false, 2},
                                   {1024, 16, 8192, nf4, 0, false},
                                   {576, 9, 1520, nf4, 0, false}}) {
    const Model model =
        makeBench({"small", expected.hidden, 1, expected.heads, expected.heads,
                   64, expected.units, 1000, expected.body, bf16});
    const Lowered lowering =
        lower(model.manifest, cuda::gpuOf(kernel_test::kHopper));
    const auto &decode = lowering.program.decode;
    if (expected.blocks == 0) {
      EXPECT_THAT(stems(decode), testing::Not(testing::Contains("feedLayer")));
      continue;
    }
    ASSERT_EQ(stems(decode)[2], "feedLayer");
    EXPECT_EQ(decode[2].grid[0].fixed, expected.blocks);
    EXPECT_EQ(configsByName(lowering).at(decode[2].kernel).find("hasTiles") !=
                  std::string::npos,
              expected.hasTiles);
    EXPECT_EQ(kernelOf(lowering, decode[2]).getMinBlocks(), expected.minBlocks);
    for (const CudaBatch &batch : lowering.program.batches)
      EXPECT_THAT(stems(batch.launches),
                  testing::Not(testing::Contains("feedLayer")));
    EXPECT_THAT(stems(lower(model.manifest, cuda::gpuOf(kernel_test::kGeneral))
                          .program.decode),
                testing::Not(testing::Contains("feedLayer")));
  }
}

/// Which leaves memory idle.
TEST(LoweringClustersTest, LayersAskForTheWeightsOfAttentionBehindThem) {
  const PackedShape q4 = {Scheme::Q4_0, DType::F32, 0, 0, 0};
  const Model model =
      makeBench({"small", 2048, 2, 32, 8, 64, 8192, 1000, q4, q4});
  const Lowered lowering =
      lower(model.manifest, cuda::gpuOf(kernel_test::kHopper));
  const auto &decode = lowering.program.decode;
  ASSERT_THAT(stems(decode), testing::ElementsAre(
                                 "embed", "attendLayer", "matvecTensor",
                                 "matvecTensor", "attendLayer", "matvecTensor",
                                 "matvecTensor", testing::_, "takeChoice"));
  const auto configs = configsByName(lowering);
  for (size_t i = 0; i != decode.size(); ++i)
    EXPECT_EQ(configs.at(decode[i].kernel).find(".asksAhead = true") !=
                  std::string::npos,
              i == 3)
        << i;
  // Each of its 128 blocks for a part of codes and scales of q, k, v and o: the
  // launch's last arguments (AheadArgs).
  constexpr size_t kAsked = 8;
  const std::vector<CudaArg> &args = decode[3].args;
  ASSERT_GE(args.size(), 2 * kAsked);
  for (size_t i = 0; i != kAsked; ++i) {
    const CudaArg &data = args[args.size() - 2 * kAsked + i];
    const CudaArg &bytes = args[args.size() - kAsked + i];
    ASSERT_EQ(data.kind, CudaArg::Kind::Tensor) << i;
    const PackedShape &shape =
        model.manifest.tensors[static_cast<size_t>(data.a)].shape;
    const auto all = static_cast<int64_t>(
        partBytes(shape, static_cast<size_t>(data.b), shape.rows * shape.cols));
    EXPECT_EQ(bytes.a, all / 128) << i;
    EXPECT_EQ(bytes.a % 16, 0) << i;
  }
}

struct Spread {
  std::string kernel;
  int64_t blocks;
  uint32_t threads, atOnce, ofCluster;
};

void expectSpreads(const Lowered &lowering,
                   const std::vector<CudaLaunch> &launches,
                   const std::vector<Spread> &wanted) {
  ASSERT_EQ(launches.size(), wanted.size());
  for (size_t i = 0; i != wanted.size(); ++i) {
    cuda::KernelOp kernel = kernelOf(lowering, launches[i]);
    EXPECT_EQ(stems(launches)[i], wanted[i].kernel) << i;
    EXPECT_EQ(launches[i].grid[0].fixed, wanted[i].blocks) << i;
    EXPECT_EQ(launches[i].blockThreads, wanted[i].threads) << i;
    EXPECT_EQ(kernel.getMinBlocks(), wanted[i].atOnce) << i;
    EXPECT_EQ(kernel.getClusterBlocks(), wanted[i].ofCluster) << i;
  }
}

/// Small layers by large clusters of small blocks, larger ones by pairs; where
/// most of the time goes to products, by blocks that know of no others.
TEST(LoweringClustersTest, ClustersShareInputsOfAFewSequencesOnHopper) {
  const PackedShape nf4 = {Scheme::Nf4, DType::F32, 0, 0, 64};
  const Model model =
      makeBench({"small", 2048, 1, 32, 8, 64, 8192, 128256, nf4, nf4});
  const Lowered lowering =
      lower(model.manifest, cuda::gpuOf(kernel_test::kHopper));
  expectSpreads(lowering, lowering.program.batches[0].launches,
                {{"embed", 8, 256, 1, 1},
                 {"matvecCluster", 192, 256, 2, 8},
                 {"attendOne", 8, 256, 1, 1},
                 {"matvecCluster", 128, 256, 2, 8},
                 {"matvecCluster", 128, 512, 1, 2},
                 {"matvecFew", 16, 512, 1, 1},
                 {"matvecFew", 126, 512, 1, 1},
                 {"chooseToken", 64, 256, 1, 1}});
  // Of more sequences the head, too, whose pairs go through many rows and leave
  // the choice.
  const std::vector<CudaLaunch> &many = lowering.program.batches[1].launches;
  expectSpreads(lowering, many,
                {{"embed", 8, 256, 1, 1},
                 {"matvecCluster", 96, 512, 1, 8},
                 {"attendOne", 8, 128, 1, 1},
                 {"matvecSplit", 128, 512, 1, 1},
                 {"matvecCluster", 128, 512, 1, 2},
                 {"matvecSplit", 128, 512, 1, 1},
                 {"matvecPair", 132, 512, 1, 2},
                 {"takeChoice", 1, 32, 1, 1}});
  EXPECT_EQ(many[1].grid[1].perTokens, 32);
  EXPECT_EQ(many[6].grid[1].perTokens, 32);
  for (const CudaBatch &batch :
       lower(model.manifest, cuda::gpuOf(kernel_test::kGeneral))
           .program.batches)
    EXPECT_THAT(stems(batch.launches),
                testing::Not(testing::Contains("matvecCluster")));
}

/// Codes that warpgroups do not take have their launches.
TEST(LoweringClustersTest, ManySequencesByClustersWhereCodesAreTaken) {
  const PackedShape bf16 = {Scheme::None, DType::BF16, 0, 0, 0};
  for (const auto &[body, isTaken] :
       {std::pair{PackedShape{Scheme::Nf4, DType::F32, 0, 0, 64}, true},
        {PackedShape{Scheme::Nf4, DType::F32, 0, 0, 32}, false},
        {PackedShape{Scheme::Q4_0, DType::F32, 0, 0, 0}, true},
        {PackedShape{Scheme::Int8, DType::F32, 0, 0, 0}, true},
        {bf16, false}}) {
    const Model model =
        makeBench({"small", 1024, 1, 16, 8, 64, 2048, 1000, body, bf16});
    const CudaProgram program =
        lower(model.manifest, cuda::gpuOf(kernel_test::kHopper)).program;
    const std::vector<std::string> names = stems(program.batches[1].launches);
    EXPECT_EQ(std::count(names.begin(), names.end(), "matvecCluster") +
                  std::count(names.begin(), names.end(), "matvecSplit"),
              isTaken ? 4 : 0);
  }
}

/// Of a norm with a mean blocks need whole rows.
TEST(LoweringClustersTest, ClustersShareNormsThatAreAFactor) {
  const PackedShape nf4 = {Scheme::Nf4, DType::F32, 0, 0, 64};
  Model model = makeBench({"small", 2048, 1, 32, 8, 64, 8192, 1000, nf4, nf4});
  for (Launch &launch : model.manifest.plan.body)
    if (launch.opcode == Opcode::RmsNorm)
      launch.opcode = Opcode::LayerNorm;
  const CudaProgram program =
      lower(model.manifest, cuda::gpuOf(kernel_test::kHopper)).program;
  EXPECT_THAT(stems(program.batches[0].launches),
              testing::ElementsAre("embed", "matvecFew", "attendOne",
                                   "matvecCluster", "matvecFew", "matvecFew",
                                   "matvecFew", "chooseToken"));
}

/// Norms behind the additions: the one before attention is o's residual.
TEST(LoweringClustersTest, AttentionInOneLaunchHasTheNormThatIsAResidual) {
  const PackedShape nf4 = {Scheme::Nf4, DType::F32, 0, 0, 64};
  const PackedShape bf16 = {Scheme::None, DType::BF16, 0, 0, 0};
  const cuda::Gpu hopper = cuda::gpuOf(kernel_test::kHopper);
  const Model model =
      makeBench({"small", 1024, 1, 16, 16, 64, 256, 1000, nf4, bf16});
  const auto configOf = [](const Lowered &lowered, const CudaLaunch &launch) {
    return configsByName(lowered).at(launch.kernel);
  };
  const auto oneLaunch = testing::ElementsAre(
      "embed", "attendLayer", "feedLayer", "matvec", "takeChoice");

  Manifest manifest = model.manifest;
  std::vector<Launch> &body = manifest.plan.body;
  const View normed = body[1].outputs[0];
  ASSERT_EQ(body[4].inputs.size(), 2u);
  body[4].inputs[1] = normed;
  const Lowered residual = lower(manifest, hopper);
  EXPECT_THAT(stems(residual.program.decode), oneLaunch);
  const CudaLaunch &attend = residual.program.decode[1];
  EXPECT_THAT(configOf(residual, attend),
              testing::HasSubstr(".addsInput = true"));
  EXPECT_FALSE(keepsNorm(residual, attend));
  // Without clusters there are two launches more, and one of the layers behind.
  EXPECT_EQ(
      lower(manifest, cuda::gpuOf(kernel_test::kGeneral)).program.decode.size(),
      residual.program.decode.size() + 3);

  // Whoever else reads the row has it from there.
  ASSERT_EQ(body.back().opcode, Opcode::RmsNorm);
  Launch &down = body[body.size() - 2];
  ASSERT_EQ(down.inputs.size(), 2u);
  std::vector<Buffer> &buffers = manifest.plan.buffers;
  buffers.push_back(buffers[size_t(normed.buffer)]);
  body[5].outputs[0].buffer = int32_t(buffers.size() - 1);
  body[6].inputs[0] = body[5].outputs[0];
  down.inputs[1] = normed;
  const Lowered read = lower(manifest, hopper);
  EXPECT_THAT(stems(read.program.decode), oneLaunch);
  EXPECT_THAT(configOf(read, read.program.decode[1]),
              testing::HasSubstr(".addsInput = true"));
  EXPECT_TRUE(keepsNorm(read, read.program.decode[1]));

  // Part of a row would be read while it is written.
  body[4].inputs[1] = {normed.buffer, normed.column + 4, normed.columns};
  EXPECT_THAT(stems(lower(manifest, hopper).program.decode),
              testing::Contains("attendOne"));
}

} // namespace
