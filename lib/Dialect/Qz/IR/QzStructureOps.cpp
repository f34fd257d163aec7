//===- QzStructureOps.cpp - Checks of model, files and blocks -------------===//

#include "qzc/Dialect/Qz/IR/QzDialect.h"

#include "mlir/IR/Builders.h"

#include <limits>

using namespace mlir;

namespace qzc::qz {

//===----------------------------------------------------------------------===//
// ModelOp
//===----------------------------------------------------------------------===//

GraphOp ModelOp::getGraph() { return *getBody().getOps<GraphOp>().begin(); }

FileOp ModelOp::lookupFile(StringRef name) {
  return dyn_cast_or_null<FileOp>(
      mlir::SymbolTable::lookupSymbolIn(getOperation(), name));
}

LogicalResult ModelOp::verify() {
  // (C1)
  const std::pair<StringRef, int64_t> counts[] = {{"layers", getLayers()},
                                                  {"hidden", getHidden()},
                                                  {"vocab", getVocab()},
                                                  {"context", getContext()}};
  for (auto [name, count] : counts)
    if (count < 1 || count > std::numeric_limits<int32_t>::max())
      return emitOpError() << "needs " << name << " in [1, 2^31), not "
                           << count;
  // (C2)
  auto isToken = [&](int64_t id) { return id >= 0 && id < getVocab(); };
  if (auto bos = getBos(); bos && !isToken(*bos))
    return emitOpError() << "bos " << *bos << " is not in the vocabulary of "
                         << getVocab();
  for (int64_t id : getEos())
    if (!isToken(id))
      return emitOpError() << "eos " << id << " is not in the vocabulary of "
                           << getVocab();
  // (C8)
  if (getFamily().empty())
    return emitOpError("needs a family");
  // (C9)
  if (getAddBos() && !getBos())
    return emitOpError("sets add_bos without bos");
  return success();
}

LogicalResult ModelOp::verifyRegions() {
  // (C3)
  GraphOp graph;
  for (Operation &op : getBody().front()) {
    if (auto found = dyn_cast<GraphOp>(op)) {
      if (graph)
        return found.emitOpError("is the second graph of its model");
      graph = found;
    } else if (!isa<FileOp>(op)) {
      return op.emitOpError("cannot stand directly in a qz.model");
    }
  }
  if (!graph)
    return emitOpError("has no qz.graph");
  // (C4)
  if (auto tokenizer = getTokenizer(); tokenizer && !lookupFile(*tokenizer))
    return emitOpError() << "tokenizer @" << *tokenizer
                         << " is not a qz.file of this model";
  // (C5), (C6)
  int64_t blocks = 0;
  for (BlockOp block : graph.getBody().getOps<BlockOp>()) {
    if (block.getIndex() != blocks)
      return block.emitOpError() << "has number " << block.getIndex()
                                 << " where " << blocks << " is due";
    if (columnsOf(block.getInput().getType()) != getHidden())
      return block.emitOpError()
             << "carries " << columnsOf(block.getInput().getType())
             << " features, the model has " << getHidden();
    ++blocks;
  }
  if (blocks != getLayers())
    return emitOpError() << "has " << blocks
                         << " blocks, not layers = " << getLayers();
  // (C7)
  if (columnsOf(graph.getResultType()) != getVocab())
    return graph.emitOpError()
           << "returns " << columnsOf(graph.getResultType())
           << " logits a token, the vocabulary has " << getVocab();
  return success();
}

//===----------------------------------------------------------------------===//
// FileOp
//===----------------------------------------------------------------------===//

LogicalResult FileOp::verify() {
  // (C1)
  if (getPath().empty() || getPath().front() == '/' || getPath().contains('\0'))
    return emitOpError("needs a relative path");
  // (C2)
  if (getSize() < 1)
    return emitOpError() << "needs a positive size, not " << getSize();
  // (C3)
  auto isLowerHex = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
  };
  if (getSha256().size() != 64 || !llvm::all_of(getSha256(), isLowerHex))
    return emitOpError("needs a SHA-256 of 64 lower-case hexadecimal digits");
  return success();
}

//===----------------------------------------------------------------------===//
// GraphOp
//===----------------------------------------------------------------------===//

