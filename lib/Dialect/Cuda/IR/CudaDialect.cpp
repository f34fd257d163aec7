//===- CudaDialect.cpp - Types and attributes of the cuda dialect ---------===//

#include "qzc/Dialect/Cuda/IR/CudaDialect.h"

#include "qzc/Format/Manifest.h"

#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace qzc::cuda;

#include "qzc/Dialect/Cuda/IR/CudaDialect.cpp.inc"
#include "qzc/Dialect/Cuda/IR/CudaEnums.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "qzc/Dialect/Cuda/IR/CudaAttrs.cpp.inc"

#define GET_TYPEDEF_CLASSES
#include "qzc/Dialect/Cuda/IR/CudaTypes.cpp.inc"

void CudaDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "qzc/Dialect/Cuda/IR/CudaAttrs.cpp.inc"
      >();
  addTypes<
#define GET_TYPEDEF_LIST
#include "qzc/Dialect/Cuda/IR/CudaTypes.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "qzc/Dialect/Cuda/IR/CudaOps.cpp.inc"
      >();
}

//===----------------------------------------------------------------------===//
// GpuAttr
//===----------------------------------------------------------------------===//

llvm::hash_code qzc::cuda::hash_value(const Gpu &gpu) {
  return llvm::hash_combine(gpu.processors, gpu.clusterBlocks, gpu.sharedBytes,
                            gpu.l2Bytes, gpu.warpgroups);
}

/// `name = number`, the number positive.
static ParseResult parseCount(AsmParser &parser, StringRef name,
                              int64_t &count) {
  if (parser.parseKeyword(name) || parser.parseEqual())
    return failure();
  SMLoc where = parser.getCurrentLocation();
  if (parser.parseInteger(count))
    return failure();
  if (count < 1)
    return parser.emitError(where) << name << " must be positive";
  return success();
}

Attribute GpuAttr::parse(AsmParser &parser, Type) {
  Gpu gpu;
  if (parser.parseLess() || parseCount(parser, "processors", gpu.processors) ||
      parser.parseComma() ||
      parseCount(parser, "cluster_blocks", gpu.clusterBlocks) ||
      parser.parseComma() ||
      parseCount(parser, "shared_bytes", gpu.sharedBytes) ||
      parser.parseComma() || parseCount(parser, "l2_bytes", gpu.l2Bytes))
    return {};
  if (succeeded(parser.parseOptionalComma())) {
    if (parser.parseKeyword("warpgroups"))
      return {};
    gpu.warpgroups = true;
  }
  if (parser.parseGreater())
    return {};
  return get(parser.getContext(), gpu);
}

void GpuAttr::print(AsmPrinter &printer) const {
  const Gpu &gpu = getGpu();
  printer << "<processors = " << gpu.processors
          << ", cluster_blocks = " << gpu.clusterBlocks
          << ", shared_bytes = " << gpu.sharedBytes
          << ", l2_bytes = " << gpu.l2Bytes
          << (gpu.warpgroups ? ", warpgroups>" : ">");
}

//===----------------------------------------------------------------------===//
// ExtentAttr
//===----------------------------------------------------------------------===//

Attribute ExtentAttr::parse(AsmParser &parser, Type) {
  int64_t fixed = 0;
  int64_t perTokens = 0;
  SMLoc where = parser.getCurrentLocation();
  if (parser.parseLess() || parser.parseInteger(fixed))
    return {};
  if (succeeded(parser.parseOptionalKeyword("per"))) {
    if (succeeded(parser.parseOptionalKeyword("tile")))
      perTokens = format::kPerTile;
    else if (parser.parseInteger(perTokens))
      return {};
  }
  if (parser.parseGreater())
    return {};
  return getChecked([&] { return parser.emitError(where); },
                    parser.getContext(), fixed, perTokens);
}

void ExtentAttr::print(AsmPrinter &printer) const {
  printer << "<" << getFixed();
  if (getPerTokens() == format::kPerTile)
    printer << " per tile";
  else if (getPerTokens() != 0)
    printer << " per " << getPerTokens();
  printer << ">";
}

LogicalResult
ExtentAttr::verify(llvm::function_ref<InFlightDiagnostic()> emitError,
                   int64_t fixed, int64_t perTokens) {
  if (fixed < 1 || fixed > INT32_MAX || perTokens < format::kPerTile ||
      perTokens > INT32_MAX)
    return emitError() << "an extent must be 1 to " << INT32_MAX
                       << " blocks, for each of as many tokens";
  return success();
}
