//===- PlanMemory.cpp - Give every buffer its place in the arena ----------===//

#include "qzc/Dialect/Sched/Transforms/Passes.h"
#include "qzc/Support/MemoryPlanner.h"

#include "llvm/ADT/DenseMap.h"

using namespace mlir;

namespace qzc::sched {

#define GEN_PASS_DEF_SCHEDPLANMEMORY
#include "qzc/Dialect/Sched/Transforms/Passes.h.inc"

namespace {

/// Sets the offsets of the buffers in `block`; returns the arena's bytes.
uint64_t planBlock(Block &block) {
  DenseMap<Value, size_t> indices;
  std::vector<BufferOp> buffers;
  std::vector<Lifetime> lifetimes;
  int64_t step = 0;
  auto touch = [&](Value operand) {
    Value base = resolveColumns(operand).base;
    auto buffer = base.getDefiningOp<BufferOp>();
    if (!buffer) // the hidden states given to a head
      return;
    auto [entry, isNew] = indices.try_emplace(base, buffers.size());
    if (isNew) {
      buffers.push_back(buffer);
      lifetimes.push_back({{{step, step}}, buffer.getType().bytesPerToken()});
    }
    lifetimes[entry->second].spans.back().last = step;
  };
  for (Operation &op : block) {
    if (auto launch = dyn_cast<LaunchOp>(op)) {
      llvm::for_each(launch.getInputs(), touch);
      llvm::for_each(launch.getOutputs(), touch);
      ++step;
    } else if (auto yield = dyn_cast<YieldOp>(op)) {
      touch(yield.getValue());
    }
  }

  MemoryPlan plan = planMemory(lifetimes);
  for (auto [buffer, offset] : llvm::zip_equal(buffers, plan.offsets))
    buffer.setOffset(static_cast<int64_t>(offset));
  // A buffer that nothing touches needs no bytes: it goes, with its views.
  for (BufferOp buffer : llvm::make_early_inc_range(block.getOps<BufferOp>())) {
    if (indices.contains(buffer.getResult()))
      continue;
    for (Operation *view : llvm::make_early_inc_range(buffer->getUsers()))
      view->erase();
    buffer.erase();
  }
  return plan.totalBytes;
}

struct PlanMemory : impl::SchedPlanMemoryBase<PlanMemory> {
  void runOnOperation() override {
    for (ProgramOp program : getOperation().getOps<ProgramOp>()) {
      BodyOp body = program.getBodyOp();
      body.setBytes(static_cast<int64_t>(planBlock(body.block())));
      HeadOp head = program.getHeadOp();
      head.setBytes(static_cast<int64_t>(planBlock(head.block())));
    }
  }
};

} // namespace

} // namespace qzc::sched
