//===- CudaLaunch.cpp - cuda.launch: verifier, effects, assembly ----------===//
//
// The numbers in parentheses are those of the constraints in CudaOps.td.
//
//===----------------------------------------------------------------------===//

#include "qzc/Dialect/Cuda/IR/CudaDialect.h"

#include "mlir/IR/OpImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace qzc::cuda;

/// Blocks along y and z, on every GPU.
static constexpr int64_t kMostBlocks = 65535;

//===----------------------------------------------------------------------===//
// Assembly
//===----------------------------------------------------------------------===//

/// Extents without their "#cuda.extent".
static ParseResult parseGrid(OpAsmParser &parser, ArrayAttr &grid) {
  SmallVector<Attribute> extents;
  const auto parseExtent = [&] {
    extents.push_back(ExtentAttr::parse(parser, {}));
    return success(extents.back() != Attribute());
  };
  if (parser.parseCommaSeparatedList(OpAsmParser::Delimiter::Square,
                                     parseExtent))
    return failure();
  grid = parser.getBuilder().getArrayAttr(extents);
  return success();
}

static void printGrid(OpAsmPrinter &printer, Operation *, ArrayAttr grid) {
  printer << "[";
  llvm::interleaveComma(grid.getAsRange<ExtentAttr>(), printer,
                        [&](ExtentAttr extent) { extent.print(printer); });
  printer << "]";
}

/// Operands where they are arguments, and all others as attributes.
static ParseResult
parseArgs(OpAsmParser &parser,
          SmallVectorImpl<OpAsmParser::UnresolvedOperand> &memory,
          ArrayAttr &args) {
  SmallVector<Attribute> list;
  const auto parseArg = [&]() -> ParseResult {
    OpAsmParser::UnresolvedOperand operand;
    const OptionalParseResult isMemory = parser.parseOptionalOperand(operand);
    if (!isMemory.has_value())
      return parser.parseAttribute(list.emplace_back());
    int64_t element = 0;
    if (failed(*isMemory) || parser.parseLSquare() ||
        parser.parseInteger(element) || parser.parseRSquare())
      return failure();
    memory.push_back(operand);
    list.push_back(AtAttr::get(parser.getContext(), element));
    return success();
  };
  if (parser.parseCommaSeparatedList(OpAsmParser::Delimiter::Paren, parseArg))
    return failure();
  args = parser.getBuilder().getArrayAttr(list);
  return success();
}

static void printArgs(OpAsmPrinter &printer, Operation *, OperandRange memory,
                      ArrayAttr args) {
  auto next = memory.begin();
  printer << "(";
  llvm::interleaveComma(args, printer, [&](Attribute arg) {
    if (auto at = dyn_cast<AtAttr>(arg))
      printer << *next++ << "[" << at.getElement() << "]";
    else
      printer << arg;
  });
  printer << ")";
}

#define GET_OP_CLASSES
#include "qzc/Dialect/Cuda/IR/CudaOps.cpp.inc"

//===----------------------------------------------------------------------===//
// Effects
//===----------------------------------------------------------------------===//

KernelOp LaunchOp::kernelOp() {
  return SymbolTable::lookupNearestSymbolFrom<KernelOp>(*this, getKernelAttr());
}

void LaunchOp::getEffects(
    SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>>
        &effects) {
  // What is read and written besides the operands belongs to no value.
  effects.emplace_back(MemoryEffects::Read::get());
  effects.emplace_back(MemoryEffects::Write::get());
}

//===----------------------------------------------------------------------===//
// Verifier
//===----------------------------------------------------------------------===//

/// Whether a parameter takes what an argument is (C2); memory apart.
static bool takes(StringRef parameter, Attribute arg, ListKind list) {
  const bool isPointer = parameter.ends_with("*");
  return llvm::TypeSwitch<Attribute, bool>(arg)
      .Case([&](TensorAttr) {
        return isPointer &&
               (list == ListKind::Arrange || parameter.starts_with("const "));
      })
      .Case([&](CacheAttr) { return parameter == "qzc::CacheView"; })
      .Case([&](RopeTableAttr) { return parameter == "const float *"; })
      .Case([&](UnusedAttr) { return isPointer; })
      .Case([&](IntegerAttr number) {
        return parameter == "int" && number.getType().isSignlessInteger(32);
      })
      .Case([&](FloatAttr number) {
        return parameter == "float" && number.getType().isF32();
      })
      .Case([&](GivenAttr given) {
        parameter.consume_front("const ");
        switch (given.getValue()) {
        case Given::State:
          return parameter == "qzc::DeviceState *";
        case Given::Tokens:
          return parameter == "qzc::TokenRow *";
        case Given::Tiles:
          return parameter == "qzc::QueryTile *";
        case Given::Targets:
          return parameter == "int *";
        case Given::Losses:
          return parameter == "float *";
        case Given::Draws:
          return parameter == "qzc::Draw *";
        }
        return false;
      })
      .Default([](Attribute) { return false; });
}

