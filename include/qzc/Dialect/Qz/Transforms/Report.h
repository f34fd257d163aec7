//===- Report.h - What each weight costs ------------------------*- C++ -*-===//
//
// The resolved table: which weight is stored how, and what that saves. Printed
// by the compiler, and all that its --dry-run does.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_DIALECT_QZ_TRANSFORMS_REPORT_H
#define QZC_DIALECT_QZ_TRANSFORMS_REPORT_H

#include "qzc/Dialect/Qz/IR/QzDialect.h"
#include "qzc/Format/Footprint.h"

#include "mlir/IR/BuiltinOps.h"

#include <string>
#include <vector>

namespace qzc::qz {

/// One weight as it will be stored.
struct ReportRow {
  std::string name; ///< Hugging Face name, with the rows if only some are used
  std::string role; ///< as weightRole
  std::optional<int64_t> block; ///< decoder block
  format::PackedShape shape;
  bool vector = false;
  /// Bytes of the same elements in the source's type; 0 for a second copy of
  /// a weight that an earlier row has counted.
  uint64_t bytesBefore = 0;
  uint64_t bytesAfter = 0; ///< as stored, without padding
};

struct Report {
  std::vector<ReportRow> rows; ///< in the order of the module
  format::Footprint before;    ///< of the source, each weight once
  format::Footprint after;
};

/// Every weight of the module's models.
Report makeReport(mlir::ModuleOp module);

/// Aligned text, a line a matrix, one for all vectors, and the totals in each
/// convention of Footprint.h, in MB (10^6 bytes).
std::string formatReport(const Report &report);

} // namespace qzc::qz

#endif // QZC_DIALECT_QZ_TRANSFORMS_REPORT_H
