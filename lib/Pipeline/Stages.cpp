//===- Stages.cpp - The compiler's passes, stage by stage -----------------===//

#include "Stages.h"

#include "qzc/Passes.h"

namespace qzc::pipeline {

Stages::Stages(mlir::ModuleOp module, const DiagnosticCollector &diagnostics)
    : Module(module), Diagnostics(diagnostics) {
  mlir::registerPassManagerCLOptions(); // a library's caller may not have
  mlir::applyDefaultTimingManagerCLOptions(Timing);
  Total = Timing.getRootScope();
}

void Stages::run(const char *stage,
                 llvm::function_ref<void(mlir::OpPassManager &)> build,
                 ExitCode code) {
  mlir::PassManager passes(Module.getContext());
  build(passes);
  if (failed(mlir::applyPassManagerCLOptions(passes)))
    Diagnostics.fail("these --mlir options do not go together",
                     ExitCode::Usage);
  mlir::TimingScope scope = Total.nest(stage);
  passes.enableTiming(scope);
  if (failed(passes.run(Module)))
    Diagnostics.fail(std::string("the ") + stage + " failed", code);
}

void Stages::select(const CompileOptions &options) {
  const Recipe &recipe = options.recipe;
  SelectionOptions selection;
  selection.scheme = recipe.scheme;
  selection.blocks = recipe.blocks;
  selection.components = recipe.components;
  selection.blockSize = recipe.blockSize;
  selection.doubleQuant = recipe.doubleQuant;
  selection.requantize = recipe.requantize;
  selection.mix = recipe.mix;
  selection.rules = recipe.rules;
  selection.method = recipe.method.value_or("rtn");
  selection.dtype = recipe.dtype;
  // What these passes refuse is what the options ask for.
  run(
      "selection",
      [&](mlir::OpPassManager &passes) {
        buildSelectionPipeline(passes, selection);
      },
      ExitCode::Usage);
}

void Stages::fuse() { run("fusion", buildFusionPipeline); }

void Stages::schedule() { run("scheduling", buildSchedulePipeline); }

} // namespace qzc::pipeline
