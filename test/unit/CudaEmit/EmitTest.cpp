//===- EmitTest.cpp - Kernel instances as C++ text ------------------------===//

#include "Model.h"

#include "qzc/Target/Cuda/Emit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace qzc;
using kernel_test::makeCase;

namespace {

TEST(EmitTest, OneCallForAnInstance) {
  cuda::KernelInstance kernel;
  kernel.name = "norm0";
  kernel.function = "qzc::kernels::norm";
  kernel.interface = "NormRows";
  kernel.templateArgs = {"NormRows::Config{.columns = 576}"};
  kernel.argTypes = {"const float *", "int"};
  kernel.blockThreads = 256;
  // The headers of all kernels, and then:
  EXPECT_THAT(
      cuda::emitCuda({kernel}),
      testing::AllOf(
          testing::StartsWith("#include \"Elementwise.cuh\"\n"),
          testing::EndsWith(
              ".cuh\"\n"
              "using namespace qzc::kernels;\n"
              "extern \"C\" __global__ __launch_bounds__(256, 1) void "
              "norm0(const float * v1, int v2) {\n"
              "  const auto v3 = argsOf<NormRows>(v1, v2);\n"
              "  qzc::kernels::norm<NormRows::Config{.columns = 576}>(v3);\n"
              "  return;\n"
              "}\n\n\n")));
}

TEST(EmitTest, BothCacheTypes) {
  cuda::KernelInstance kernel;
  kernel.name = "flash0";
  kernel.function = "qzc::kernels::flash";
  kernel.templateArgs = {"9"};
  kernel.blockThreads = 128;
  kernel.perCacheType = true;
  const std::string text = cuda::emitCuda({kernel});
  EXPECT_THAT(text, testing::HasSubstr("flash0_f16() {\n"
                                       "  qzc::kernels::flash<Half, 9>();"));
  EXPECT_THAT(text, testing::HasSubstr("flash0_f32() {\n"
                                       "  qzc::kernels::flash<float, 9>();"));
  EXPECT_THAT(text, testing::HasSubstr("flash0_q8() {\n"
                                       "  qzc::kernels::flash<Byte, 9>();"));
}

} // namespace
