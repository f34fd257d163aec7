//===- VerifyMemory.cpp - Launches read what was written for them ---------===//
//
// Shares nothing with cuda-plan-memory, which it is there to check.
//
//===----------------------------------------------------------------------===//

#include "qzc/Dialect/Cuda/Transforms/Passes.h"

#include "llvm/ADT/MapVector.h"

using namespace mlir;

namespace qzc::cuda {

#define GEN_PASS_DEF_CUDAVERIFYMEMORY
#include "qzc/Dialect/Cuda/Transforms/Passes.h.inc"

namespace {

bool shareBytes(BufferOp a, BufferOp b) {
  if (a == b || a.getArena() != b.getArena() || !a.getPlace() || !b.getPlace())
    return false;
  const auto beginA = static_cast<uint64_t>(*a.getPlace());
  const auto beginB = static_cast<uint64_t>(*b.getPlace());
  return beginA < beginB + b.bytesPerToken() &&
         beginB < beginA + a.bytesPerToken();
}

/// What buffers and scratch hold while a list runs.
class Contents {
public:
  explicit Contents(ProgramOp program) : Kernels(program.getOperation()) {
    for (HiddenOp hidden : program.block().getOps<HiddenOp>())
      Hidden = bufferOf(hidden.getResult());
    for (LogitsOp logits : program.block().getOps<LogitsOp>())
      Logits = bufferOf(logits.getBuffer());
  }

  LogicalResult follow(ListOp list);

private:
  /// Of the operand, through the pointer's type: what is not const is written.
  struct Access {
    Operation *memory; ///< a buffer or scratch
    bool writes;
  };

  SmallVector<Access> accessesOf(LaunchOp launch) const;
  LogicalResult verify(LaunchOp launch, ArrayRef<Access> accesses) const;
  LogicalResult expectHeld(BufferOp buffer, StringRef what, ListOp list) const;
  void write(Operation *memory, Operation *writer);

  const SymbolTable Kernels;
  BufferOp Hidden;
  BufferOp Logits;
  /// Memory that was written to, and who has taken bytes of it since: null
  /// where it holds all of it.
  llvm::MapVector<Operation *, Operation *> Takers;
};

/// How a list begins and ends, as `cuda.list` says.
struct Handed {
  bool hiddenBefore = false;
  bool hiddenAfter = false;
  bool logitsBefore = false;
  bool logitsAfter = false;
};

Handed handedOf(ListKind kind) {
  switch (kind) {
  case ListKind::Decode:
  case ListKind::Batch:
    return {false, false, false, true};
  case ListKind::Prefill:
    return {false, true, false, false};
  case ListKind::Head:
    return {true, true, false, true};
  case ListKind::Score:
    return {true, true, true, false};
  case ListKind::Draw:
    return {false, false, true, false};
  case ListKind::Arrange:
    return {};
  case ListKind::Losses:
    return {true, true, false, false};
  }
  llvm_unreachable("an unknown list");
}

} // namespace

SmallVector<Contents::Access> Contents::accessesOf(LaunchOp launch) const {
  SmallVector<Access> accesses;
  auto kernel = Kernels.lookup<KernelOp>(launch.getKernel());
  auto next = launch.getMemory().begin();
  for (auto [type, arg] :
       llvm::zip_equal(kernel.getParameters().getAsValueRange<StringAttr>(),
                       launch.getArgs())) {
    if (!isa<AtAttr>(arg))
      continue;
    const Value memory = *next++;
    Operation *op = bufferOf(memory);
    accesses.push_back(
        {op ? op : memory.getDefiningOp(), !type.starts_with("const ")});
  }
  return accesses;
}

void Contents::write(Operation *memory, Operation *writer) {
  Takers[memory] = nullptr;
  auto buffer = dyn_cast<BufferOp>(memory);
  for (auto &[other, taker] : Takers)
    if (auto held = dyn_cast<BufferOp>(other);
        buffer && held && shareBytes(buffer, held))
      taker = writer;
}

LogicalResult Contents::verify(LaunchOp launch,
                               ArrayRef<Access> accesses) const {
  for (const Access &access : accesses) {
    if (!access.writes) {
      const auto *const found = Takers.find(access.memory);
      if (found == Takers.end()) {
        InFlightDiagnostic diagnostic =
            launch.emitOpError("reads memory that was not written to (C1)");
        diagnostic.attachNote(access.memory->getLoc()) << "this memory";
        return diagnostic;
      }
      if (Operation *taker = found->second) {
        InFlightDiagnostic diagnostic =
            launch.emitOpError("reads a buffer that another has been written "
                               "over (C2)");
        diagnostic.attachNote(access.memory->getLoc()) << "this buffer";
        diagnostic.attachNote(taker->getLoc()) << "written over here";
        return diagnostic;
      }
      continue;
    }
    auto written = dyn_cast<BufferOp>(access.memory);
    for (const Access &other : accesses)
      if (auto buffer = dyn_cast<BufferOp>(other.memory);
          buffer && written && shareBytes(written, buffer))
        return launch.emitOpError("writes to a buffer that shares bytes with "
                                  "another that it works on (C3)");
  }
  return success();
}

LogicalResult Contents::expectHeld(BufferOp buffer, StringRef what,
                                   ListOp list) const {
  const auto *const found = Takers.find(buffer);
  if (buffer && (found == Takers.end() || found->second))
    return list.emitOpError("ends without the ") << what << " (C4)";
  return success();
}

LogicalResult Contents::follow(ListOp list) {
  const Handed handed = handedOf(list.getKind());
  Takers.clear();
  if (Hidden && handed.hiddenBefore)
    write(Hidden, list);
  if (Logits && handed.logitsBefore)
    write(Logits, list);
  for (LaunchOp launch : list.block().getOps<LaunchOp>()) {
    const SmallVector<Access> accesses = accessesOf(launch);
    if (failed(verify(launch, accesses)))
      return failure();
    for (const Access &access : accesses)
      if (access.writes)
        write(access.memory, launch);
  }
  if (handed.hiddenAfter && failed(expectHeld(Hidden, "hidden states", list)))
    return failure();
  return success(!handed.logitsAfter ||
                 succeeded(expectHeld(Logits, "logits", list)));
}

namespace {
struct VerifyMemory : impl::CudaVerifyMemoryBase<VerifyMemory> {
  void runOnOperation() override {
    Contents contents(getOperation());
    for (ListOp list : getOperation().block().getOps<ListOp>())
      if (failed(contents.follow(list)))
        return signalPassFailure();
    markAllAnalysesPreserved();
  }
};
} // namespace

} // namespace qzc::cuda
