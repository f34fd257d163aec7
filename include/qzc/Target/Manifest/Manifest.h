//===- Manifest.h - From a sched program to manifest data -------*- C++ -*-===//

#ifndef QZC_TARGET_MANIFEST_MANIFEST_H
#define QZC_TARGET_MANIFEST_MANIFEST_H

#include "qzc/Format/Manifest.h"

#include "mlir/IR/BuiltinOps.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace qzc {

/// The model, tensor table and plan of the module's only `sched.program`, whose
/// memory must be planned. Left to others: offsets and f16 exponents of
/// tensors, the size and mode of the weights, where they come from, the CUDA
/// lowering, producer and selection. Failures have been reported as
/// diagnostics.
mlir::FailureOr<format::Manifest> translateToManifest(mlir::ModuleOp module);

/// The files that a program refers to.
struct ProgramSources {
  /// Their paths are relative to the module or to --weights-dir.
  std::vector<format::SourceFile> files;
  /// By tensor, in the manifest's order; nothing for synthetic weights.
  std::vector<std::optional<format::WeightRef>> refs;
  std::optional<size_t> tokenizer; ///< index into files
};

/// The files of the module's only `sched.program`.
mlir::FailureOr<ProgramSources> collectSources(mlir::ModuleOp module);

} // namespace qzc

#endif // QZC_TARGET_MANIFEST_MANIFEST_H
