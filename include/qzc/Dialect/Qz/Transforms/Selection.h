//===- Selection.h - Which weights are quantized -------------*- C++ -*-===//

#ifndef QZC_DIALECT_QZ_TRANSFORMS_SELECTION_H
#define QZC_DIALECT_QZ_TRANSFORMS_SELECTION_H

#include "qzc/Dialect/Qz/IR/QzDialect.h"

#include <string>
#include <vector>

namespace qzc::qz {

/// The blocks and components of a model that the quantization pass is told.
class Selection {
public:
  /// `blocks`: "LO:HI[,LO:HI…]", empty for all; `components`: names with commas
  /// between, empty for every linear layer but the head. Fails, after an
  /// error, on a malformed, empty, overlapping or out-of-range block range and
  /// on an unknown component.
  static mlir::FailureOr<Selection>
  parse(llvm::StringRef blocks, llvm::StringRef components, int64_t layers,
        llvm::function_ref<mlir::InFlightDiagnostic()> emitError);

  /// `block` is the decoder block the layer is in; proj and head are in none.
  bool selects(LinearRole role, std::optional<int64_t> block) const;
  bool selectsEmbed() const { return Embed; }

private:
  std::vector<bool> Blocks; ///< by number
  uint32_t Roles = 0;       ///< bit LinearRole
  bool Embed = false;
};

} // namespace qzc::qz

#endif // QZC_DIALECT_QZ_TRANSFORMS_SELECTION_H