ParseResult GraphOp::parse(OpAsmParser &parser, OperationState &result) {
  SmallVector<OpAsmParser::Argument, 1> arguments;
  Type type;
  if (parser.parseArgumentList(arguments, AsmParser::Delimiter::Paren,
                               /*allowType=*/true) ||
      parser.parseArrow() || parser.parseType(type) ||
      parser.parseOptionalAttrDictWithKeyword(result.attributes) ||
      parser.parseRegion(*result.addRegion(), arguments))
    return failure();
  result.addAttribute(getResultTypeAttrName(result.name), TypeAttr::get(type));
  return success();
}

void GraphOp::print(OpAsmPrinter &printer) {
  printer << "(";
  llvm::interleaveComma(getBody().getArguments(), printer, [&](Value argument) {
    printer.printRegionArgument(cast<BlockArgument>(argument));
  });
  printer << ") -> " << getResultType();
  printer.printOptionalAttrDictWithKeyword((*this)->getAttrs(),
                                           getResultTypeAttrName().getValue());
  printer << " ";
  printer.printRegion(getBody(), /*printEntryBlockArgs=*/false);
}

LogicalResult GraphOp::verify() {
  // (C1)
  if (getBody().getNumArguments() != 1 ||
      !isTokens(getBody().getArgument(0).getType()))
    return emitOpError("needs one argument, tensor<?xi32>");
  // (C2)
  if (!isFeatures(getResultType()))
    return emitOpError() << "needs a result tensor<?xNxf32>, not "
                         << getResultType();
  return success();
}

LogicalResult GraphOp::verifyRegions() {
  // (C3)
  auto terminator = dyn_cast<ReturnOp>(getBody().front().back());
  if (!terminator)
    return emitOpError("must end in qz.return");
  if (terminator.getLogits().getType() != getResultType())
    return terminator.emitOpError()
           << "returns " << terminator.getLogits().getType()
           << ", the graph's result is " << getResultType();
  return success();
}

//===----------------------------------------------------------------------===//
// BlockOp
//===----------------------------------------------------------------------===//

ParseResult BlockOp::parse(OpAsmParser &parser, OperationState &result) {
  IntegerAttr index;
  OpAsmParser::Argument argument;
  OpAsmParser::UnresolvedOperand input;
  Type type;
  Builder &builder = parser.getBuilder();
  if (parser.parseAttribute(index, builder.getI64Type(),
                            getIndexAttrName(result.name), result.attributes) ||
      parser.parseLParen() || parser.parseArgument(argument) ||
      parser.parseEqual() || parser.parseOperand(input) ||
      parser.parseRParen() || parser.parseColonType(type) ||
      parser.parseOptionalAttrDictWithKeyword(result.attributes) ||
      parser.resolveOperand(input, type, result.operands))
    return failure();
  result.addTypes(type);
  argument.type = type;
  return parser.parseRegion(*result.addRegion(), argument);
}

void BlockOp::print(OpAsmPrinter &printer) {
  printer << " " << getIndex() << " (";
  printer.printRegionArgument(getBody().getArgument(0), /*argAttrs=*/{},
                              /*omitType=*/true);
  printer << " = " << getInput() << ") : " << getInput().getType();
  printer.printOptionalAttrDictWithKeyword((*this)->getAttrs(),
                                           getIndexAttrName().getValue());
  printer << " ";
  printer.printRegion(getBody(), /*printEntryBlockArgs=*/false);
}

LogicalResult BlockOp::verify() {
  // (C1)
  if (getIndex() < 0)
    return emitOpError() << "needs a number from 0 on, not " << getIndex();
  // (C2)
  if (getBody().getNumArguments() != 1 ||
      getBody().getArgument(0).getType() != getInput().getType() ||
      getOutput().getType() != getInput().getType())
    return emitOpError("needs one region argument, and it, input and output "
                       "of one type");
  return success();
}

LogicalResult BlockOp::verifyRegions() {
  // (C3)
  auto terminator = dyn_cast<YieldOp>(getBody().front().back());
  if (!terminator)
    return emitOpError("must end in qz.yield");
  if (terminator.getOutput().getType() != getOutput().getType())
    return terminator.emitOpError()
           << "yields " << terminator.getOutput().getType()
           << ", the block's type is " << getOutput().getType();
  return success();
}

} // namespace qzc::qz
