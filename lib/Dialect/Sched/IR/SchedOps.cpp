//===- SchedOps.cpp - Verifiers and assembly of the sched dialect ---------===//
//
// Everything but `sched.launch`, which is in SchedLaunch.cpp. The numbers in
// parentheses are those of the constraints in SchedOps.td.
//
//===----------------------------------------------------------------------===//

#include "qzc/Dialect/Sched/IR/SchedDialect.h"

#include "mlir/IR/OpImplementation.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace qzc::sched;
namespace format = qzc::format;
namespace qz = qzc::qz;

static int64_t columnsOf(Type type) {
  if (auto buffer = dyn_cast<BufferType>(type))
    return buffer.getColumns();
  return cast<ViewType>(type).getColumns();
}

Columns qzc::sched::resolveColumns(Value value) {
  if (auto view = value.getDefiningOp<ViewOp>())
    return {view.getBuffer(), view.getColumn(), columnsOf(view.getType())};
  return {value, 0, columnsOf(value.getType())};
}

//===----------------------------------------------------------------------===//
// ProgramOp
//===----------------------------------------------------------------------===//

BodyOp ProgramOp::getBodyOp() {
  return *getContent().front().getOps<BodyOp>().begin();
}

HeadOp ProgramOp::getHeadOp() {
  return *getContent().front().getOps<HeadOp>().begin();
}

LogicalResult ProgramOp::verify() {
  Block &block = getContent().front();
  SmallVector<Operation *> parts;
  for (Operation &op : block)
    if (isa<BodyOp, HeadOp>(op))
      parts.push_back(&op);
  if (parts.size() != 2 || !isa<BodyOp>(parts[0]) || !isa<HeadOp>(parts[1]))
    return emitOpError("must hold one sched.body and then one sched.head (C1)");

  if (getBos() && *getBos() >= getVocab())
    return emitOpError("has a bos token ")
           << *getBos() << " outside its vocabulary of " << getVocab()
           << " (C4)";
  for (int64_t eos : getEos())
    if (eos < 0 || eos >= getVocab())
      return emitOpError("has an eos token ")
             << eos << " outside its vocabulary of " << getVocab() << " (C4)";
  if (std::optional<StringRef> file = getTokenizer();
      file && !isa_and_present<FileOp>(
                  ::mlir::SymbolTable::lookupSymbolIn(getOperation(), *file)))
    return emitOpError("names a tokenizer file @")
           << *file << " that it does not hold (C3)";

  DenseMap<std::pair<Attribute, Type>, TensorOp> seen;
  for (TensorOp tensor : block.getOps<TensorOp>()) {
    Attribute none = UnitAttr::get(tensor.getContext());
    auto present = [&](Attribute attr) { return attr ? attr : none; };
    Attribute source = ArrayAttr::get(
        tensor.getContext(),
        {tensor.getSourceNameAttr(), tensor.getRowsAttr(),
         tensor.getSourceAttr(),
         BoolAttr::get(tensor.getContext(), tensor.getTransposed()),
         present(tensor.getFileAttr()), present(tensor.getOffsetAttr()),
         present(tensor.getPackingAttr())});
    auto [entry, isNew] = seen.try_emplace({source, tensor.getType()}, tensor);
    if (!isNew)
      return tensor.emitOpError("is in the table twice (C5)")
                 .attachNote(entry->second.getLoc())
             << "first here";
  }
  return success();
}

LogicalResult ProgramOp::verifyRegions() {
  int64_t hidden = columnsOf(getBodyOp().result().getType());
  int64_t taken = columnsOf(getHeadOp().hidden().getType());
  if (taken != hidden)
    return getHeadOp().emitOpError("takes ")
           << taken << " columns, but the body yields " << hidden << " (C2)";
  int64_t logits = columnsOf(getHeadOp().result().getType());
  if (logits != static_cast<int64_t>(getVocab()))
    return getHeadOp().emitOpError("yields ")
           << logits << " columns, but the vocabulary has " << getVocab()
           << " tokens (C2)";
  return success();
}

//===----------------------------------------------------------------------===//
// FileOp and TensorOp
//===----------------------------------------------------------------------===//

LogicalResult FileOp::verify() {
  if (getSha256().size() != 64 || !llvm::all_of(getSha256(), [](char c) {
        return llvm::isDigit(c) || (c >= 'a' && c <= 'f');
      }))
    return emitOpError("needs a sha256 of 64 lower-case hexadecimal digits "
                       "(C1)");
  return success();
}

