//===- SchedDialect.cpp - Types and attributes of the sched dialect -------===//

#include "qzc/Dialect/Sched/IR/SchedDialect.h"

#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace qzc::sched;

#include "qzc/Dialect/Sched/IR/SchedDialect.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "qzc/Dialect/Sched/IR/SchedAttrs.cpp.inc"

#define GET_TYPEDEF_CLASSES
#include "qzc/Dialect/Sched/IR/SchedTypes.cpp.inc"

void SchedDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "qzc/Dialect/Sched/IR/SchedAttrs.cpp.inc"
      >();
  addTypes<
#define GET_TYPEDEF_LIST
#include "qzc/Dialect/Sched/IR/SchedTypes.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "qzc/Dialect/Sched/IR/SchedOps.cpp.inc"
      >();
}

//===----------------------------------------------------------------------===//
// Types
//===----------------------------------------------------------------------===//

static LogicalResult
checkColumns(llvm::function_ref<InFlightDiagnostic()> emitError,
             int64_t columns) {
  if (columns < 1 || columns > BufferType::kMaxColumns)
    return emitError() << "columns must be in 1 to " << BufferType::kMaxColumns
                       << ", not " << columns;
  return success();
}

LogicalResult
BufferType::verify(llvm::function_ref<InFlightDiagnostic()> emitError,
                   int64_t columns) {
  return checkColumns(emitError, columns);
}

LogicalResult
ViewType::verify(llvm::function_ref<InFlightDiagnostic()> emitError,
                 int64_t columns) {
  return checkColumns(emitError, columns);
}

//===----------------------------------------------------------------------===//
// Attributes
//===----------------------------------------------------------------------===//

Attribute OpcodeAttr::parse(AsmParser &parser, Type) {
  StringRef keyword;
  if (parser.parseLess())
    return {};
  llvm::SMLoc where = parser.getCurrentLocation();
  if (parser.parseKeyword(&keyword))
    return {};
  std::optional<format::Opcode> opcode =
      qzc::format::parseOpcode({keyword.data(), keyword.size()});
  if (!opcode) {
    parser.emitError(where) << "unknown opcode '" << keyword << "'";
    return {};
  }
  if (parser.parseGreater())
    return {};
  return get(parser.getContext(), *opcode);
}

void OpcodeAttr::print(AsmPrinter &printer) const {
  printer << "<" << qzc::format::name(getValue()) << ">";
}
