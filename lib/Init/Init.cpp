//===- Init.cpp - Registers qzc's dialects and passes ---------------------===//

#include "qzc/Init.h"

#include "qzc/Conversion/Passes.h"
#include "qzc/Dialect/Cuda/Transforms/Passes.h"
#include "qzc/Dialect/Qz/Transforms/Passes.h"
#include "qzc/Dialect/Sched/Transforms/Passes.h"
#include "qzc/Passes.h"

#include "mlir/Transforms/Passes.h"

namespace qzc {

void registerAllDialects(mlir::DialectRegistry &registry) {
  registry.insert<cuda::CudaDialect, qz::QzDialect, sched::SchedDialect>();
}

void registerAllPasses() {
  qz::registerQzPasses();
  qz::registerQzPipelines();
  sched::registerSchedPasses();
  cuda::registerCudaPasses();
  registerConversionPasses();
  registerPipelines();
  mlir::registerCanonicalizer();
  mlir::registerCSE();
  mlir::registerSymbolDCE();
}

} // namespace qzc
