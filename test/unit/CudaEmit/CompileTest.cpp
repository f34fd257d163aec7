//===- CompileTest.cpp - NVRTC, architectures, the cache ------------------===//

#include "Lowered.h"
#include "Model.h"

#include "qzc/Support/Error.h"
#include "qzc/Target/Cuda/Compile.h"
#include "qzc/Target/Cuda/Emit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <set>

using namespace qzc;
using cuda::Arch;
using testing::HasSubstr;
using testing::Not;

namespace {

const cuda::CudaCompiler &compiler() {
  static const cuda::CudaCompiler nvrtc(QZC_NVRTC_PROGRAM);
  return nvrtc;
}

const char kSource[] = "extern \"C\" __global__ void one(int *p) { *p = 1; }";

/// A cache folder of the test's own.
class CompileTest : public testing::Test {
protected:
  void SetUp() override {
    Folder = testing::TempDir() + "/qzc-cache-" +
             testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::remove_all(Folder);
    setenv("QZC_CACHE_DIR", Folder.c_str(), 1);
  }
  void TearDown() override { std::filesystem::remove_all(Folder); }

  std::vector<std::filesystem::path> entries() const {
    std::vector<std::filesystem::path> paths;
    if (std::filesystem::exists(Folder))
      for (const auto &entry : std::filesystem::directory_iterator(Folder))
        paths.push_back(entry.path());
    return paths;
  }

  std::string Folder;
};

std::string readFile(const std::filesystem::path &path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file),
          std::istreambuf_iterator<char>()};
}

TEST(ArchTest, ParsesNames) {
  const std::vector<Arch> archs =
      cuda::parseArchs("sm_80,90a,compute_80,sm_90a");
  ASSERT_EQ(archs.size(), 3u);
  EXPECT_EQ(archs[0].name(), "sm_80");
  EXPECT_EQ(archs[1].name(), "sm_90a");
  EXPECT_EQ(archs[2].name(), "compute_80");
  EXPECT_TRUE(archs[2].ptx);
}

TEST(ArchTest, NoneIsNoArchitecture) {
  EXPECT_TRUE(cuda::parseArchs("none").empty());
}

TEST(ArchTest, ListsWhatIsSupported) {
  const auto refusal = [](const char *bad) -> std::string {
    try {
      cuda::parseArchs(bad);
    } catch (const Error &error) {
      EXPECT_EQ(error.code(), ExitCode::Usage);
      return error.what();
    }
    return "accepted";
  };
  for (const char *bad : {"sm_75", "", "sm_80,", "sm_90b", "80a"})
    EXPECT_THAT(refusal(bad), HasSubstr("sm_90a, ")) << bad;
  for (const char *bad : {"none,80", "80,none"})
    EXPECT_THAT(refusal(bad), HasSubstr("goes with no architecture")) << bad;
}

std::vector<cuda::CompiledCode> compileAll(const std::string &source,
                                           const std::vector<Arch> &archs) {
  std::vector<cuda::CompileUnit> units;
  for (const Arch &arch : archs)
    units.push_back({source, arch});
  return compiler().compile(units);
}

TEST_F(CompileTest, AllDefaultArchitectures) {
  const std::vector<cuda::CompiledCode> code =
      compileAll(kSource, cuda::defaultArchs());
  ASSERT_EQ(code.size(), cuda::defaultArchs().size());
  for (const cuda::CompiledCode &one : code) {
    if (one.arch.ptx) {
      EXPECT_THAT(one.bytes, HasSubstr(".target sm_80"));
      EXPECT_EQ(one.bytes.back(), '\0');
    } else {
      EXPECT_EQ(one.bytes.substr(0, 4), "\177ELF") << one.arch.name();
    }
  }
  EXPECT_EQ(entries().size(), code.size());
}

TEST_F(CompileTest, CachedCodeIsTheSameAndDamageIsRepaired) {
  const std::vector<Arch> archs = cuda::parseArchs("sm_80");
  const std::string first = compileAll(kSource, archs)[0].bytes;
  ASSERT_EQ(entries().size(), 1u);
  const std::string stored = readFile(entries()[0]);
  EXPECT_EQ(compileAll(kSource, archs)[0].bytes, first);

  std::string damaged = stored;
  damaged[damaged.size() / 2] ^= 1;
  std::ofstream(entries()[0], std::ios::binary) << damaged;
  EXPECT_EQ(compileAll(kSource, archs)[0].bytes, first);
  EXPECT_EQ(readFile(entries()[0]), stored);

  std::ofstream(entries()[0], std::ios::binary) << stored.substr(0, 20);
  EXPECT_EQ(compileAll(kSource, archs)[0].bytes, first);
}

TEST_F(CompileTest, WorksWithoutACache) {
  setenv("QZC_CACHE_DIR", "/dev/null/none", 1);
  EXPECT_FALSE(compileAll(kSource, cuda::parseArchs("sm_80"))[0].bytes.empty());
}

