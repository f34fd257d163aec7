//===- LoweringTest.cpp - Plans to launches -------------------------------===//

#include "LoweredChecks.h"
#include "Model.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <set>
#include <utility>

using namespace qzc;
using namespace qzc::format;
using namespace qzc::test;
using kernel_test::makeBench;
using kernel_test::makeCase;
using kernel_test::Model;

namespace {

/// One decoder block of a small llama, nf4.
Model smallLlama() {
  const PackedShape nf4 = {Scheme::Nf4, DType::F32, 0, 0, 64};
  const PackedShape bf16 = {Scheme::None, DType::BF16, 0, 0, 0};
  return makeBench({"small", 64, 1, 4, 2, 16, 96, 1000, nf4, bf16});
}

std::vector<const std::vector<CudaLaunch> *>
listsOf(const CudaProgram &program) {
  std::vector<const std::vector<CudaLaunch> *> lists = {
      &program.decode, &program.prefill, &program.head,   &program.score,
      &program.draw,   &program.losses,  &program.arrange};
  for (const CudaBatch &batch : program.batches)
    lists.push_back(&batch.launches);
  return lists;
}

/// Kernels that nothing launches cost the time to compile them.
void expectAllAreLaunched(const Lowered &lowering) {
  std::set<std::string> launched;
  for (const auto *list : listsOf(lowering.program))
    for (const CudaLaunch &launch : *list)
      launched.insert(launch.kernel);
  for (cuda::KernelOp kernel : lowering.kernels)
    EXPECT_EQ(launched.count(kernel.getSymName().str()), 1u)
        << kernel.getSymName().str();
}

/// What compiled code is cached by: a model in another storage has new linear
/// layers, and the rest is the same.
TEST(LoweringTest, EqualInstancesHaveEqualNamesInEveryProgram) {
  Model other = smallLlama();
  for (Tensor &tensor : other.manifest.tensors)
    if (tensor.shape.scheme == Scheme::Nf4)
      tensor.shape.scheme = Scheme::Fp4;
  const auto first = configsByName(lower(smallLlama().manifest));
  const auto second = configsByName(lower(other.manifest));
  std::set<std::string> shared;
  for (const auto &[name, config] : first)
    if (const auto found = second.find(name); found != second.end()) {
      EXPECT_EQ(found->second, config);
      shared.insert(name.substr(0, name.rfind('_')));
    } else {
      EXPECT_THAT(name, testing::ContainsRegex(
                            "^(matvec|stageColumns_|convertWeights_)"));
    }
  EXPECT_THAT(shared, testing::IsSupersetOf({"attendOne", "embed", "flash",
                                             "gemm", "chooseToken"}));
}

TEST(LoweringTest, DecodeOfALlamaBlockFusesNormsAndResiduals) {
  const CudaProgram program = lower(smallLlama().manifest).program;
  EXPECT_THAT(stems(program.decode),
              testing::ElementsAre("embed", "matvec", "attendOne", "matvec",
                                   "matvec", "matvec", "matvec", "takeChoice"));
}

TEST(LoweringTest, LogitsThatChangeBehindTheirLayerAreReadForTheChoice) {
  Model model = smallLlama();
  const View logits = model.manifest.plan.logits;
  model.manifest.plan.head.push_back(
      {Opcode::SoftCap, {logits}, {logits}, {}, SoftCapParams{30.0f}});
  const Lowered lowering = lower(model.manifest);
  const std::vector<std::string> names = stems(lowering.program.decode);
  EXPECT_EQ(names.back(), "chooseToken");
  const auto &head = lowering.program.decode[names.size() - 3];
  EXPECT_THAT(configsByName(lowering).at(head.kernel),
              testing::Not(testing::HasSubstr(".chooses")));
}

TEST(LoweringTest, AFewSequencesTakeALaunchALayerMoreStageEachInputOnce) {
  const CudaProgram program = lower(smallLlama().manifest).program;
  ASSERT_EQ(program.batches.size(), 2u);
  EXPECT_THAT(stems(program.batches[0].launches),
              testing::ElementsAre("embed", "matvecFew", "attendOne",
                                   "matvecFew", "matvecFew", "matvecFew",
                                   "matvecFew", "chooseToken"));
  EXPECT_THAT(
      stems(program.batches[1].launches),
      testing::ElementsAre("embed", "stageColumns", "matvecBatch", "attendOne",
                           "stageColumns", "matvecBatch", "stageColumns",
                           "matvecBatch", "stageColumns", "matvecBatch",
                           "stageColumns", "matvecBatch", "chooseToken"));
  EXPECT_EQ(program.batches.back().sequences, program.decodeBatch);
  EXPECT_EQ(&program.decodeOf(1), &program.decode);
  EXPECT_EQ(&program.decodeOf(8), &program.batches[0].launches);
  EXPECT_EQ(&program.decodeOf(9), &program.batches[1].launches);
  EXPECT_EQ(&program.decodeOf(64), &program.batches[1].launches);
}

TEST(LoweringTest, RowsOfANormThatAreLongAreStagedForAFewSequencesToo) {
  const PackedShape q4 = {Scheme::Q4_0, DType::F32, 0, 0, 0};
  const Model model =
      makeBench({"wide", 2560, 1, 4, 2, 64, 4096, 1000, q4, q4});
  const CudaProgram program = lower(model.manifest).program;
  ASSERT_FALSE(program.batches.empty());
  // Without a norm blocks share the row.
  EXPECT_THAT(stems(program.batches[0].launches),
              testing::ElementsAre("embed", "stageColumns", "matvecBatch",
                                   "attendOne", "matvecFew", "stageColumns",
                                   "matvecBatch", "matvecFew", "stageColumns",
                                   "matvecBatch", "chooseToken"));
}

TEST(LoweringTest, FloatsAreDecodedTokenByToken) {
  const PackedShape f32 = {Scheme::None, DType::F32, 0, 0, 0};
  const Model model = makeBench({"small", 64, 1, 4, 2, 16, 96, 1000, f32, f32});
  const Lowered lowering = lower(model.manifest);
  EXPECT_TRUE(lowering.program.batches.empty());
  expectAllAreLaunched(lowering);
}

/// Blocks of a multiprocessor that run at once, and rows of one, decide how
/// fast a large layer is.
TEST(LoweringTest, LargeLayersOfOneTokenLeaveNoMultiprocessorIdle) {
  struct Spread {
    int64_t blocks;
    uint32_t threads, atOnce;
  };
  const PackedShape int8 = {Scheme::Int8, DType::F32, 0, 0, 0};
  const PackedShape nf4 = {Scheme::Nf4, DType::F32, 0, 0, 64};
  const PackedShape bf16 = {Scheme::None, DType::BF16, 0, 0, 0};
  // 384, 256, 1,792 and 256 tiles of 16 rows for 132 multiprocessors; of the
  // smaller shape 192, 128, 1,024 and 128.
  for (const auto &[shape, wanted] :
       {std::pair<kernel_test::BenchShape, std::vector<Spread>>(
            {"large", 4096, 1, 32, 8, 128, 14336, 64, int8, bf16},
            {{384, 256, 3}, {256, 256, 2}, {256, 256, 2}, {256, 256, 2}}),
        {{"large", 4096, 1, 32, 8, 128, 14336, 64, nf4, bf16},
         {{128, 512, 1}, {256, 256, 2}, {256, 256, 2}, {256, 256, 2}}},
        {{"smaller", 2048, 1, 32, 8, 64, 8192, 64, int8, bf16},
         {{192, 256, 2}, {128, 256, 2}, {256, 256, 2}, {128, 1024, 1}}}}) {
    SCOPED_TRACE(std::string(shape.name) + " " +
                 std::string(format::name(shape.body.scheme)));
    const Model model = makeBench(shape);
    const Lowered lowering =
        lower(model.manifest, cuda::gpuOf(kernel_test::kHopper));
    std::map<std::string, uint32_t> atOnce;
    for (cuda::KernelOp kernel : lowering.kernels)
      atOnce[kernel.getSymName().str()] =
          static_cast<uint32_t>(kernel.getMinBlocks());
    std::vector<Spread> found;
    for (const CudaLaunch &launch : lowering.program.decode)
      if (launch.kernel.rfind("matvecTensor", 0) == 0)
        found.push_back(
            {launch.grid[1].fixed, launch.blockThreads, atOnce[launch.kernel]});
    ASSERT_EQ(found.size(), wanted.size());
    for (size_t i = 0; i != wanted.size(); ++i) {
      EXPECT_EQ(found[i].blocks, wanted[i].blocks) << i;
      EXPECT_EQ(found[i].threads, wanted[i].threads) << i;
      EXPECT_EQ(found[i].atOnce, wanted[i].atOnce) << i;
    }
  }
}

TEST(LoweringTest, LastNormStaysWhereTheHeadReadsItOtherwise) {
  Model model = smallLlama();
  Plan &plan = model.manifest.plan;
  Launch scale;
  scale.opcode = Opcode::Scale;
  scale.inputs = {{kHiddenBuffer, 0, 64}};
  scale.outputs = {plan.logits};
  scale.params = ScaleParams{2.0f};
  plan.head.push_back(scale);
  const CudaProgram program = lower(model.manifest).program;
  EXPECT_EQ(stems(program.decode)[6], "norm");
}

TEST(LoweringTest, PrefillConvertsOnceForEveryGemm) {
  const CudaProgram program = lower(smallLlama().manifest).program;
  EXPECT_THAT(stems(program.prefill),
              testing::ElementsAre(
                  "embed", "convertRows", "convertWeights", "convertWeights",
                  "convertWeights", "gemm", "appendCache", "flash",
                  "convertRows", "convertWeights", "gemm", "convertRows",
                  "convertWeights", "convertWeights", "gemm", "convertRows",
                  "convertWeights", "gemm", "norm"));
}

TEST(LoweringTest, WarpgroupsMultiplyPanels) {
  const CudaProgram program =
      lower(smallLlama().manifest, cuda::gpuOf({90, true, false})).program;
  const std::vector<std::string> names = stems(program.prefill);
  EXPECT_EQ(std::count(names.begin(), names.end(), "gemmPanels"), 4);
  EXPECT_EQ(std::count(names.begin(), names.end(), "gemm"), 0);
}

/// Gated layers leave the next one's operand, and weights become operands as
/// soon as the GEMM before runs.
TEST(LoweringTest, WarpgroupsConvertWeightsAheadAndLeavePanels) {
  const PackedShape nf4 = {Scheme::Nf4, DType::F32, 0, 0, 64};
  const Model model =
      makeBench({"small", 256, 1, 4, 2, 64, 512, 1000, nf4, nf4});
  const CudaProgram program =
      lower(model.manifest, cuda::gpuOf({90, true, false})).program;
  EXPECT_THAT(stems(program.prefill),
              testing::ElementsAre(
                  "embed", "convertRows", "convertWeights", "convertWeights",
                  "convertWeights", "gemmPanels", "convertWeights",
                  "appendCache", "flashPanels", "convertRows", "gemmPanels",
                  "convertWeights", "convertWeights", "convertRows",
                  "gatePanels", "convertWeights", "alignPanels", "gemmPanels",
                  "norm"));
}

/// Outputs that prefill leaves as operands are floats of decode passes alone,
/// and take no room for more tokens.
TEST(LoweringTest, WarpgroupsHaveFloatsOfGatedLayersForFewTokens) {
  constexpr int kUnits = 2048;
  const PackedShape nf4 = {Scheme::Nf4, DType::F32, 0, 0, 64};
  const Model model =
      makeBench({"small", 256, 1, 4, 2, 64, kUnits, 1000, nf4, nf4});
  const auto memoryOf = [&](bool hasWarpgroups) {
    return lower(model.manifest, cuda::gpuOf({90, hasWarpgroups, false}))
        .program.memory;
  };
  const auto isOfUnits = [](const Buffer &buffer) {
    return buffer.columns == kUnits;
  };
  const Activations without = memoryOf(false);
  const Activations with = memoryOf(true);
  EXPECT_EQ(llvm::count_if(without.buffers, isOfUnits), 1);
  EXPECT_EQ(llvm::count_if(with.buffers, isOfUnits), 0);
  EXPECT_LT(with.bytesPerToken, without.bytesPerToken);
}

/// A list's first weights wait: the list before may still be read.
TEST(LoweringTest, WarpgroupsConvertAListsFirstWeightsBehindAllBefore) {
  const PackedShape nf4 = {Scheme::Nf4, DType::F32, 0, 0, 64};
  const Model model =
      makeBench({"small", 256, 1, 4, 2, 64, 512, 1000, nf4, nf4});
  const Lowered lowering =
      lower(model.manifest, cuda::gpuOf({90, true, false}));
  const auto configs = configsByName(lowering);
  for (const auto *list : {&lowering.program.prefill, &lowering.program.head}) {
    const std::vector<std::string> names = stems(*list);
    const auto product = std::find(names.begin(), names.end(), "gemmPanels");
    ASSERT_NE(product, names.end());
    for (size_t i = 0; i != names.size(); ++i) {
      if (names[i] != "convertWeights")
        continue;
      const bool isEarly =
          configs.at((*list)[i].kernel).find(".early = true") !=
          std::string::npos;
      EXPECT_EQ(isEarly, static_cast<ptrdiff_t>(i) > product - names.begin());
    }
  }
}

/// Codes with a scale a row meet digits of what norms and attention make, f16
/// of what activations make; other storages f16 alone.
TEST(LoweringTest, WarpgroupsMultiplyCodesOfRows) {
  const PackedShape int8 = {Scheme::Int8, DType::F32, 0, 0, 0};
  const PackedShape nf4 = {Scheme::Nf4, DType::F32, 0, 0, 64};
  const auto orders = [](const PackedShape &body, const PackedShape &head,
                         const cuda::Arch &arch) {
    const Model model =
        makeBench({"small", 256, 1, 4, 2, 64, 512, 1000, body, head});
    const Lowered lowered = lower(model.manifest, cuda::gpuOf(arch));
    std::vector<std::string> found;
    for (const std::vector<CudaLaunch> *list :
         {&lowered.program.prefill, &lowered.program.head})
      for (const CudaLaunch &launch : *list)
        if (const std::string config =
                kernelOf(lowered, launch).getConfig().str();
            launch.kernel.rfind("gemm", 0) == 0 ||
            launch.kernel.rfind("gatePanels", 0) == 0) {
          const bool digits = config.find("Order::Digits") != std::string::npos;
          found.emplace_back(digits ? "digits" : "f16");
        }
    return found;
  };
  const cuda::Arch hopper = {90, true, false};
  // Of q, k and v; o; gate and up; down; the head.
  EXPECT_THAT(
      orders(int8, int8, hopper),
      testing::ElementsAre("digits", "digits", "digits", "f16", "digits"));
  EXPECT_THAT(orders(int8, nf4, hopper),
              testing::ElementsAre("digits", "digits", "digits", "f16", "f16"));
  EXPECT_THAT(orders(nf4, nf4, hopper), testing::Each("f16"));
  EXPECT_THAT(orders(int8, int8, {90, false, false}), testing::Each("f16"));
}

/// The template and heads a block of the attention of many tokens.
std::string flashOf(int64_t heads, int64_t kvHeads, int64_t headDim,
                    const cuda::Arch &arch) {
  const PackedShape int8 = {Scheme::Int8, DType::F32, 0, 0, 0};
  const Model model = makeBench(
      {"small", 64, 1, heads, kvHeads, headDim, 96, 1000, int8, int8});
  for (cuda::KernelOp kernel :
       lower(model.manifest, cuda::gpuOf(arch)).kernels) {
    if (kernel.getFunction() == "flash")
      return "flash";
    // Of its heads, and "}".
    if (kernel.getFunction() == "flashPanels")
      return "flashPanels " +
             kernel.getConfig().rsplit(' ').second.drop_back().str();
  }
  return "none";
}

TEST(LoweringTest, WarpgroupsShareKeysOfTheirHeads) {
  const cuda::Arch hopper = {90, true, false};
  EXPECT_EQ(flashOf(32, 8, 64, hopper), "flashPanels 4");
  EXPECT_EQ(flashOf(32, 8, 128, hopper), "flashPanels 2");
  EXPECT_EQ(flashOf(32, 16, 64, hopper), "flashPanels 1");
  // Fewer blocks would leave processors without work.
  EXPECT_EQ(flashOf(9, 3, 64, hopper), "flashPanels 1");
  EXPECT_EQ(flashOf(32, 8, 80, hopper), "flash");
  EXPECT_EQ(flashOf(32, 8, 64, {90, false, false}), "flash");
}

TEST(LoweringTest, WarpgroupsScoreWithoutLogits) {
  const cuda::Gpu hopper = cuda::gpuOf({90, true, false});
  const auto losses = [&](const Model &model) {
    return stems(lower(model.manifest, hopper).program.losses);
  };
  const auto alone = testing::ElementsAre("convertRows", "convertWeights",
                                          "scorePanels", "joinScores");
  Model model = smallLlama();
  EXPECT_THAT(losses(model), alone);
  EXPECT_TRUE(lower(model.manifest).program.losses.empty());

  // A soft cap or a scale behind the layer is part of it, others are not.
  Plan &plan = model.manifest.plan;
  Launch last;
  last.inputs = last.outputs = {plan.logits};
  last.opcode = Opcode::SoftCap;
  last.params = SoftCapParams{30.0f};
  plan.head.push_back(last);
  EXPECT_THAT(losses(model), alone);
  plan.head[1].opcode = Opcode::Scale;
  plan.head[1].params = ScaleParams{0.5f};
  EXPECT_THAT(losses(model), alone);
  plan.head[1].params = ScaleParams{-0.5f};
  EXPECT_TRUE(losses(model).empty());
  plan.head.push_back(last);
  EXPECT_TRUE(losses(model).empty());
}

TEST(LoweringTest, ProgramsAreSharedByGpusOfOneDescription) {
  const std::vector<cuda::ArchGroup> groups =
      cuda::groupByGpu({{80, false, false},
                        {90, true, false},
                        {90, false, false},
                        {100, false, false},
                        {80, false, true}});
  ASSERT_EQ(groups.size(), 4u);
  EXPECT_EQ(groups[0].archs.size(), 2u);
  EXPECT_EQ(groups[0].archs[1].name(), "compute_80");
  EXPECT_FALSE(groups[0].gpu.warpgroups);
  EXPECT_TRUE(groups[1].gpu.warpgroups);
  EXPECT_FALSE(groups[2].gpu.warpgroups);
}

TEST(LoweringTest, PrefillConvertsAgainForEveryNorm) {
  // Two norms without weights of one value, read by neighbouring layers.
  for (const auto &[opcode, epsilon] :
       {std::pair(Opcode::RmsNorm, 1e-6f), {Opcode::LayerNorm, 1e-5f}}) {
    Model model = smallLlama();
    Plan &plan = model.manifest.plan;
    plan.body[1].weights.clear();
    plan.body[1].params = NormParams{1e-5f, false};
    Launch norm = plan.body[1];
    Launch linear = plan.body[2];
    ASSERT_EQ(linear.opcode, Opcode::Linear);
    norm.opcode = opcode;
    norm.params = NormParams{epsilon, false};
    plan.body.insert(plan.body.begin() + 3, {norm, linear});
    const std::vector<std::string> names =
        stems(lower(model.manifest).program.prefill);
    const auto attention = std::find(names.begin(), names.end(), "appendCache");
    EXPECT_EQ(std::count(names.begin(), attention, "norm"), 0);
    EXPECT_EQ(std::count(names.begin(), attention, "convertRows"), 2);
  }
}

TEST(LoweringTest, APlanThatReadsWhatNothingWroteIsRefused) {
  Model model = smallLlama();
  Plan &plan = model.manifest.plan;
  plan.body[1].inputs[0].buffer = plan.body[2].outputs[0].buffer;
  try {
    lower(model.manifest);
    FAIL() << "no error";
  } catch (const Error &error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("reads memory that was not "
                                                 "written to"));
  }
}

