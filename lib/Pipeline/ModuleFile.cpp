//===- ModuleFile.cpp - Modules and the files they refer to ---------------===//

#include "qzc/Pipeline/ModuleFile.h"

#include "qzc/Dialect/Qz/IR/QzDialect.h"
#include "qzc/ModuleText/ModuleText.h"

#include "mlir/Parser/Parser.h"

#include <filesystem>

namespace qzc::pipeline {

mlir::OwningOpRef<mlir::ModuleOp>
parseModule(const std::string &path, mlir::MLIRContext &context,
            const DiagnosticCollector &diagnostics) {
  const std::string text = readModuleText(path);
  auto module = mlir::parseSourceString<mlir::ModuleOp>(
      text, mlir::ParserConfig(&context), path);
  if (!module)
    diagnostics.fail("cannot read '" + path + "'");
  return module;
}

std::vector<InputFile> inputsOf(mlir::ModuleOp module, const std::string &path,
                                const std::string &folder) {
  std::vector<InputFile> inputs = {{"the module", path}};
  module.walk([&](qz::FileOp file) {
    inputs.push_back(
        {"a file of the module",
         (std::filesystem::path(folder) / file.getPath().str()).string()});
  });
  return inputs;
}

} // namespace qzc::pipeline