TEST_F(CompileTest, AnErrorNamesItsLineAndStoresNothing) {
  try {
    compileAll("extern \"C\" __global__ void bad() { missing(); }",
               cuda::parseArchs("sm_80,sm_90a"));
    FAIL() << "no error";
  } catch (const Error &error) {
    EXPECT_THAT(error.what(), HasSubstr("model.cu(1): error"));
    EXPECT_THAT(error.what(), HasSubstr("missing"));
  }
  EXPECT_TRUE(entries().empty());
}

TEST_F(CompileTest, WhatWasCompiledBeforeAnErrorStays) {
  const Arch arch = cuda::parseArchs("sm_80")[0];
  EXPECT_THROW(compiler().compile({{kSource, arch}, {"missing();", arch}},
                                  /*threads=*/1),
               Error);
  EXPECT_EQ(entries().size(), 1u);
}

TEST_F(CompileTest, NamesTheProgramThatCannotBeRun) {
  try {
    cuda::CudaCompiler none("/no/such/qzc-nvrtc");
    FAIL() << "no error";
  } catch (const Error &error) {
    EXPECT_STREQ(error.what(),
                 "cannot run '/no/such/qzc-nvrtc': No such file or directory");
  }
}

TEST_F(CompileTest, ALibraryThatIsNoNvrtcIsNamed) {
  setenv("QZC_NVRTC", "/no/such/libnvrtc.so", 1);
  try {
    cuda::CudaCompiler none(QZC_NVRTC_PROGRAM);
    FAIL() << "no error";
  } catch (const Error &error) {
    EXPECT_THAT(error.what(), testing::StartsWith("NVRTC cannot be opened ("));
    EXPECT_THAT(error.what(), HasSubstr("/no/such/libnvrtc.so"));
  }
  unsetenv("QZC_NVRTC");
}

/// ptxas moves loads by way of .nc behind waits and barriers: what is loaded
/// early, so that launches overlap, must not be read by it.
TEST_F(CompileTest, NoWeightOfOneTokenIsLoadedByWayOfNc) {
  const Arch target = cuda::parseArchs("compute_80")[0];
  for (const kernel_test::BenchShape &shape : kernel_test::benchShapes()) {
    if (shape.hidden > 1024)
      continue;
    SCOPED_TRACE(shape.name);
    const kernel_test::Model model = kernel_test::makeBench(shape);
    const kernel_test::Lowered lowering =
        kernel_test::lower(model.manifest, model.gpuOf(target));
    std::set<std::string> names;
    for (const format::CudaLaunch &launch : lowering.program.decode)
      if (launch.kernel.rfind("matvec", 0) == 0)
        names.insert(launch.kernel);
    std::vector<cuda::KernelOp> kernels;
    for (cuda::KernelOp kernel : lowering.kernels)
      if (names.count(kernel.getSymName().str()))
        kernels.push_back(kernel);
    const std::string ptx =
        compileAll(cuda::emitCuda(kernels), {target})[0].bytes;
    EXPECT_THAT(ptx, HasSubstr("ld.global.L1::no_allocate.L2::128B"));
    EXPECT_THAT(ptx, Not(HasSubstr("ld.global.nc")));
  }
}

/// Bytes that a kernel stores for want of registers.
int spillsOf(cuda::KernelOp kernel, const Arch &arch) {
  const std::string log =
      compiler().resourceUsage(cuda::emitCuda(llvm::ArrayRef(kernel)), arch);
  std::smatch found;
  if (!std::regex_search(log, found, std::regex("([0-9]+) bytes spill stores")))
    throw Error("no resources in " + log);
  return std::stoi(found[1]);
}

/// Registers decide how much runs at once, spills how fast: no kernel of these
/// models may spill, on any architecture.
TEST_F(CompileTest, NoKernelSpills) {
  const std::regex spill("([0-9]+) bytes spill stores");
  // Between them the cases have every kind of storage.
  for (auto [number, arch] : {std::pair(4, "sm_80"),
                              {4, "sm_90a"},
                              {4, "sm_120"},
                              {9, "sm_90a"},
                              {15, "sm_80"},
                              {40, "sm_90a"},
                              {41, "sm_80"},
                              {42, "sm_90a"},
                              {43, "sm_80"},
                              {47, "sm_90a"}}) {
    const kernel_test::Model model = kernel_test::makeCase(number);
    SCOPED_TRACE(std::string(arch) + ": " + model.description);
    const Arch target = cuda::parseArchs(arch)[0];
    const std::string source = cuda::emitCuda(
        kernel_test::lower(model.manifest, model.gpuOf(target)).kernels);
    const std::string log = compiler().resourceUsage(source, target);
    int functions = 0;
    for (auto it = std::sregex_iterator(log.begin(), log.end(), spill);
         it != std::sregex_iterator(); ++it, ++functions)
      EXPECT_EQ((*it)[1].str(), "0") << log;
    EXPECT_GT(functions, 10);
  }
}

