//===- GgufBuild.h - The GGUF beside the executable -------------*- C++ -*-===//

#ifndef QZC_LIB_PIPELINE_GGUFBUILD_H
#define QZC_LIB_PIPELINE_GGUFBUILD_H

#include "qzc/Pipeline/Compiler.h"
#include "qzc/Target/Gguf/Gguf.h"

#include "mlir/IR/BuiltinOps.h"

#include <optional>
#include <string>

namespace qzc::pipeline {

/// What --gguf asks for, if it does. Planned on construction, from the module
/// before it is fused; written and named later, so that it appears together
/// with the executable or not at all.
class GgufBuild {
public:
  GgufBuild(const CompileOptions &options, mlir::ModuleOp module,
            const std::string &selection);

  /// The table of types, empty without --gguf. Warnings go to stderr.
  std::string report() const;
  /// Streams the weights, which are found from `folder` on. `statistics` are
  /// those that the executable is encoded by, or null; `codes` has what was
  /// encoded by them, and gets more.
  void write(const std::string &folder, const encode::Statistics *statistics,
             encode::CodeStore &codes);
  /// Flushes and checks the file; publish() gives it its name.
  void finish();
  void publish();

private:
  const CompileOptions &Options;
  std::optional<gguf::Plan> Plan;
  std::optional<gguf::File> File;
};

} // namespace qzc::pipeline

#endif // QZC_LIB_PIPELINE_GGUFBUILD_H
