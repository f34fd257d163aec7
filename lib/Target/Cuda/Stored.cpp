//===- Stored.cpp - A program as an image holds it ------------------------===//

#include "qzc/Target/Cuda/Stored.h"

#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace qzc;
using namespace qzc::cuda;
using format::CudaArg;

static CudaArg argOf(CudaArg::Kind kind, int64_t a = 0, int64_t b = 0) {
  CudaArg arg;
  arg.kind = kind;
  arg.a = a;
  arg.b = b;
  return arg;
}

static CudaArg givenArg(Given given) {
  switch (given) {
  case Given::State:
    return argOf(CudaArg::Kind::State);
  case Given::Tokens:
    return argOf(CudaArg::Kind::Tokens);
  case Given::Tiles:
    return argOf(CudaArg::Kind::Tiles);
  case Given::Targets:
    return argOf(CudaArg::Kind::Targets);
  case Given::Losses:
    return argOf(CudaArg::Kind::Losses);
  case Given::Draws:
    return argOf(CudaArg::Kind::Draws);
  }
  llvm_unreachable("an unknown argument");
}

/// Of what is no memory of the program's own.
static CudaArg argOf(mlir::Attribute attribute) {
  return llvm::TypeSwitch<mlir::Attribute, CudaArg>(attribute)
      .Case([](TensorAttr tensor) {
        return argOf(CudaArg::Kind::Tensor, tensor.getIndex(),
                     tensor.getPart());
      })
      .Case([](CacheAttr cache) {
        return argOf(CudaArg::Kind::Cache, cache.getLayer());
      })
      .Case([](RopeTableAttr table) {
        return argOf(CudaArg::Kind::RopeTable, table.getIndex());
      })
      .Case([](GivenAttr given) { return givenArg(given.getValue()); })
      .Case([](UnusedAttr) { return argOf(CudaArg::Kind::State); })
      .Case([](mlir::IntegerAttr number) {
        return argOf(CudaArg::Kind::Int, number.getInt());
      })
      .Case([](mlir::FloatAttr number) {
        CudaArg arg = argOf(CudaArg::Kind::Float);
        arg.f = number.getValue().convertToFloat();
        return arg;
      });
}

namespace {
/// Numbers the program's memory, and stores its launches.
class Store {
public:
  explicit Store(ProgramOp program)
      : Program(program), Kernels(program.getOperation()) {}

  format::CudaProgram run();

private:
  format::Activations activations();
  CudaArg memoryArg(mlir::Value memory, int64_t element) const;
  format::CudaLaunch launch(LaunchOp launch) const;

  ProgramOp Program;
  const mlir::SymbolTable Kernels;
  llvm::DenseMap<mlir::Value, int32_t> Indices; ///< of buffers
};
} // namespace

format::Activations Store::activations() {
  format::Activations memory;
  for (BufferOp buffer : Program.block().getOps<BufferOp>()) {
    if (buffer.getArena() == Arena::Decode)
      continue;
    auto &buffers =
        buffer.getArena() == Arena::Body ? memory.buffers : memory.headBuffers;
    Indices[buffer.getResult()] = static_cast<int32_t>(buffers.size());
    buffers.push_back(
        {buffer.getColumns(), static_cast<uint64_t>(*buffer.getPlace())});
  }
  memory.bytesPerToken = static_cast<uint64_t>(*Program.getBodyBytes());
  memory.headBytesPerToken = static_cast<uint64_t>(*Program.getHeadBytes());
  for (HiddenOp hidden : Program.block().getOps<HiddenOp>())
    memory.hidden = {Indices[hidden.getBuffer()], hidden.getColumn(),
                     hidden.getColumns()};
  for (LogitsOp logits : Program.block().getOps<LogitsOp>())
    memory.logits = {Indices[logits.getBuffer()], logits.getColumn(),
                     logits.getColumns()};
  return memory;
}

