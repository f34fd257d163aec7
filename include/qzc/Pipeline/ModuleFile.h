//===- ModuleFile.h - Modules and the files they refer to -------*- C++ -*-===//

#ifndef QZC_PIPELINE_MODULEFILE_H
#define QZC_PIPELINE_MODULEFILE_H

#include "qzc/Pipeline/Diagnostics.h"
#include "qzc/Support/File.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

namespace qzc::pipeline {

/// Parses the module at `path`, standard input for "-". Throws qzc::Error.
mlir::OwningOpRef<mlir::ModuleOp>
parseModule(const std::string &path, mlir::MLIRContext &context,
            const DiagnosticCollector &diagnostics);

/// The module's file and those it refers to, which lie in `folder`.
std::vector<InputFile> inputsOf(mlir::ModuleOp module, const std::string &path,
                                const std::string &folder);

} // namespace qzc::pipeline

#endif // QZC_PIPELINE_MODULEFILE_H
