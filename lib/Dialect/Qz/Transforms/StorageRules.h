//===- StorageRules.h - REGEX=SPEC, in order --------------------*- C++ -*-===//

#ifndef QZC_LIB_DIALECT_QZ_TRANSFORMS_STORAGERULES_H
#define QZC_LIB_DIALECT_QZ_TRANSFORMS_STORAGERULES_H

#include "qzc/Format/Scheme.h"

#include "mlir/IR/Diagnostics.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/Support/Regex.h"

#include <vector>

namespace qzc::qz {

/// A spec for the weights with a name in which an extended regular expression
/// matches.
struct StorageRule {
  std::string text;
  llvm::Regex regex;
  format::StorageSpec spec;
  bool matched = false; ///< some weight
};

using EmitError = llvm::function_ref<mlir::InFlightDiagnostic()>;

/// Reads rules, split at the last '='. Fails, after an error, on one that is no
/// REGEX=SPEC.
mlir::LogicalResult parseRules(llvm::ArrayRef<std::string> rules,
                               EmitError emitError,
                               std::vector<StorageRule> &parsed);

/// Fails, after an error, on a block size or scale codec of what is not
/// quantized.
mlir::LogicalResult checkSpec(const format::StorageSpec &spec,
                              EmitError emitError);

/// Reads a spec. Fails, after an error, on what is none.
mlir::FailureOr<format::StorageSpec> parseSpec(llvm::StringRef text,
                                               EmitError emitError);

} // namespace qzc::qz

#endif // QZC_LIB_DIALECT_QZ_TRANSFORMS_STORAGERULES_H