/// A feed-forward layer in one launch has room in shared memory for chunks of
/// any storage, and registers enough: with two blocks a multiprocessor, and
/// with as many tiles as a warp may have.
TEST_F(CompileTest, FeedForwardLayersFitOfEveryStorage) {
  using format::DType;
  using format::PackedShape;
  using format::Scheme;
  const PackedShape f32 = {Scheme::None, DType::F32, 0, 0, 0};
  const PackedShape bf16 = {Scheme::None, DType::BF16, 0, 0, 0};
  const PackedShape nf4 = {Scheme::Nf4, DType::F32, 0, 0, 64};
  const PackedShape int4 = {
      Scheme::Int4, DType::F32, 0, 0, 32, format::ScaleCodec::Asym};
  const Arch hopper = kernel_test::kHopper;
  for (const auto &[shape, hidden, units] : {std::tuple(f32, 128, 1536),
                                             {bf16, 256, 2048},
                                             {nf4, 1024, 1024},
                                             {nf4, 1024, 3072},
                                             {int4, 1024, 3072}}) {
    const kernel_test::Model model =
        kernel_test::makeBench({"small", hidden, 1, hidden / 64, hidden / 64,
                                64, units, 1000, shape, bf16});
    const kernel_test::Lowered lowered =
        kernel_test::lower(model.manifest, cuda::gpuOf(hopper));
    std::vector<cuda::KernelOp> feeds;
    for (cuda::KernelOp kernel : lowered.kernels)
      if (kernel.getFunction() == "feedLayer")
        feeds.push_back(kernel);
    ASSERT_EQ(feeds.size(), 1u) << hidden;
    EXPECT_THAT(compiler().resourceUsage(cuda::emitCuda(feeds), hopper),
                HasSubstr(" 0 bytes spill stores"));
  }
}

/// Sums of integers take no more registers than those of f16 do.
TEST_F(CompileTest, ProductsOfDigitsDoNotSpill) {
  const format::PackedShape int8 = {format::Scheme::Int8, format::DType::F32, 0,
                                    0, 0};
  const Arch hopper = kernel_test::kHopper;
  const kernel_test::Model model = kernel_test::makeBench(
      {"wide", 2048, 1, 32, 8, 64, 8192, 128256, int8, int8});
  const kernel_test::Lowered lowered =
      kernel_test::lower(model.manifest, cuda::gpuOf(hopper));
  std::vector<cuda::KernelOp> products;
  for (cuda::KernelOp kernel : lowered.kernels)
    if ((kernel.getFunction() == "gemmPanels" ||
         kernel.getFunction() == "gatePanels" ||
         kernel.getFunction() == "scorePanels") &&
        kernel.getConfig().contains("Order::Digits"))
      products.push_back(kernel);
  ASSERT_GE(products.size(), 4u);
  for (cuda::KernelOp kernel : products)
    EXPECT_THAT(compiler().resourceUsage(cuda::emitCuda(llvm::ArrayRef(kernel)),
                                         hopper),
                HasSubstr(" 0 bytes spill stores"));
}

/// Layers of 32 sequences by blocks of warpgroups compile where a thread has
/// several tokens of any number of quads. The widest and gated ones spill some
/// words: a thread has 128 registers.
TEST_F(CompileTest, LayersOfManySequencesFitOfAnyWidth) {
  using format::DType;
  using format::PackedShape;
  using format::Scheme;
  const PackedShape bf16 = {Scheme::None, DType::BF16, 0, 0, 0};
  const PackedShape int8 = {Scheme::Int8, DType::F32, 0, 0, 0};
  const Arch hopper = kernel_test::kHopper;
  for (const auto &[hidden, units] : {std::pair(2560, 3136), {2048, 8192}}) {
    SCOPED_TRACE(hidden);
    const kernel_test::Model model = kernel_test::makeBench(
        {"wide", hidden, 1, hidden / 64, 8, 64, units, 1000, int8, bf16});
    const kernel_test::Lowered lowered =
        kernel_test::lower(model.manifest, cuda::gpuOf(hopper));
    std::vector<cuda::KernelOp> layers;
    for (cuda::KernelOp kernel : lowered.kernels)
      if (kernel.getFunction() == "matvecSplit" ||
          (kernel.getFunction() == "matvecCluster" &&
           kernel.getConfig().contains(".tokenTiles = 4")))
        layers.push_back(kernel);
    ASSERT_FALSE(layers.empty());
    for (cuda::KernelOp kernel : layers)
      EXPECT_LE(spillsOf(kernel, hopper), 48) << kernel.getConfig().str();
  }
}

} // namespace
