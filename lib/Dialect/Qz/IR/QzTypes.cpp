//===- QzTypes.cpp - !qz.packed, !qz.rows ---------------------------------===//

#include "qzc/Dialect/Qz/IR/QzDialect.h"

#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

#define GET_TYPEDEF_CLASSES
#include "qzc/Dialect/Qz/IR/QzTypes.cpp.inc"

namespace qzc::qz {

void QzDialect::registerTypes() {
  addTypes<
#define GET_TYPEDEF_LIST
#include "qzc/Dialect/Qz/IR/QzTypes.cpp.inc"
      >();
}

format::PackedShape PackedType::getShape() const {
  format::PackedShape shape;
  shape.scheme = getScheme();
  shape.rows = getRows();
  shape.cols = getCols();
  shape.blockSize = getBlockSize();
  shape.doubleQuant = getDoubleQuant();
  return shape;
}

uint64_t PackedType::getStoredBytes() const {
  return format::storedBytes(getShape());
}

LogicalResult PackedType::verify(function_ref<InFlightDiagnostic()> emitError,
                                 int64_t rows, int64_t cols,
                                 format::Scheme scheme, int64_t blockSize,
                                 bool doubleQuant) {
  // (C1)
  if (scheme == format::Scheme::None)
    return emitError() << "a packed weight needs a scheme that quantizes";
  // (C2)
  format::PackedShape shape;
  shape.scheme = scheme;
  shape.rows = rows;
  shape.cols = cols;
  shape.blockSize = blockSize;
  shape.doubleQuant = doubleQuant;
  if (auto problem = format::checkShape(shape)) {
    std::string_view name = format::name(scheme);
    auto diagnostic = emitError();
    diagnostic << StringRef(name.data(), name.size()) << " of " << rows << "x"
               << cols;
    if (blockSize != 0)
      diagnostic << ", block " << blockSize;
    return diagnostic << (doubleQuant ? ", double" : "") << ": "
                      << StringRef(problem->data(), problem->size());
  }
  return success();
}

// `<` OUTxIN `,` scheme (`,` `block` `=` size)? (`,` `double`)? `>`
Type PackedType::parse(AsmParser &parser) {
  SMLoc start = parser.getCurrentLocation();
  SmallVector<int64_t, 2> extents;
  if (parser.parseLess() ||
      parser.parseDimensionList(extents, /*allowDynamic=*/false,
                                /*withTrailingX=*/false))
    return {};
  if (extents.size() != 2) {
    parser.emitError(start, "expected two extents, OUTxIN");
    return {};
  }
  StringRef keyword;
  SMLoc schemeLoc;
  if (parser.parseComma() || parser.getCurrentLocation(&schemeLoc) ||
      parser.parseKeyword(&keyword))
    return {};
  auto scheme = format::parseScheme({keyword.data(), keyword.size()});
  if (!scheme) {
    parser.emitError(schemeLoc) << "unknown scheme '" << keyword << "'";
    return {};
  }
  int64_t blockSize = format::defaultBlockSize(*scheme);
  bool doubleQuant = false;
  if (succeeded(parser.parseOptionalComma())) {
    doubleQuant = succeeded(parser.parseOptionalKeyword("double"));
    if (!doubleQuant && (parser.parseKeyword("block") || parser.parseEqual() ||
                         parser.parseInteger(blockSize)))
      return {};
    if (!doubleQuant && succeeded(parser.parseOptionalComma())) {
      if (parser.parseKeyword("double"))
        return {};
      doubleQuant = true;
    }
  }
  if (parser.parseGreater())
    return {};
  return parser.getChecked<PackedType>(start, parser.getContext(), extents[0],
                                       extents[1], *scheme, blockSize,
                                       doubleQuant);
}

void PackedType::print(AsmPrinter &printer) const {
  std::string_view scheme = format::name(getScheme());
  printer << "<" << getRows() << "x" << getCols() << ", "
          << StringRef(scheme.data(), scheme.size());
  if (getBlockSize() != 0)
    printer << ", block = " << getBlockSize();
  if (getDoubleQuant())
    printer << ", double";
  printer << ">";
}

LogicalResult RowsType::verify(function_ref<InFlightDiagnostic()> emitError,
                               int64_t rows, PackedType whole) {
  // (C1)
  if (rows < 1 || rows > whole.getRows())
    return emitError() << rows << " rows of a weight of " << whole.getRows();
  return success();
}

} // namespace qzc::qz
