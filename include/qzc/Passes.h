//===- Passes.h - The pipelines of a compilation ----------------*- C++ -*-===//
//
// What qzc runs between reading a module and translating it, stage by stage;
// `qzc-opt --qzc-compile="scheme=nf4"` runs all of it.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_PASSES_H
#define QZC_PASSES_H

#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassOptions.h"

#include <string>

namespace qzc {

/// How weights are stored: the options of qz-quantize and qz-method, and of
/// qz-cast where there is a dtype.
struct SelectionOptions : mlir::PassPipelineOptions<SelectionOptions> {
  Option<std::string> scheme{
      *this, "scheme", llvm::cl::init("none"),
      llvm::cl::desc("how the selected layers are stored")};
  Option<std::string> blocks{*this, "blocks",
                             llvm::cl::desc("decoder blocks, LO:HI[,LO:HI…]")};
  Option<std::string> components{*this, "components",
                                 llvm::cl::desc("layers or groups of layers")};
  Option<int64_t> blockSize{
      *this, "block-size", llvm::cl::init(0),
      llvm::cl::desc("elements that share a scale; 0: the scheme's own")};
  Option<bool> doubleQuant{*this, "double-quant", llvm::cl::init(false),
                           llvm::cl::desc("quantize the scales too")};
  Option<bool> requantize{
      *this, "requantize", llvm::cl::init(false),
      llvm::cl::desc("select what the checkpoint holds quantized, too")};
  Option<std::string> mix{*this, "mix",
                          llvm::cl::desc("what llama-quantize would choose")};
  ListOption<std::string> rules{
      *this, "rules", llvm::cl::desc("REGEX=SPEC for the weights of a name")};
  Option<std::string> method{*this, "method", llvm::cl::init("rtn"),
                             llvm::cl::desc("how codes are chosen")};
  Option<std::string> dtype{*this, "dtype",
                            llvm::cl::desc("type of what is not quantized")};
};

/// Decides what is quantized and how the rest is stored.
void buildSelectionPipeline(mlir::OpPassManager &passes,
                            const SelectionOptions &options);

/// Joins operations and verifies that what is left can be lowered.
void buildFusionPipeline(mlir::OpPassManager &passes);

/// Lowers to launches on buffers with planned memory, and verifies the plan.
void buildSchedulePipeline(mlir::OpPassManager &passes);

/// Registers the stages together as `qzc-compile`.
void registerPipelines();

} // namespace qzc

#endif // QZC_PASSES_H
