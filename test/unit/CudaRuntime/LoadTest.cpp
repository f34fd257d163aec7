//===- LoadTest.cpp - Drivers, devices and modules that will not do -------===//

#include "CudaFixture.h"

#include <algorithm>

using namespace qzc;
using namespace qzc::test;
using testing::HasSubstr;

namespace {
using LoadTest = CudaFixture;

TEST_F(LoadTest, NamesAMissingDriver) {
  EXPECT_THAT(errorOf([&] {
                runtime::openCudaEngine(Image, {}, "libnosuchcuda.so.1");
              }),
              HasSubstr("no NVIDIA driver: libnosuchcuda.so.1"));
  EXPECT_FALSE(runtime::Driver::devicePresent("libnosuchcuda.so.1"));
}

TEST_F(LoadTest, NamesADriverWithoutTheEntries) {
  EXPECT_THAT(
      errorOf([&] { runtime::openCudaEngine(Image, {}, QZC_OLD_CUDA); }),
      HasSubstr("too old"));
  // It shows a device: --device=auto must not fall back to the CPU quietly.
  EXPECT_TRUE(runtime::Driver::devicePresent(QZC_OLD_CUDA));
}

TEST_F(LoadTest, NamesAnAbsentDevice) {
  Fake->initResult = CUDA_ERROR_NO_DEVICE;
  EXPECT_THAT(openError(), HasSubstr("no CUDA device"));
  EXPECT_FALSE(runtime::Driver::devicePresent(QZC_FAKE_CUDA));
  Fake->initResult = CUDA_SUCCESS;
  Fake->deviceCount = 0;
  EXPECT_THAT(openError(), HasSubstr("no CUDA device"));
  EXPECT_FALSE(runtime::Driver::devicePresent(QZC_FAKE_CUDA));
}

TEST_F(LoadTest, ABrokenDriverIsPresent) {
  Fake->initResult = CUDA_ERROR_SYSTEM_DRIVER_MISMATCH;
  EXPECT_THAT(openError(), HasSubstr("different versions"));
  EXPECT_TRUE(runtime::Driver::devicePresent(QZC_FAKE_CUDA));
}

TEST_F(LoadTest, NamesADriverOlderThanTheImage) {
  Fake->driverVersion = 11080;
  EXPECT_THAT(openError(), HasSubstr("the NVIDIA driver (CUDA 11.8) is too old "
                                     "for this image, made by NVRTC 12.9: its "
                                     "code needs one for CUDA 12.0 or newer "
                                     "(driver 525)"));
}

TEST_F(LoadTest, SaysThatPtxNeedsANewerDriverThanCubins) {
  Fake->loadResult = CUDA_ERROR_UNSUPPORTED_PTX_VERSION;
  runtime::EngineOptions options;
  options.forcePtx = true;
  EXPECT_THAT(
      openError(options),
      HasSubstr("the NVIDIA driver (CUDA 12.4) is too old for this "
                "image's compute_80 (PTX), made by NVRTC 12.9: PTX needs "
                "one for CUDA 12.9 or newer (driver 575)"));
}

TEST_F(LoadTest, ShowsTheCompilersLog) {
  Fake->loadResult = CUDA_ERROR_INVALID_PTX;
  Fake->loadLog = "line 3; syntax error\nline 4; another\n";
  EXPECT_THAT(openError(), HasSubstr("line 3; syntax error line 4; another"));
}

TEST_F(LoadTest, LoadsTheCubinOrThePtx) {
  EXPECT_EQ(open()->describe(), "Fake GPU (sm_90a)");
  EXPECT_EQ(Fake->loadedImage, "sm90a");
  runtime::EngineOptions options;
  options.forcePtx = true;
  EXPECT_EQ(open(options)->describe(), "Fake GPU (sm_90, compute_80 (PTX))");
  EXPECT_EQ(Fake->loadedImage, "ptx80");
}

TEST_F(LoadTest, NamesAGpuOlderThanTheImage) {
  Fake->major = 7;
  Fake->minor = 5;
  EXPECT_THAT(openError(), HasSubstr("'Fake GPU' (sm_75) is older than all"));
}

TEST_F(LoadTest, NamesAMissingKernel) {
  Fake->kernels.erase("score");
  EXPECT_THAT(openError(), HasSubstr("finding kernel score"));
  const std::string none = format::packModules({});
  Image.Code[2].section = none;
  EXPECT_EQ(openError(),
            "this image's sm_90a has no kernel body: compile it again");
}

TEST_F(LoadTest, NamesTheCodeThatIsDamaged) {
  Image.Code[2].section = "sm90a";
  EXPECT_THAT(openError(), HasSubstr("this image's sm_90a has no kernels as "
                                     "they are packed"));
}

TEST_F(LoadTest, PtxEndsWithItsOnlyNul) {
  runtime::EngineOptions options;
  options.forcePtx = true;
  for (std::string_view text :
       {std::string_view("ptxx", 4), std::string_view("p\0x\0", 4)}) {
    const std::string bent = Image.packed(text);
    Image.Code[3].section = bent;
    EXPECT_EQ(openError(options), "this image's compute_80 (PTX) is no "
                                  "NUL-terminated text: compile it again");
  }
}

TEST_F(LoadTest, NamesTheKernelThatDoesNotLaunch) {
  Fake->launchResult = CUDA_ERROR_INVALID_VALUE;
  EXPECT_THAT(openError(), HasSubstr("launching kernel step"));
}

TEST_F(LoadTest, SaysHowMuchMemoryIsShort) {
  Fake->freeBytes = 50000000;
  EXPECT_THAT(openError(), HasSubstr("out of GPU memory: 67 MB are needed"));
  EXPECT_THAT(openError(),
              HasSubstr("50 MB are free: use a smaller --context"));
  Fake->freeBytes = size_t{1} << 30;
  Fake->allocResult = CUDA_ERROR_OUT_OF_MEMORY;
  EXPECT_THAT(openError(),
              HasSubstr("out of GPU memory: 0 MB for the weights"));
}

TEST_F(LoadTest, AllowsSharedMemoryWhereItIsUsed) {
  open();
  // 48 KiB are too many beside what a kernel declares itself.
  EXPECT_EQ(
      Fake->sharedAllowed,
      (std::map<std::string, int>{{"body", 64 * 1024}, {"head", 48 * 1024}}));
}

TEST_F(LoadTest, ALaunchTakesNoSharedMemoryFromAnotherOfItsKernel) {
  std::vector<format::CudaLaunch> &prefill = Image.Manifest.cuda[0].prefill;
  prefill.push_back(prefill[0]);
  prefill.back().sharedBytes = 1024;
  auto text = openText();
  const int32_t token = 1;
  text->prefill(&token, 1, nullptr);
  EXPECT_EQ(Fake->sharedAllowed.at("body"), 64 * 1024);
}

TEST_F(LoadTest, WeightsAreArrangedOnceBehindTheirCopy) {
  using Kind = format::CudaArg::Kind;
  Image.Manifest.cuda[0].arrange = {
      tinyLaunch("arrange", {{Kind::State, 0, 0, 0}, {Kind::Tensor, 0, 0, 0}})};
  runtime::EngineOptions options;
  options.context = kContext;
  options.chunk = 4;
  auto text = openText(options);
  const std::vector<int32_t> tokens = {5, 0, 19, 7, 7, 3, 11, 2, 13};
  text->prefill(tokens.data(), 3, nullptr);
  text->prefill(tokens.data() + 3, 6, nullptr);
  ASSERT_EQ(Fake->launches[0].kernel, "arrange");
  EXPECT_EQ(std::count_if(Fake->launches.begin(), Fake->launches.end(),
                          [](const auto &l) { return l.kernel == "arrange"; }),
            1);
  const auto *weights = Fake->launches[0].pointer<unsigned char>(1);
  EXPECT_EQ(weights[0], static_cast<unsigned char>(Image.Bytes[0]) + 1);
  EXPECT_EQ(weights[1], static_cast<unsigned char>(Image.Bytes[1]));
}
} // namespace