CudaArg Store::memoryArg(mlir::Value memory, int64_t element) const {
  const int64_t decodeBatch = ProgramOp(Program).getDecodeBatch();
  return llvm::TypeSwitch<mlir::Operation *, CudaArg>(memory.getDefiningOp())
      .Case([&](BufferOp buffer) {
        if (buffer.getArena() == Arena::Decode)
          return argOf(CudaArg::Kind::Scratch,
                       *buffer.getPlace() * decodeBatch +
                           element * static_cast<int64_t>(sizeof(float)));
        const auto kind = buffer.getArena() == Arena::Body
                              ? CudaArg::Kind::View
                              : CudaArg::Kind::HeadView;
        return argOf(kind, Indices.at(memory), element);
      })
      .Case([&](HiddenOp) {
        return argOf(CudaArg::Kind::HeadView, format::kHiddenBuffer, element);
      })
      .Case([&](ScratchOp scratch) {
        // Regions per token lie behind those of a fixed size.
        ProgramOp program = Program;
        return scratch.getPerToken()
                   ? argOf(CudaArg::Kind::Scratch, *program.getScratchBytes(),
                           *scratch.getPlace())
                   : argOf(CudaArg::Kind::Scratch, *scratch.getPlace());
      });
}

format::CudaLaunch Store::launch(LaunchOp launch) const {
  auto kernel = Kernels.lookup<KernelOp>(launch.getKernel());
  format::CudaLaunch stored;
  stored.kernel = kernel.getSymName();
  stored.perCacheType = kernel.getPerCacheType();
  for (auto [dim, extent] :
       llvm::zip(stored.grid, launch.getGrid().getAsRange<ExtentAttr>()))
    dim = {extent.getFixed(), extent.getPerTokens()};
  stored.blockThreads = static_cast<uint32_t>(kernel.getThreads());
  stored.sharedBytes = static_cast<uint32_t>(launch.getShared());
  auto memory = launch.getMemory().begin();
  for (mlir::Attribute attribute : launch.getArgs())
    if (auto at = llvm::dyn_cast<AtAttr>(attribute))
      stored.args.push_back(memoryArg(*memory++, at.getElement()));
    else
      stored.args.push_back(argOf(attribute));
  return stored;
}

static std::vector<format::CudaLaunch> &listOf(format::CudaProgram &stored,
                                               ListOp list) {
  switch (list.getKind()) {
  case ListKind::Decode:
    return stored.decode;
  case ListKind::Batch:
    return stored.batches
        .emplace_back(format::CudaBatch{*list.getSequences(), {}})
        .launches;
  case ListKind::Prefill:
    return stored.prefill;
  case ListKind::Head:
    return stored.head;
  case ListKind::Score:
    return stored.score;
  case ListKind::Losses:
    return stored.losses;
  case ListKind::Draw:
    return stored.draw;
  case ListKind::Arrange:
    return stored.arrange;
  }
  llvm_unreachable("an unknown list");
}

format::CudaProgram Store::run() {
  format::CudaProgram stored;
  stored.memory = activations();
  for (llvm::StringRef arch :
       Program.getArchs().getAsValueRange<mlir::StringAttr>())
    stored.archs.push_back(arch.str());
  stored.decodeBatch = Program.getDecodeBatch();
  stored.tileQueries = Program.getTileQueries();
  stored.pagePositions = Program.getPagePositions();
  stored.scratchBytes = static_cast<uint64_t>(*Program.getScratchBytes());
  stored.scratchBytesPerToken =
      static_cast<uint64_t>(*Program.getScratchBytesPerToken());
  for (ListOp list : Program.block().getOps<ListOp>()) {
    std::vector<format::CudaLaunch> &launches = listOf(stored, list);
    for (LaunchOp one : list.block().getOps<LaunchOp>())
      launches.push_back(launch(one));
  }
  return stored;
}

format::CudaProgram qzc::cuda::toFormat(ProgramOp program) {
  return Store(program).run();
}