/// Half-open ranges in rising order inside `rows`; their sum, or nothing.
static std::optional<int64_t> sumRanges(ArrayRef<int64_t> ranges,
                                        int64_t rows) {
  if (ranges.size() % 2 != 0)
    return std::nullopt;
  int64_t end = 0;
  int64_t sum = 0;
  for (size_t i = 0; i < ranges.size(); i += 2) {
    if (ranges[i] < end || ranges[i + 1] <= ranges[i])
      return std::nullopt;
    end = ranges[i + 1];
    sum += ranges[i + 1] - ranges[i];
  }
  if (end > rows)
    return std::nullopt;
  return sum;
}

format::TensorSource TensorOp::getTensorSource() {
  return qz::tensorSource(getSourceName(), getSource(), getTransposed(),
                          getRows());
}

LogicalResult TensorOp::verify() {
  std::optional<format::PackedShape> stored = qz::packedShapeOf(getType());
  if (!stored)
    return emitOpError("has a type that is no stored weight: ")
           << getType() << " (C1)";
  if (!qz::packedShapeOf(getSource()))
    return emitOpError("has a source that is no weight: ")
           << getSource() << " (C1)";
  if ((isa<qz::PackedType>(getSource()) && !getPacking()) ||
      (getPacking() && (getTransposed() || getFile())))
    return emitOpError("needs a packing, in place of file and transposing, "
                       "where its source is packed (C2)");
  auto packed = dyn_cast<qz::PackedType>(getSource());
  if (packed && !getRows().empty())
    return emitOpError("does not store the whole of its source (C2)");

  const std::vector<int64_t> extents = getTensorSource().shape;
  bool isVector = extents.size() == 1;
  if (isVector && getTransposed())
    return emitOpError("transposes a vector (C3)");
  int64_t rows = extents[getTransposed() ? 1 : 0];
  int64_t cols = isVector ? 1 : extents[getTransposed() ? 0 : 1];
  if (!getRows().empty()) {
    std::optional<int64_t> sum = sumRanges(getRows(), rows);
    if (!sum)
      return emitOpError("has row ranges that are not in rising order inside ")
             << rows << " rows (C2)";
    rows = *sum;
  }
  if (isVector)
    std::swap(rows, cols);
  if (stored->rows != rows || stored->cols != cols)
    return emitOpError("stores ")
           << stored->rows << "x" << stored->cols << " but its source gives "
           << rows << "x" << cols << " (C3)";

  if (getFile().has_value() != getOffset().has_value() ||
      (getOffset() && *getOffset() < 0))
    return emitOpError("needs an offset, of 0 or more, with its file (C4)");
  if (getBlock() && *getBlock() < 0)
    return emitOpError("has a negative block (C5)");
  if (auto method = getMethod()) {
    auto known = format::parseMethod(*method);
    if (!known || *known == format::Method::Rtn ||
        !format::takesMethod(stored->scheme, *known))
      return emitOpError("has the method '") << *method << "' (C7)";
  }
  if (auto scaling = getScalingAttr())
    if (auto wrong =
            format::checkScaling(scaling.toFormat(), isVector ? cols : rows))
      return emitOpError() << *wrong << " (C7)";
  return success();
}

LogicalResult TensorOp::verifySymbolUses(SymbolTableCollection &symbols) {
  auto lookup = [&](FlatSymbolRefAttr symbol) {
    auto file = symbols.lookupNearestSymbolFrom<FileOp>(*this, symbol);
    if (!file)
      emitOpError("names the file ") << symbol << ", unknown (C6)";
    return file;
  };
  if (qz::PackingAttr packing = getPackingAttr())
    return success(llvm::all_of(packing.getFiles(), lookup));
  if (!getFile())
    return success();
  FileOp file = lookup(getFileAttr());
  if (!file)
    return failure();
  auto bytes = static_cast<int64_t>(
      format::storedBytes(*qz::packedShapeOf(getSource())));
  if (*getOffset() > file.getSize() || bytes > file.getSize() - *getOffset())
    return emitOpError("needs ")
           << bytes << " bytes at " << *getOffset() << " of @" << *getFile()
           << ", which has " << file.getSize() << " (C4)";
  return success();
}

//===----------------------------------------------------------------------===//
// BodyOp and HeadOp
//===----------------------------------------------------------------------===//