TEST(LoweringTest, NormStaysWhereItsInputIsOverwritten) {
  Model model = smallLlama();
  Plan &plan = model.manifest.plan;
  // The q, k, v layer writes over the norm's input: no block may read that
  // any more once another one has written.
  const Launch &linear = plan.body[2];
  ASSERT_EQ(linear.opcode, Opcode::Linear);
  const int32_t overwritten = linear.outputs[0].buffer;
  plan.body[0].outputs[0].buffer = overwritten;
  plan.body[1].inputs[0].buffer = overwritten;
  plan.body[4].inputs[1].buffer = overwritten;
  EXPECT_EQ(stems(lower(model.manifest).program.decode)[1], "norm");
}

TEST(LoweringTest, TheFirstLayerKeepsTheNormThatIsAResidualLater) {
  const Lowered before = lower(smallLlama().manifest);
  Model model = smallLlama();
  Plan &plan = model.manifest.plan;
  ASSERT_EQ(plan.body[4].inputs.size(), 2u);
  plan.body[4].inputs[1] = plan.body[1].outputs[0];
  const Lowered after = lower(model.manifest);
  const CudaProgram &program = after.program;
  EXPECT_EQ(stems(program.decode), stems(before.program.decode));
  EXPECT_TRUE(keepsNorm(after, program.decode[1]));
  EXPECT_EQ(stems(program.batches[0].launches),
            stems(before.program.batches[0].launches));
  EXPECT_TRUE(keepsNorm(after, program.batches[0].launches[1]));
  EXPECT_EQ(stems(program.batches[1].launches),
            stems(before.program.batches[1].launches));
  EXPECT_TRUE(keepsNorm(after, program.batches[1].launches[1]));
  // Nobody else keeps one, and of many tokens nobody.
  EXPECT_FALSE(keepsNorm(after, program.decode[4]));
  EXPECT_EQ(stems(program.prefill)[1], "norm");
  expectAllAreLaunched(after);
}

