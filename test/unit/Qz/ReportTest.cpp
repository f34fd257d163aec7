//===- ReportTest.cpp - The table of what each weight costs ---------------===//

#include "qzc/Dialect/Qz/Transforms/Report.h"

#include "qzc/Dialect/Qz/Transforms/Passes.h"

#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"

#include <gtest/gtest.h>

namespace qzc::qz {
namespace {

const char *const text = R"(
qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 64 : i64,
    vocab = 128 : i64, context = 16 : i64, eos = array<i64: 2>,
    add_bos = false} {
  qz.graph(%t : tensor<?xi32>) -> tensor<?x128xf32> {
    %e = qz.param "embed" : tensor<128x64xbf16>
    %x0 = qz.embed %t, %e : tensor<128x64xbf16> -> tensor<?x64xf32>
    %x1 = qz.block 0 (%x = %x0) : tensor<?x64xf32> {
      %g = qz.param "norm" : tensor<64xbf16>
      %s = qz.param "shift" : tensor<64xbf16>
      %n = qz.layer_norm %x, %g bias %s eps 1.0e-5
        : tensor<?x64xf32>, tensor<64xbf16>, tensor<64xbf16>
      %w = qz.param "qkv" transposed rows [[0, 64]]
        source tensor<64x192xf32> : tensor<64x64xf32>
      %b = qz.param "bias" : tensor<64xf32>
      %q = qz.linear q %n, %w bias %b
        : (tensor<?x64xf32>, tensor<64x64xf32>, tensor<64xf32>)
          -> tensor<?x64xf32>
      qz.yield %q : tensor<?x64xf32>
    }
    %l = qz.linear head %x1, %e
      : (tensor<?x64xf32>, tensor<128x64xbf16>) -> tensor<?x128xf32>
    qz.return %l : tensor<?x128xf32>
  }
})";

class ReportTest : public testing::Test {
protected:
  ReportTest() {
    Context.loadDialect<QzDialect>();
    Module = mlir::parseSourceString<mlir::ModuleOp>(text, &Context);
  }

  void quantize(const char *scheme, const char *components) {
    mlir::PassManager passes(&Context);
    QzQuantizeOptions options;
    options.scheme = scheme;
    options.components = components;
    passes.addPass(createQzQuantize(options));
    ASSERT_TRUE(mlir::succeeded(passes.run(*Module)));
  }

  mlir::MLIRContext Context;
  mlir::OwningOpRef<mlir::ModuleOp> Module;
};

TEST_F(ReportTest, CountsWhatIsStored) {
  ASSERT_TRUE(Module);
  quantize("nf4", "");
  Report report = makeReport(*Module);
  ASSERT_EQ(report.rows.size(), 5U);
  EXPECT_EQ(report.rows[0].role, "embed");
  EXPECT_FALSE(report.rows[0].block);
  EXPECT_EQ(report.rows[0].bytesAfter, 128U * 64 * 2);
  EXPECT_EQ(report.rows[1].role, "norm");
  EXPECT_TRUE(report.rows[1].vector);
  EXPECT_EQ(report.rows[2].role, "bias");
  const ReportRow &weight = report.rows[3];
  EXPECT_EQ(weight.name, "qkv[0:64]");
  EXPECT_EQ(weight.role, "q");
  EXPECT_EQ(weight.block, 0);
  EXPECT_EQ(weight.bytesBefore, 64U * 64 * 4);
  EXPECT_EQ(weight.bytesAfter, 64U * 64 / 2 + 64 * 4);
  EXPECT_EQ(format::describeStorage(weight.shape), "nf4/64");
  EXPECT_EQ(report.rows[4].role, "bias");
  EXPECT_EQ(report.before.packed, 16384U + 256 + 16384 + 256);
  EXPECT_EQ(report.after.packed, 16384U + 256 + 2304 + 256);
  // Scales are no parameters.
  EXPECT_EQ(report.before.hfFootprint, report.before.packed);
  EXPECT_EQ(report.after.hfFootprint, 16384U + 256 + 2048 + 256);
  EXPECT_EQ(
      formatReport(report),
      "layer                        shape   stored as  MB before  MB after\n"
      "embed                        128x64  bf16           0.016     0.016\n"
      "qkv[0:64]                    64x64   nf4/64         0.016     0.002\n"
      "3 norms and biases                                  0.001     0.001\n"
      "total, packed                                       0.033     0.019\n"
      "total, hf-footprint                                 0.033     0.019\n"
      "total, hf-footprint+buffers                         0.033     0.019\n");
}

TEST_F(ReportTest, CountsATiedSourceOnce) {
  ASSERT_TRUE(Module);
  quantize("int8", "head");
  Report report = makeReport(*Module);
  ASSERT_EQ(report.rows.size(), 6U);
  EXPECT_EQ(report.rows[0].role, "embed");
  EXPECT_EQ(report.rows[1].name, "embed");
  EXPECT_EQ(report.rows[1].role, "head");
  EXPECT_EQ(report.rows[1].bytesBefore, 0U);
  EXPECT_EQ(report.rows[1].bytesAfter, 128U * 64 + 128 * 4);
  EXPECT_EQ(report.before.packed, 16384U + 256 + 16384 + 256);
}

} // namespace
} // namespace qzc::qz
