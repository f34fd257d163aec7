//===- ProgramBuilder.cpp - Launches, their arguments, instances ----------===//

#include "ProgramBuilder.h"

#include "qzc/Support/Error.h"
#include "qzc/Support/Hash.h"

#include <algorithm>
#include <cstdio>

using namespace qzc;
using namespace qzc::cuda;
using format::CudaArg;

ProgramBuilder::ProgramBuilder(mlir::MLIRContext &context,
                               const format::Plan &plan, const Gpu &gpu)
    : Where(mlir::UnknownLoc::get(&context)), Kernels(&context) {
  context.loadDialect<CudaDialect>();
  Program = Kernels.create<ProgramOp>(
      Where, GpuAttr::get(&context, gpu), mlir::ArrayAttr(),
      /*decode_batch=*/1, /*tile_queries=*/1, /*page_positions=*/0,
      mlir::IntegerAttr(), mlir::IntegerAttr(), mlir::IntegerAttr(),
      mlir::IntegerAttr(), mlir::IntegerAttr());
  Kernels.setInsertionPointToStart(&Program->getContent().emplaceBlock());
  const auto addBuffers = [&](Arena arena,
                              const std::vector<format::Buffer> &buffers) {
    std::vector<mlir::Value> values;
    values.reserve(buffers.size());
    for (const format::Buffer &buffer : buffers)
      values.push_back(Kernels.create<BufferOp>(
          Where, memoryType(), arena, buffer.columns, mlir::IntegerAttr()));
    return values;
  };
  Buffers = addBuffers(Arena::Body, plan.buffers);
  HeadBuffers = addBuffers(Arena::Head, plan.headBuffers);
  Hidden = Kernels.create<HiddenOp>(
      Where, memoryType(), Buffers[static_cast<size_t>(plan.hidden.buffer)],
      plan.hidden.column, plan.hidden.columns);
  Kernels.create<LogitsOp>(Where,
                           HeadBuffers[static_cast<size_t>(plan.logits.buffer)],
                           plan.logits.column, plan.logits.columns);
}

Launches &ProgramBuilder::addList(ListKind kind,
                                  std::optional<int64_t> sequences) {
  mlir::OpBuilder end = mlir::OpBuilder::atBlockEnd(&program().block());
  auto list = end.create<ListOp>(
      Where, ListKindAttr::get(end.getContext(), kind),
      sequences ? end.getI64IntegerAttr(*sequences) : mlir::IntegerAttr());
  if (Kernels.getInsertionPoint() == Kernels.getInsertionBlock()->end())
    Kernels.setInsertionPoint(list);
  return list.getContent().emplaceBlock();
}

/// A symbol that the same instance has in every program, so that its code is
/// compiled once.
static std::string instanceName(const LaunchSpec &spec,
                                const std::string &text) {
  std::array<char, 17> digits = {};
  std::snprintf(
      digits.data(), digits.size(), "%016llx",
      static_cast<unsigned long long>(xxh3(text.data(), text.size())));
  return spec.kernel + "_" + digits.data();
}

KernelOp ProgramBuilder::kernelOf(const LaunchSpec &spec) {
  const std::string text =
      spec.config + "|" + std::to_string(spec.blockThreads) + "," +
      std::to_string(spec.minBlocks) + "," + std::to_string(spec.clusterBlocks);
  KernelOp &kernel = KernelByText[text];
  if (kernel)
    return kernel;
  llvm::SmallVector<llvm::StringRef> types;
  for (const TypedArg &arg : spec.args)
    types.push_back(arg.type);
  kernel = Kernels.create<KernelOp>(
      Where, instanceName(spec, text), spec.kernel, spec.interface, spec.header,
      spec.config, Kernels.getStrArrayAttr(types), spec.blockThreads,
      spec.minBlocks, spec.clusterBlocks, spec.perCacheType);
  if (!FirstKernel)
    FirstKernel = kernel;
  return kernel;
}

