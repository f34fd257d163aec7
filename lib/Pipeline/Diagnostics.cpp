//===- Diagnostics.cpp - MLIR diagnostics as one-line errors --------------===//

#include "qzc/Pipeline/Diagnostics.h"

#include "qzc/Support/OneLine.h"

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/Location.h"
#include "llvm/Support/raw_ostream.h"

namespace qzc::pipeline {

/// "model.mlir:12:5: message".
static std::string lineOf(mlir::Diagnostic &diagnostic) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  // Line 0 is the module itself, which no one wrote.
  if (auto location =
          diagnostic.getLocation()->findInstanceOf<mlir::FileLineColLoc>();
      location && location.getLine() != 0)
    stream << location.getFilename().getValue() << ':' << location.getLine()
           << ':' << location.getColumn() << ": ";
  stream << diagnostic;
  return oneLine(stream.str());
}

DiagnosticCollector::DiagnosticCollector(mlir::MLIRContext *context)
    : Handler(context, [this](mlir::Diagnostic &diagnostic) {
        if (diagnostic.getSeverity() != mlir::DiagnosticSeverity::Error)
          llvm::errs() << "qzc: " << lineOf(diagnostic) << '\n';
        else if (FirstError.empty())
          FirstError = lineOf(diagnostic);
        return mlir::success();
      }) {}

void DiagnosticCollector::fail(const std::string &otherwise,
                               ExitCode code) const {
  throw Error(FirstError.empty() ? otherwise : FirstError, code);
}

} // namespace qzc::pipeline