TEST(LoweringTest, NormStaysWhereAnotherStepReadsItFirst) {
  Model model = smallLlama();
  Plan &plan = model.manifest.plan;
  const View normed = plan.body[1].outputs[0];
  Launch add;
  add.opcode = Opcode::Add;
  add.inputs = {normed, normed};
  add.outputs = {plan.body[1].inputs[0]};
  plan.body.insert(plan.body.begin() + 2, add);
  EXPECT_EQ(stems(lower(model.manifest).program.decode)[1], "norm");
}

TEST(LoweringTest, BuffersOfProgramsAreTheirOwn) {
  const Manifest manifest = smallLlama().manifest;
  const Activations memory = lower(manifest).program.memory;
  EXPECT_EQ(memory.hidden.columns, manifest.plan.hidden.columns);
  EXPECT_EQ(memory.logits.columns, manifest.plan.logits.columns);
  // Places are given anew, whatever the plan's are.
  EXPECT_LT(memory.bytesPerToken, manifest.plan.bytesPerToken);
}

TEST(LoweringTest, EveryLaunchPassesWhatItsKernelDeclares) {
  for (int number = 0; number < kernel_test::kCases; ++number)
    for (const cuda::Arch &arch : {cuda::Arch{80, false, false},
                                   {90, true, false},
                                   {100, false, false}}) {
      Manifest manifest = makeCase(number).manifest;
      const Lowered lowering = lower(manifest, cuda::gpuOf(arch));
      const CudaProgram &program = lowering.program;
      expectAllAreLaunched(lowering);
      manifest.cuda = {program};
      EXPECT_NO_THROW(parseManifest(toJson(manifest)));
      for (const auto *list : listsOf(program))
        for (const CudaLaunch &launch : *list) {
          cuda::KernelOp kernel = kernelOf(lowering, launch);
          const auto types = llvm::to_vector(
              kernel.getParameters().getAsValueRange<mlir::StringAttr>());
          ASSERT_EQ(types.size(), launch.args.size());
          EXPECT_EQ(kernel.getThreads(), int64_t{launch.blockThreads});
          EXPECT_EQ(kernel.getPerCacheType(), launch.perCacheType);
          for (size_t i = 0; i < launch.args.size(); ++i) {
            const CudaArg::Kind kind = launch.args[i].kind;
            EXPECT_EQ(types[i] == "int", kind == CudaArg::Kind::Int);
            EXPECT_EQ(types[i] == "qzc::CacheView",
                      kind == CudaArg::Kind::Cache);
            EXPECT_EQ(types[i] == "float", kind == CudaArg::Kind::Float);
            if (kind == CudaArg::Kind::Scratch) {
              EXPECT_LE(uint64_t(launch.args[i].a), program.scratchBytes);
              EXPECT_LT(uint64_t(launch.args[i].b),
                        std::max<uint64_t>(program.scratchBytesPerToken, 1));
            }
          }
        }
    }
}

