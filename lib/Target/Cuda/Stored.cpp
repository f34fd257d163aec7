//===- Stored.cpp - A program as an image holds it ------------------------===//

#include "qzc/Target/Cuda/Stored.h"

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

static CudaArg memoryArg(ProgramOp program, mlir::Value memory,
                         int64_t element) {
  return llvm::TypeSwitch<mlir::Operation *, CudaArg>(memory.getDefiningOp())
      .Case([&](BufferOp buffer) {
        const auto kind = buffer.getArena() == Arena::Body
                              ? CudaArg::Kind::View
                              : CudaArg::Kind::HeadView;
        return argOf(kind, buffer.getIndex(), element);
      })
      .Case([&](HiddenOp) {
        return argOf(CudaArg::Kind::HeadView, format::kHiddenBuffer, element);
      })
      .Case([&](ScratchOp scratch) {
        // Regions per token lie behind those of a fixed size.
        return scratch.getPerToken()
                   ? argOf(CudaArg::Kind::Scratch, *program.getScratchBytes(),
                           *scratch.getPlace())
                   : argOf(CudaArg::Kind::Scratch, *scratch.getPlace());
      });
}

static format::CudaLaunch toFormat(ProgramOp program, LaunchOp launch,
                                   KernelOp kernel) {
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
      stored.args.push_back(memoryArg(program, *memory++, at.getElement()));
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
  case ListKind::Choose:
    return stored.choose;
  }
  llvm_unreachable("an unknown list");
}

format::CudaProgram qzc::cuda::toFormat(ProgramOp program) {
  format::CudaProgram stored;
  for (llvm::StringRef arch :
       program.getArchs().getAsValueRange<mlir::StringAttr>())
    stored.archs.push_back(arch.str());
  stored.decodeBatch = program.getDecodeBatch();
  stored.tileQueries = program.getTileQueries();
  stored.pagePositions = program.getPagePositions();
  stored.scratchBytes = static_cast<uint64_t>(*program.getScratchBytes());
  stored.scratchBytesPerToken =
      static_cast<uint64_t>(*program.getScratchBytesPerToken());
  const mlir::SymbolTable kernels(program);
  for (ListOp list : program.block().getOps<ListOp>()) {
    std::vector<format::CudaLaunch> &launches = listOf(stored, list);
    for (LaunchOp launch : list.block().getOps<LaunchOp>())
      launches.push_back(::toFormat(
          program, launch, kernels.lookup<KernelOp>(launch.getKernel())));
  }
  return stored;
}
