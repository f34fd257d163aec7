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
  kernel.header = "Elementwise.cuh";
  kernel.function = "qzc::kernels::norm";
  kernel.interface = "NormRows";
  kernel.config = "NormRows::Config{.columns = 576}";
  kernel.argTypes = {"const float *", "int"};
  kernel.blockThreads = 256;
  EXPECT_EQ(cuda::emitCuda({kernel}),
            "#include \"Elementwise.cuh\"\n"
            "using namespace qzc::kernels;\n"
            "extern \"C\" __global__ __launch_bounds__(256, 1) void "
            "norm0(const float * v1, int v2) {\n"
            "  const auto v3 = argsOf<NormRows>(v1, v2);\n"
            "  qzc::kernels::norm<NormRows::Config{.columns = 576}>(v3);\n"
            "  return;\n"
            "}\n\n\n");
}

TEST(EmitTest, BothCacheTypes) {
  cuda::KernelInstance kernel;
  kernel.name = "flash0";
  kernel.header = "Flash.cuh";
  kernel.function = "qzc::kernels::flash";
  kernel.interface = "Flash";
  kernel.config = "Flash::Config{}";
  kernel.blockThreads = 128;
  kernel.perCacheType = true;
  const std::string text = cuda::emitCuda({kernel});
  EXPECT_THAT(text, testing::HasSubstr(
                        "flash0_f16() {\n"
                        "  const auto v1 = argsOf<Flash>();\n"
                        "  qzc::kernels::flash<Half, Flash::Config{}>(v1);"));
  EXPECT_THAT(text, testing::HasSubstr(
                        "flash0_f32() {\n"
                        "  const auto v1 = argsOf<Flash>();\n"
                        "  qzc::kernels::flash<float, Flash::Config{}>(v1);"));
  EXPECT_THAT(text, testing::HasSubstr(
                        "flash0_q8() {\n"
                        "  const auto v1 = argsOf<Flash>();\n"
                        "  qzc::kernels::flash<Byte, Flash::Config{}>(v1);"));
}

} // namespace
