//===- Diagnostics.h - MLIR diagnostics as one-line errors ------*- C++ -*-===//

#ifndef QZC_PIPELINE_DIAGNOSTICS_H
#define QZC_PIPELINE_DIAGNOSTICS_H

#include "qzc/Support/Error.h"

#include "mlir/IR/Diagnostics.h"

#include <string>

namespace qzc::pipeline {

/// While it lives, collects the context's errors; the first one is what a user
/// is told, since the others follow from it. Warnings and remarks go to stderr.
class DiagnosticCollector {
public:
  explicit DiagnosticCollector(mlir::MLIRContext *context);

  /// Throws the first error as qzc::Error, or `otherwise` if none was reported.
  [[noreturn]] void fail(const std::string &otherwise,
                         ExitCode code = ExitCode::Failed) const;

private:
  std::string FirstError;
  mlir::ScopedDiagnosticHandler Handler;
};

} // namespace qzc::pipeline

#endif // QZC_PIPELINE_DIAGNOSTICS_H
