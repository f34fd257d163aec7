//===- VerifyMemory.cpp - Check that no value is overwritten too early ----===//
//
// Runs a plan on paper: for every buffer the set of columns that hold values is
// followed from launch to launch. Writing through a buffer empties the sets of
// all others whose bytes it shares.
//
//===----------------------------------------------------------------------===//

#include "qzc/Dialect/Sched/Transforms/Passes.h"

#include "llvm/ADT/BitVector.h"

using namespace mlir;

namespace qzc::sched {

#define GEN_PASS_DEF_SCHEDVERIFYMEMORY
#include "qzc/Dialect/Sched/Transforms/Passes.h.inc"

namespace {

/// One buffer of the arena while launches run.
struct Storage {
  BufferOp buffer;
  uint64_t begin;
  uint64_t end;
  llvm::BitVector valid; ///< columns that hold values

  bool shares(const Storage &other) const {
    return begin < other.end && other.begin < end;
  }
};

class Arena {
public:
  explicit Arena(Block &block) {
    for (BufferOp buffer : block.getOps<BufferOp>()) {
      auto begin = static_cast<uint64_t>(*buffer.getOffset());
      Stores.push_back({buffer, begin, begin + buffer.getType().bytesPerToken(),
                        llvm::BitVector(buffer.getType().getColumns())});
    }
  }

  /// Fails where `op` would read what is not there.
  LogicalResult read(Operation *op, Value operand) {
    Columns columns = resolveColumns(operand);
    Storage *store = find(columns.base);
    if (!store)
      return success();
    int missing =
        store->valid.find_first_unset_in(columns.column, columns.end());
    if (missing < 0)
      return success();
    InFlightDiagnostic diagnostic =
        op->emitOpError("reads column ")
        << missing << " of a buffer where it holds no value: never written, or "
        << "overwritten through a buffer that shares its bytes";
    diagnostic.attachNote(store->buffer.getLoc()) << "the buffer";
    return diagnostic;
  }

  /// Fails where the written columns share bytes with what `op` reads or
  /// writes through another buffer.
  LogicalResult write(LaunchOp launch, Value operand) {
    Columns columns = resolveColumns(operand);
    Storage *store = find(columns.base);
    if (!store)
      return success();
    for (Value other : launch->getOperands()) {
      if (isa<BufferType, ViewType>(other.getType())) {
        Storage *otherStore = find(resolveColumns(other).base);
        if (otherStore && otherStore != store && store->shares(*otherStore)) {
          InFlightDiagnostic diagnostic = launch.emitOpError(
              "writes a buffer that shares bytes with another of its buffers");
          diagnostic.attachNote(otherStore->buffer.getLoc()) << "the other";
          return diagnostic;
        }
      }
    }
    for (Storage &other : Stores)
      if (&other != store && store->shares(other))
        other.valid.reset();
    store->valid.set(columns.column, columns.end());
    return success();
  }

private:
  Storage *find(Value base) {
    for (Storage &store : Stores)
      if (store.buffer.getResult() == base)
        return &store;
    return nullptr;
  }

  std::vector<Storage> Stores;
};

LogicalResult verifyBlock(Operation *owner, Block &block,
                          std::optional<int64_t> bytes) {
  if (!bytes)
    return owner->emitOpError("has no planned memory: run sched-plan-memory");
  Arena arena(block);
  for (Operation &op : block) {
    if (auto launch = dyn_cast<LaunchOp>(op)) {
      for (Value input : launch.getInputs())
        if (failed(arena.read(launch, input)))
          return failure();
      for (Value output : launch.getOutputs())
        if (failed(arena.write(launch, output)))
          return failure();
    } else if (auto yield = dyn_cast<YieldOp>(op)) {
      if (failed(arena.read(yield, yield.getValue())))
        return failure();
    }
  }
  return success();
}

struct VerifyMemory : impl::SchedVerifyMemoryBase<VerifyMemory> {
  void runOnOperation() override {
    for (ProgramOp program : getOperation().getOps<ProgramOp>()) {
      BodyOp body = program.getBodyOp();
      HeadOp head = program.getHeadOp();
      if (failed(verifyBlock(body, body.block(), body.getBytes())) ||
          failed(verifyBlock(head, head.block(), head.getBytes())))
        return signalPassFailure();
    }
    markAllAnalysesPreserved();
  }
};

} // namespace

} // namespace qzc::sched
