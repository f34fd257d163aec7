//===- PlanScratch.cpp - Give every region of scratch its place -----------===//

#include "qzc/Dialect/Cuda/Transforms/Passes.h"

using namespace mlir;

namespace qzc::cuda {

#define GEN_PASS_DEF_CUDAPLANSCRATCH
#include "qzc/Dialect/Cuda/Transforms/Passes.h.inc"

namespace {

struct PlanScratch : impl::CudaPlanScratchBase<PlanScratch> {
  void runOnOperation() override {
    ProgramOp program = getOperation();
    int64_t fixed = program.decodeArenaBytes();
    int64_t perToken = 0;
    for (ScratchOp scratch : program.block().getOps<ScratchOp>()) {
      int64_t &end = scratch.getPerToken() ? perToken : fixed;
      scratch.setPlace(end);
      end += static_cast<int64_t>(scratch.paddedBytes());
    }
    program.setScratchBytes(fixed);
    program.setScratchBytesPerToken(perToken);
  }
};

} // namespace

} // namespace qzc::cuda