TEST(LoweringTest, RowsOfAFusedWeightAreRunsFromAFirstRow) {
  Model model = smallLlama();
  Launch &linear = model.manifest.plan.body[2];
  auto &params = std::get<LinearParams>(linear.params);
  ASSERT_EQ(params.parts, 3);
  // 4 heads of 16 and 2 key-value heads: q, k and v behind each other, then
  // the halves of each in turn.
  for (const int64_t turns : {1, 2}) {
    params.rows = {{0, 64, 64 / turns, 128 / turns},
                   {64 / turns, 32, 32 / turns, 128 / turns},
                   {96 / turns, 32, 32 / turns, 128 / turns}};
    linear.weights.assign(3, linear.weights[0]);
    model.manifest.tensors[size_t(linear.weights[0])].shape.rows = 128;
    const Lowered lowering = lower(model.manifest);
    const CudaLaunch &matvec = lowering.program.decode[1];
    std::vector<int64_t> firsts;
    for (const CudaArg &arg : matvec.args)
      if (arg.kind == CudaArg::Kind::Int)
        firsts.push_back(arg.a);
    // Between the strides of the input and of rows that it keeps, and those of
    // a residual and of the output.
    EXPECT_THAT(firsts, testing::ElementsAre(64, 0, 0, 64 / turns, 96 / turns,
                                             0, testing::Gt(0)));
    const std::string parts =
        turns == 1 ? "{.rows = 64}, {.rows = 32}, {.rows = 32}"
                   : "{.rows = 64, .runs = {.run = 32, .stride = 64}}, "
                     "{.rows = 32, .runs = {.run = 16, .stride = 64}}";
    EXPECT_THAT(kernelOf(lowering, matvec).getConfig().str(),
                testing::HasSubstr(parts));
  }
}

TEST(LoweringTest, TooLargeHeadDimIsNamed) {
  Model model = smallLlama();
  for (Launch &launch : model.manifest.plan.body)
    if (auto *p = std::get_if<AttentionParams>(&launch.params))
      p->headDim = 257;
  try {
    lower(model.manifest);
    FAIL() << "no error";
  } catch (const Error &error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("head_dim 257"));
  }
}

} // namespace
