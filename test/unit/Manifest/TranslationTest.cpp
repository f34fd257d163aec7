//===- TranslationTest.cpp - From qz to a manifest that verifies ----------===//

#include "qzc/Conversion/Passes.h"
#include "qzc/Dialect/Sched/Transforms/Passes.h"
#include "qzc/Format/Scheme.h"
#include "qzc/Target/Manifest/Manifest.h"

#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"

#include <gtest/gtest.h>

using namespace qzc;

namespace {

class Translation : public ::testing::Test {
protected:
  Translation() {
    Context.loadDialect<qz::QzDialect, sched::SchedDialect>();
    Module = mlir::parseSourceFile<mlir::ModuleOp>(
        QZC_TEST_DATA "/Conversion/QzToSched/qz-to-sched.mlir", &Context);
  }

  bool lower(bool plan) {
    mlir::PassManager passes(&Context);
    passes.addPass(createConvertQzToSched());
    if (plan)
      passes.addPass(sched::createSchedPlanMemory());
    return mlir::succeeded(passes.run(*Module));
  }

  mlir::MLIRContext Context;
  mlir::OwningOpRef<mlir::ModuleOp> Module;
};

TEST_F(Translation, WholeManifest) {
  ASSERT_TRUE(Module);
  ASSERT_TRUE(lower(/*plan=*/true));
  mlir::FailureOr<format::Manifest> manifest = translateToManifest(*Module);
  ASSERT_TRUE(mlir::succeeded(manifest));
  for (format::Tensor &tensor : manifest->tensors) {
    tensor.offset = manifest->weightsBytes;
    manifest->weightsBytes += format::paddedBytes(tensor.shape);
  }
  EXPECT_NO_THROW(format::verify(*manifest));
  EXPECT_EQ(format::toJson(format::parseManifest(format::toJson(*manifest))),
            format::toJson(*manifest));

  EXPECT_EQ(manifest->model.name, "m");
  EXPECT_EQ(manifest->model.bos, std::optional<int64_t>(1));
  EXPECT_EQ(manifest->model.eos, std::vector<int64_t>{2});
  EXPECT_TRUE(manifest->model.addBos);
  ASSERT_EQ(manifest->tensors.size(), 8u);
  EXPECT_EQ(manifest->tensors[0].role, "embed");
  EXPECT_EQ(manifest->tensors[0].block, -1);
  const format::Tensor &value = manifest->tensors[4];
  EXPECT_EQ(value.role, "v");
  EXPECT_EQ(value.block, 0);
  EXPECT_TRUE(value.source.transposed);
  EXPECT_EQ(value.source.rows,
            (std::vector<std::pair<int64_t, int64_t>>{{2, 4}}));

  const format::Plan &plan = manifest->plan;
  ASSERT_EQ(plan.ropes.size(), 1u);
  EXPECT_EQ(plan.ropes[0].inverseFrequencies, std::vector<float>{1.0f});
  ASSERT_EQ(plan.body.size(), 11u);
  EXPECT_EQ(plan.body[0].opcode, format::Opcode::Embed);
  const format::Launch &attention = plan.body[3];
  ASSERT_EQ(attention.opcode, format::Opcode::Attention);
  EXPECT_EQ(attention.inputs[1].buffer, attention.inputs[2].buffer);
  EXPECT_EQ(attention.inputs[2].column, 2);
  ASSERT_EQ(plan.head.size(), 2u);
  EXPECT_EQ(plan.head[0].inputs[0].buffer, format::kHiddenBuffer);
  EXPECT_EQ(plan.head[0].weights, std::vector<int32_t>{0});
  EXPECT_EQ(plan.logits.columns, 8);

  mlir::FailureOr<ProgramSources> sources = collectSources(*Module);
  ASSERT_TRUE(mlir::succeeded(sources));
  ASSERT_EQ(sources->files.size(), 2u);
  EXPECT_EQ(sources->tokenizer, std::optional<size_t>(1));
  ASSERT_EQ(sources->refs.size(), 8u);
  ASSERT_TRUE(sources->refs[0]);
  EXPECT_EQ(sources->refs[0]->offset, 100u);
  EXPECT_FALSE(sources->refs[1]);
}

TEST_F(Translation, NeedsPlannedMemory) {
  ASSERT_TRUE(Module);
  ASSERT_TRUE(lower(/*plan=*/false));
  std::string message;
  mlir::ScopedDiagnosticHandler handler(&Context,
                                        [&](mlir::Diagnostic &diagnostic) {
                                          message = diagnostic.str();
                                          return mlir::success();
                                        });
  EXPECT_TRUE(mlir::failed(translateToManifest(*Module)));
  EXPECT_NE(message.find("run sched-plan-memory"), std::string::npos);
}

} // namespace
