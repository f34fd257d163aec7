//===- EmitTest.cpp - Kernel instances as C++ text ------------------------===//

#include "qzc/Target/Cuda/Emit.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace qzc;

namespace {

/// The C++ of a program's kernels.
std::string emit(const std::string &kernels) {
  mlir::MLIRContext context;
  context.loadDialect<cuda::CudaDialect>();
  mlir::OwningOpRef<mlir::ModuleOp> module =
      mlir::parseSourceString<mlir::ModuleOp>(
          "cuda.program for #cuda.gpu<processors = 1, cluster_blocks = 8, "
          "shared_bytes = 1, l2_bytes = 1> attributes {decode_batch = 1 : i64, "
          "tile_queries = 1 : i64, page_positions = 0 : i64} {" +
              kernels + "}",
          &context);
  if (!module)
    return "";
  return cuda::emitCuda(*module->getOps<cuda::ProgramOp>().begin());
}

TEST(EmitTest, OneCallForAnInstance) {
  EXPECT_EQ(emit(R"(cuda.kernel @norm0 "norm" of "NormRows" in "Elementwise.cuh"
                      config "NormRows::Config{.columns = 576}"
                      ["const float *", "int"] threads 256)"),
            "#include \"Elementwise.cuh\"\n"
            "using namespace qzc::kernels;\n"
            "extern \"C\" __global__ __launch_bounds__(256, 1) void "
            "norm0(const float * v1, int v2) {\n"
            "  const auto v3 = argsOf<NormRows>(v1, v2);\n"
            "  qzc::kernels::norm<NormRows::Config{.columns = 576}>(v3);\n"
            "  return;\n"
            "}\n\n\n");
}

TEST(EmitTest, AllCacheTypes) {
  const std::string text =
      emit(R"(cuda.kernel @flash0 "flash" of "Flash" in "Flash.cuh"
                config "Flash::Config{}" [] threads 128 per_cache_type)");
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

TEST(EmitTest, ClustersAreTheKernels) {
  EXPECT_THAT(
      emit(R"(cuda.kernel @k "k" of "K" in "K.cuh" config "K::Config{}"
                        [] threads 64 min_blocks 2 cluster_blocks 8)"),
      testing::HasSubstr("extern \"C\" __global__ __launch_bounds__(64, "
                         "2) __cluster_dims__(8) void k() {"));
}

} // namespace