/// C1 to C3 of both.
static LogicalResult verifyArena(Operation *op, Block &block,
                                 std::optional<int64_t> bytes) {
  if (bytes && *bytes % 64 != 0)
    return op->emitOpError("has ")
           << *bytes << " bytes, no multiple of 64 (C2)";
  for (BufferOp buffer : block.getOps<BufferOp>()) {
    std::optional<int64_t> offset = buffer.getOffset();
    if (offset.has_value() != bytes.has_value())
      return buffer.emitOpError("must have an offset exactly where its ")
             << op->getName() << " has bytes (C1)";
    auto size = static_cast<int64_t>(buffer.getType().bytesPerToken());
    if (offset && (*offset > *bytes || size > *bytes - *offset))
      return buffer.emitOpError("of ")
             << size << " bytes at " << *offset << " lies outside the "
             << *bytes << " bytes of its " << op->getName() << " (C3)";
  }
  return success();
}

LogicalResult BodyOp::verify() {
  return verifyArena(getOperation(), block(), getBytes());
}

LogicalResult HeadOp::verify() {
  if (block().getNumArguments() != 1 || !isa<ViewType>(hidden().getType()))
    return emitOpError("must have one argument, a view (C4)");
  for (LaunchOp launch : block().getOps<LaunchOp>())
    if (llvm::is_contained(launch.getOutputs(), hidden()))
      return launch.emitOpError("writes to the hidden states (C5)");
  return verifyArena(getOperation(), block(), getBytes());
}

ParseResult HeadOp::parse(OpAsmParser &parser, OperationState &result) {
  OpAsmParser::Argument hidden;
  int64_t bytes = 0;
  if (parser.parseLParen() ||
      parser.parseArgument(hidden, /*allowType=*/true) || parser.parseRParen())
    return failure();
  if (succeeded(parser.parseOptionalKeyword("bytes"))) {
    if (parser.parseInteger(bytes))
      return failure();
    result.addAttribute(getBytesAttrName(result.name),
                        parser.getBuilder().getI64IntegerAttr(bytes));
  }
  return failure(parser.parseOptionalAttrDictWithKeyword(result.attributes) ||
                 parser.parseRegion(*result.addRegion(), hidden));
}

void HeadOp::print(OpAsmPrinter &printer) {
  printer << " (";
  printer.printRegionArgument(hidden());
  printer << ")";
  if (getBytes())
    printer << " bytes " << *getBytes();
  printer.printOptionalAttrDictWithKeyword((*this)->getAttrs(),
                                           {getBytesAttrName()});
  printer << " ";
  printer.printRegion(getContent(), /*printEntryBlockArgs=*/false);
}

//===----------------------------------------------------------------------===//
// BufferOp and ViewOp
//===----------------------------------------------------------------------===//

LogicalResult BufferOp::verify() {
  if (getOffset() && *getOffset() % 64 != 0)
    return emitOpError("has an offset of ")
           << *getOffset() << ", no multiple of 64 (C1)";
  return success();
}

ParseResult ViewOp::parse(OpAsmParser &parser, OperationState &result) {
  OpAsmParser::UnresolvedOperand buffer;
  BufferType type;
  int64_t column = 0;
  int64_t columns = 0;
  if (parser.parseOperand(buffer) || parser.parseLSquare() ||
      parser.parseInteger(column) || parser.parseComma() ||
      parser.parseInteger(columns) || parser.parseRSquare() ||
      parser.parseOptionalAttrDict(result.attributes) ||
      parser.parseColonType(type) ||
      parser.resolveOperand(buffer, type, result.operands))
    return failure();
  auto view = ViewType::getChecked(
      [&] { return parser.emitError(parser.getNameLoc()); },
      parser.getContext(), columns);
  if (!view)
    return failure();
  result.addAttribute(getColumnAttrName(result.name),
                      parser.getBuilder().getI64IntegerAttr(column));
  result.addTypes(view);
  return success();
}

void ViewOp::print(OpAsmPrinter &printer) {
  printer << " " << getBuffer() << "[" << getColumn() << ", "
          << getType().getColumns() << "]";
  printer.printOptionalAttrDict((*this)->getAttrs(), {getColumnAttrName()});
  printer << " : " << getBuffer().getType();
}

LogicalResult ViewOp::verify() {
  int64_t limit = getBuffer().getType().getColumns();
  int64_t columns = getType().getColumns();
  if (getColumn() > limit || columns > limit - getColumn())
    return emitOpError("of ")
           << columns << " columns from " << getColumn()
           << " lies outside the buffer's " << limit << " (C1)";
  return success();
}
