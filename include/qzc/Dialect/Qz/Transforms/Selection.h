//===- Selection.h - Which weights a command line asks for ------*- C++ -*-===//

#ifndef QZC_DIALECT_QZ_TRANSFORMS_SELECTION_H
#define QZC_DIALECT_QZ_TRANSFORMS_SELECTION_H

#include "qzc/Dialect/Qz/IR/QzDialect.h"

#include <string>
#include <vector>

namespace qzc::qz {

/// The meaning of --blocks and --components for a model of some layers.
class Selection {
public:
  /// `blocks`: "LO:HI[,LO:HI…]", empty for all; `components`: names with commas
  /// between, empty for every linear layer but the head. Throws qzc::Error
  /// (usage) on a malformed, empty, overlapping or out-of-range block range and
  /// on an unknown component.
  static Selection parse(llvm::StringRef blocks, llvm::StringRef components,
                         int64_t layers);

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
