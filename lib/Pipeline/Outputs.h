//===- Outputs.h - The files that a compilation writes ----------*- C++ -*-===//

#ifndef QZC_LIB_PIPELINE_OUTPUTS_H
#define QZC_LIB_PIPELINE_OUTPUTS_H

#include "qzc/Pipeline/Compiler.h"

#include "mlir/IR/BuiltinOps.h"

#include <string>

namespace qzc::pipeline {

/// Throws qzc::Error (usage) where the outputs that the options name contradict
/// each other or other options, two are one file, or there is none.
void checkOutputs(const CompileOptions &options);

/// Throws qzc::Error (usage) where an output is the module, the runtime, or a
/// file that the module's only qz.model refers to, as found from `folder` on.
void checkInputsAreKept(const CompileOptions &options, mlir::ModuleOp module,
                        const std::string &folder);

} // namespace qzc::pipeline

#endif // QZC_LIB_PIPELINE_OUTPUTS_H