mlir::Value ProgramBuilder::memoryOf(const CudaArg &arg) const {
  const auto index = static_cast<size_t>(arg.a);
  switch (arg.kind) {
  case CudaArg::Kind::View:
    return Buffers[index];
  case CudaArg::Kind::HeadView:
    return arg.a == format::kHiddenBuffer ? Hidden : HeadBuffers[index];
  case CudaArg::Kind::Scratch:
    return ScratchOp(Regions[index]).getResult();
  default:
    return {};
  }
}

mlir::Attribute ProgramBuilder::attributeOf(const TypedArg &typed) const {
  mlir::OpBuilder builder(Kernels.getContext());
  mlir::MLIRContext *context = builder.getContext();
  const CudaArg &arg = typed.arg;
  switch (arg.kind) {
  case CudaArg::Kind::View:
  case CudaArg::Kind::HeadView:
  case CudaArg::Kind::Scratch:
    return AtAttr::get(context, arg.b);
  case CudaArg::Kind::Tensor:
    return TensorAttr::get(context, arg.a, arg.b);
  case CudaArg::Kind::Cache:
    return CacheAttr::get(context, arg.a);
  case CudaArg::Kind::RopeTable:
    return RopeTableAttr::get(context, arg.a);
  case CudaArg::Kind::State:
    return GivenAttr::get(context, Given::State);
  case CudaArg::Kind::Tokens:
    return GivenAttr::get(context, Given::Tokens);
  case CudaArg::Kind::Tiles:
    return GivenAttr::get(context, Given::Tiles);
  case CudaArg::Kind::Targets:
    return GivenAttr::get(context, Given::Targets);
  case CudaArg::Kind::Losses:
    return GivenAttr::get(context, Given::Losses);
  case CudaArg::Kind::Draws:
    return GivenAttr::get(context, Given::Draws);
  case CudaArg::Kind::Int:
    return builder.getI32IntegerAttr(static_cast<int32_t>(arg.a));
  case CudaArg::Kind::Float:
    return builder.getF32FloatAttr(arg.f);
  }
  throw Error("CUDA lowering: an unknown argument");
}

void ProgramBuilder::add(Launches &list, const LaunchSpec &spec) {
  mlir::OpBuilder end = mlir::OpBuilder::atBlockEnd(&list);
  KernelOp kernel = kernelOf(spec);
  llvm::SmallVector<mlir::Attribute> grid;
  for (const format::GridDim &dim : spec.grid)
    grid.push_back(ExtentAttr::get(end.getContext(), dim.fixed, dim.perTokens));
  while (!grid.empty() &&
         grid.back() == ExtentAttr::get(end.getContext(), 1, 0))
    grid.pop_back();
  llvm::SmallVector<mlir::Value> memory;
  llvm::SmallVector<mlir::Attribute> args;
  for (const TypedArg &typed : spec.args) {
    if (typed.isUnused) {
      args.push_back(UnusedAttr::get(end.getContext()));
      continue;
    }
    args.push_back(attributeOf(typed));
    if (const mlir::Value value = memoryOf(typed.arg))
      memory.push_back(value);
  }
  end.create<LaunchOp>(Where, kernel.getSymName(), end.getArrayAttr(grid),
                       spec.sharedBytes, memory, end.getArrayAttr(args));
}

CudaArg ProgramBuilder::scratch(const std::string &key, uint64_t bytes,
                                bool perToken) {
  auto [found, isNew] = RegionByKey.try_emplace(key, Regions.size());
  if (isNew) {
    mlir::OpBuilder here = FirstKernel ? mlir::OpBuilder(FirstKernel) : Kernels;
    Regions.push_back(here.create<ScratchOp>(Where, memoryType(), key, 0,
                                             perToken, mlir::IntegerAttr()));
  }
  ScratchOp region = Regions[found->second];
  region.setBytes(std::max(region.getBytes(), static_cast<int64_t>(bytes)));
  CudaArg arg;
  arg.kind = CudaArg::Kind::Scratch;
  arg.a = static_cast<int64_t>(found->second);
  return arg;
}
