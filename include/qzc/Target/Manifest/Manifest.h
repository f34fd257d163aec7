//===- Manifest.h - From a sched program to manifest data -------*- C++ -*-===//

#ifndef QZC_TARGET_MANIFEST_MANIFEST_H
#define QZC_TARGET_MANIFEST_MANIFEST_H

#include "qzc/Format/Manifest.h"
#include "qzc/Format/Packing.h"

#include "mlir/IR/BuiltinOps.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace qzc {

/// The model, tensor table and plan of the module's only `sched.program`, whose
/// memory must be planned. Left to others: offsets and f16 exponents of
/// tensors, the size and mode of the weights, the CUDA lowering, producer and
/// selection. Failures have been reported as diagnostics.
mlir::FailureOr<format::Manifest> translateToManifest(mlir::ModuleOp module);

/// A file that the program refers to, as the import saw it.
struct ProgramFile {
  std::string path; ///< relative to the module or to --weights-dir
  uint64_t bytes = 0;
  std::string sha256; ///< lower-case hexadecimal
};

/// Where a tensor's source is.
struct ProgramOrigin {
  size_t file = 0; ///< index into ProgramSources::files
  uint64_t offset = 0;
  /// In place of both, of a weight that is quantized already; its tensors'
  /// files are such indices, too.
  std::optional<format::PackedSource> packed;
};

/// What the manifest does not keep because the executable does not need it.
struct ProgramSources {
  std::vector<ProgramFile> files;
  /// By tensor, in the manifest's order; nothing for synthetic weights.
  std::vector<std::optional<ProgramOrigin>> origins;
  std::optional<size_t> tokenizer; ///< index into files
};

/// The files of the module's only `sched.program`.
mlir::FailureOr<ProgramSources> collectSources(mlir::ModuleOp module);

} // namespace qzc

#endif // QZC_TARGET_MANIFEST_MANIFEST_H
