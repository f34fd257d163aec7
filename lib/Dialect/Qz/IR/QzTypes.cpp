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
  shape.scales = getScales();
  return shape;
}

uint64_t PackedType::getStoredBytes() const {
  return format::storedBytes(getShape());
}

static StringRef toRef(std::string_view text) {
  return {text.data(), text.size()};
}

LogicalResult PackedType::verify(function_ref<InFlightDiagnostic()> emitError,
                                 int64_t rows, int64_t cols,
                                 format::Scheme scheme, int64_t blockSize,
                                 format::ScaleCodec scales) {
  // (C1)
  if (scheme == format::Scheme::None)
    return emitError() << "a packed weight needs a scheme that quantizes";
  // (C2)
  format::PackedShape shape;
  shape.scheme = scheme;
  shape.rows = rows;
  shape.cols = cols;
  shape.blockSize = blockSize;
  shape.scales = scales;
  if (auto problem = format::checkShape(shape)) {
    auto diagnostic = emitError();
    diagnostic << toRef(format::name(scheme)) << " of " << rows << "x" << cols;
    if (blockSize != 0)
      diagnostic << ", block " << blockSize;
    if (scales != format::ScaleCodec::Plain)
      diagnostic << ", " << toRef(format::name(scales));
    return diagnostic << ": " << toRef(*problem);
  }
  return success();
}

// `<` OUTxIN `,` scheme (`,` `block` `=` size)? (`,` (`double` | `asym` |
// `absmax`))? `>`
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
  auto scales = format::ScaleCodec::Plain;
  bool more = succeeded(parser.parseOptionalComma());
  if (more && succeeded(parser.parseOptionalKeyword("block"))) {
    if (parser.parseEqual() || parser.parseInteger(blockSize))
      return {};
    more = succeeded(parser.parseOptionalComma());
  }
  if (more) {
    SMLoc loc = parser.getCurrentLocation();
    if (parser.parseKeyword(&keyword))
      return {};
    auto codec = format::parseScaleCodec({keyword.data(), keyword.size()});
    if (!codec) {
      parser.emitError(loc) << "expected 'block', 'double', 'asym' or 'absmax'";
      return {};
    }
    scales = *codec;
  }
  if (parser.parseGreater())
    return {};
  return parser.getChecked<PackedType>(start, parser.getContext(), extents[0],
                                       extents[1], *scheme, blockSize, scales);
}

void PackedType::print(AsmPrinter &printer) const {
  printer << "<" << getRows() << "x" << getCols() << ", "
          << toRef(format::name(getScheme()));
  if (getBlockSize() != 0)
    printer << ", block = " << getBlockSize();
  if (getScales() != format::ScaleCodec::Plain)
    printer << ", " << toRef(format::name(getScales()));
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
