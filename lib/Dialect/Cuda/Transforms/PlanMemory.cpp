//===- PlanMemory.cpp - Give every buffer its place in its arena ----------===//

#include "qzc/Dialect/Cuda/Transforms/Passes.h"
#include "qzc/Support/MemoryPlanner.h"

#include "llvm/ADT/MapVector.h"

using namespace mlir;

namespace qzc::cuda {

#define GEN_PASS_DEF_CUDAPLANMEMORY
#include "qzc/Dialect/Cuda/Transforms/Passes.h.inc"

namespace {

/// When buffers are live, list after list.
class Liveness {
public:
  explicit Liveness(ProgramOp program) {
    for (HiddenOp hidden : program.block().getOps<HiddenOp>())
      Hidden = bufferOf(hidden.getResult());
    for (LogitsOp logits : program.block().getOps<LogitsOp>())
      Logits = bufferOf(logits.getBuffer());
    for (ListOp list : program.block().getOps<ListOp>())
      walk(list);
    // Named, if by no list.
    IsDecode = false;
    for (BufferOp result : {Hidden, Logits})
      if (result && !isOfAllPasses(result))
        touch(result);
  }

  /// A place for each buffer of the arena; its bytes per token.
  int64_t place(Arena arena) const {
    std::vector<BufferOp> buffers;
    std::vector<Lifetime> lifetimes;
    for (const auto &[op, spans] : Spans) {
      auto buffer = cast<BufferOp>(op);
      if (buffer.getArena() != arena)
        continue;
      buffers.push_back(buffer);
      lifetimes.push_back({spans, buffer.bytesPerToken()});
    }
    const MemoryPlan plan = planMemory(lifetimes);
    for (auto [buffer, offset] : llvm::zip_equal(buffers, plan.offsets))
      buffer.setPlace(static_cast<int64_t>(offset));
    return static_cast<int64_t>(plan.totalBytes);
  }

  bool isLive(BufferOp buffer) const { return Spans.contains(buffer); }
  /// Whether passes of any number of tokens work on it.
  bool isOfAllPasses(BufferOp buffer) const {
    return OfAllPasses.contains(buffer);
  }

private:
  void walk(ListOp list) {
    Begin = Step;
    const ListKind kind = list.getKind();
    IsDecode = kind == ListKind::Decode || kind == ListKind::Batch;
    const bool isBehindPrefill = kind == ListKind::Head ||
                                 kind == ListKind::Score ||
                                 kind == ListKind::Losses;
    if (isBehindPrefill)
      touch(Hidden);
    if (kind == ListKind::Score || kind == ListKind::Draw)
      touch(Logits);
    for (LaunchOp launch : list.block().getOps<LaunchOp>()) {
      for (Value memory : launch.getMemory())
        touch(bufferOf(memory));
      ++Step;
    }
    if (kind == ListKind::Prefill || isBehindPrefill)
      touch(Hidden);
    if (IsDecode || kind == ListKind::Head)
      touch(Logits);
    ++Step;
  }

  /// The buffer is live now.
  void touch(BufferOp buffer) {
    if (!buffer)
      return;
    std::vector<Span> &spans = Spans[buffer];
    if (spans.empty() || spans.back().last < Begin)
      spans.push_back({Step, Step});
    spans.back().last = Step;
    if (!IsDecode)
      OfAllPasses.insert(buffer);
  }

  int64_t Step = 0;
  int64_t Begin = 0;     ///< of the list
  bool IsDecode = false; ///< the list
  BufferOp Hidden;
  BufferOp Logits;
  llvm::MapVector<Operation *, std::vector<Span>> Spans;
  llvm::DenseSet<Operation *> OfAllPasses;
};

struct PlanMemory : impl::CudaPlanMemoryBase<PlanMemory> {
  void runOnOperation() override {
    ProgramOp program = getOperation();
    const Liveness liveness(program);
    for (BufferOp buffer :
         llvm::make_early_inc_range(program.block().getOps<BufferOp>()))
      if (!liveness.isLive(buffer))
        buffer.erase();
      else if (buffer.getArena() == Arena::Body &&
               !liveness.isOfAllPasses(buffer))
        buffer.setArena(Arena::Decode);
    program.setBodyBytes(liveness.place(Arena::Body));
    program.setHeadBytes(liveness.place(Arena::Head));
    program.setDecodeBytes(liveness.place(Arena::Decode));
  }
};

} // namespace

} // namespace qzc::cuda
