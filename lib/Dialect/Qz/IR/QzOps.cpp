//===- QzOps.cpp - Generated definitions and custom directives of qz ------===//

#include "qzc/Dialect/Qz/IR/QzDialect.h"

#include "mlir/IR/Builders.h"

using namespace mlir;
using qzc::qz::Activation;
using qzc::qz::ActivationAttr;
using qzc::qz::LinearRole;
using qzc::qz::LinearRoleAttr;
using qzc::qz::PackingAttr;

/// rows: `[[lo, hi], …]`, kept as a flat array.
static ParseResult parseRowRanges(OpAsmParser &parser,
                                  DenseI64ArrayAttr &rows) {
  SmallVector<int64_t> bounds;
  auto parseRange = [&]() -> ParseResult {
    int64_t low = 0;
    int64_t high = 0;
    if (parser.parseLSquare() || parser.parseInteger(low) ||
        parser.parseComma() || parser.parseInteger(high) ||
        parser.parseRSquare())
      return failure();
    bounds.append({low, high});
    return success();
  };
  if (parser.parseCommaSeparatedList(AsmParser::Delimiter::Square, parseRange))
    return failure();
  rows = parser.getBuilder().getDenseI64ArrayAttr(bounds);
  return success();
}

static void printRowRanges(OpAsmPrinter &printer, Operation *,
                           DenseI64ArrayAttr rows) {
  // An odd count is rejected by the verifier, but is printed in its message.
  ArrayRef<int64_t> bounds = rows ? rows.asArrayRef() : ArrayRef<int64_t>();
  printer << "[";
  for (size_t i = 0; i < bounds.size(); i += 2) {
    printer << (i != 0 ? ", [" : "[") << bounds[i];
    if (i + 1 < bounds.size())
      printer << ", " << bounds[i + 1];
    printer << "]";
  }
  printer << "]";
}

/// `<…>`, without the attribute's name: a colon behind that would begin its
/// type.
static ParseResult parsePacking(OpAsmParser &parser, PackingAttr &packing) {
  packing = dyn_cast_or_null<PackingAttr>(PackingAttr::parse(parser, Type()));
  return success(static_cast<bool>(packing));
}

static void printPacking(OpAsmPrinter &printer, Operation *,
                         PackingAttr packing) {
  packing.print(printer);
}

/// A bare keyword of an enumeration, with the known ones in the error.
template <typename AttrT, typename Enum>
static ParseResult parseEnum(OpAsmParser &parser, const char *what,
                             unsigned last,
                             std::optional<Enum> (*symbolize)(StringRef),
                             StringRef (*stringify)(Enum), AttrT &attribute) {
  SMLoc location = parser.getCurrentLocation();
  StringRef keyword;
  if (parser.parseKeyword(&keyword))
    return failure();
  if (std::optional<Enum> value = symbolize(keyword)) {
    attribute = AttrT::get(parser.getContext(), *value);
    return success();
  }
  auto diagnostic = parser.emitError(location)
                    << "unknown " << what << " '" << keyword << "'; known are";
  for (unsigned i = 0; i <= last; ++i)
    diagnostic << (i != 0 ? ", " : " ") << stringify(static_cast<Enum>(i));
  return diagnostic;
}

static ParseResult parseLinearRole(OpAsmParser &parser, LinearRoleAttr &role) {
  return parseEnum<LinearRoleAttr, LinearRole>(
      parser, "linear role", qzc::qz::getMaxEnumValForLinearRole(),
      qzc::qz::symbolizeLinearRole, qzc::qz::stringifyLinearRole, role);
}

static void printLinearRole(OpAsmPrinter &printer, Operation *,
                            LinearRoleAttr role) {
  printer << qzc::qz::stringifyLinearRole(role.getValue());
}

static ParseResult parseActivation(OpAsmParser &parser,
                                   ActivationAttr &activation) {
  return parseEnum<ActivationAttr, Activation>(
      parser, "activation", qzc::qz::getMaxEnumValForActivation(),
      qzc::qz::symbolizeActivation, qzc::qz::stringifyActivation, activation);
}

static void printActivation(OpAsmPrinter &printer, Operation *,
                            ActivationAttr activation) {
  printer << qzc::qz::stringifyActivation(activation.getValue());
}

/// roles: `[q, k, v]`.
static ParseResult parseLinearRoles(OpAsmParser &parser, ArrayAttr &roles) {
  SmallVector<Attribute> list;
  auto parseRole = [&]() -> ParseResult {
    LinearRoleAttr role;
    if (parseLinearRole(parser, role))
      return failure();
    list.push_back(role);
    return success();
  };
  if (parser.parseCommaSeparatedList(AsmParser::Delimiter::Square, parseRole))
    return failure();
  roles = parser.getBuilder().getArrayAttr(list);
  return success();
}

static void printLinearRoles(OpAsmPrinter &printer, Operation *,
                             ArrayAttr roles) {
  printer << "[";
  llvm::interleaveComma(roles, printer, [&](Attribute role) {
    printer << qzc::qz::stringifyLinearRole(
        cast<LinearRoleAttr>(role).getValue());
  });
  printer << "]";
}

#define GET_OP_CLASSES
#include "qzc/Dialect/Qz/IR/QzOps.cpp.inc"