/// C2, C3 and C6 of an argument that is memory.
static LogicalResult verifyMemory(LaunchOp launch, StringRef parameter,
                                  Value memory, int64_t element) {
  int64_t elements = 1;
  Operation *op = memory.getDefiningOp();
  if (auto buffer = dyn_cast<BufferOp>(op)) {
    elements = buffer.getColumns();
    const ListKind list = cast<ListOp>(launch->getParentOp()).getKind();
    if ((buffer.getArena() == Arena::Head && list == ListKind::Losses) ||
        (buffer.getArena() == Arena::Decode && list != ListKind::Decode &&
         list != ListKind::Batch))
      return launch.emitOpError("has a buffer of ")
             << stringifyArena(buffer.getArena()) << " (C6)";
  } else if (auto hidden = dyn_cast<HiddenOp>(op)) {
    elements = hidden.getColumns();
    if (parameter != "const float *")
      return launch.emitOpError("writes the hidden states (C2)");
  }
  const bool fits = isa<ScratchOp>(op) ? parameter.ends_with("*")
                                       : parameter == "float *" ||
                                             parameter == "const float *";
  if (!fits)
    return launch.emitOpError("passes memory as '") << parameter << "' (C2)";
  if (element < 0 || element >= elements)
    return launch.emitOpError("has element ")
           << element << " of rows of " << elements << " (C3)";
  return success();
}

LogicalResult LaunchOp::verify() {
  ArrayAttr grid = getGrid();
  if (grid.size() > 3 || !llvm::all_of(grid, llvm::IsaPred<ExtentAttr>))
    return emitOpError("needs at most three extents (C4)");
  for (auto extent : llvm::drop_begin(grid.getAsRange<ExtentAttr>(),
                                      std::min<size_t>(grid.size(), 1)))
    if (extent.getPerTokens() == 0 && extent.getFixed() > kMostBlocks)
      return emitOpError("has ")
             << extent.getFixed() << " blocks along y or z, at most "
             << kMostBlocks << " (C4)";
  const int64_t shared =
      (*this)->getParentOfType<ProgramOp>().getGpu().getGpu().sharedBytes;
  if (getShared() > shared)
    return emitOpError("needs ") << getShared() << " bytes of shared memory, "
                                 << "the GPU has " << shared << " (C5)";
  if (llvm::count_if(getArgs(), llvm::IsaPred<AtAttr>) !=
      static_cast<int64_t>(getMemory().size()))
    return emitOpError("has operands that are no arguments (C2)");
  return success();
}

LogicalResult LaunchOp::verifySymbolUses(SymbolTableCollection &symbols) {
  auto kernel =
      symbols.lookupNearestSymbolFrom<KernelOp>(*this, getKernelAttr());
  if (!kernel)
    return emitOpError("names the kernel ")
           << getKernelAttr() << ", unknown (C1)";
  const size_t wanted = kernel.getParameters().size();
  if (getArgs().size() != wanted)
    return emitOpError("has ") << getArgs().size() << " arguments for "
                               << wanted << " parameters (C2)";
  const ListKind list = cast<ListOp>((*this)->getParentOp()).getKind();
  auto memory = getMemory().begin();
  for (auto [type, arg] : llvm::zip(
           kernel.getParameters().getAsValueRange<StringAttr>(), getArgs())) {
    if (auto at = dyn_cast<AtAttr>(arg)) {
      if (failed(verifyMemory(*this, type, *memory++, at.getElement())))
        return failure();
    } else if (!takes(type, arg, list)) {
      return emitOpError("passes ") << arg << " as '" << type << "' (C2)";
    }
  }
  return success();
}
