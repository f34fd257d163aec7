//===- Emit.cpp - Kernel instances to EmitC to C++ ------------------------===//

#include "qzc/Target/Cuda/Emit.h"

#include "qzc/Support/Error.h"

#include "mlir/Dialect/EmitC/IR/EmitC.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Target/Cpp/CppEmitter.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/Support/raw_ostream.h"

using namespace qzc;
using namespace qzc::cuda;
namespace emitc = mlir::emitc;

/// The headers with the kernels' templates, in the order of first use.
static llvm::SetVector<llvm::StringRef>
headersOf(llvm::ArrayRef<KernelOp> kernels) {
  llvm::SetVector<llvm::StringRef> headers;
  for (KernelOp kernel : kernels)
    headers.insert(kernel.getHeader());
  return headers;
}

/// One __global__ function: it gathers its parameters and calls the instance's
/// template.
static void buildKernel(mlir::OpBuilder &builder, mlir::Location loc,
                        KernelOp kernel, const std::string &name,
                        const char *cacheType) {
  mlir::MLIRContext *context = builder.getContext();
  llvm::SmallVector<mlir::Type> types;
  for (llvm::StringRef type :
       kernel.getParameters().getAsValueRange<mlir::StringAttr>())
    types.push_back(emitc::OpaqueType::get(context, type));
  auto function = builder.create<emitc::FuncOp>(
      loc, name, builder.getFunctionType(types, {}));
  const std::string bounds = "__launch_bounds__(" +
                             std::to_string(kernel.getThreads()) + ", " +
                             std::to_string(kernel.getMinBlocks()) + ")";
  const std::string cluster =
      "__cluster_dims__(" + std::to_string(kernel.getClusterBlocks()) + ")";
  llvm::SmallVector<llvm::StringRef> specifiers = {"extern \"C\"", "__global__",
                                                   bounds};
  if (kernel.getClusterBlocks() > 1)
    specifiers.push_back(cluster);
  function.setSpecifiersAttr(builder.getStrArrayAttr(specifiers));
  mlir::Block *body = function.addEntryBlock();

  llvm::SmallVector<mlir::Attribute> templateArgs;
  if (cacheType)
    templateArgs.push_back(emitc::OpaqueAttr::get(context, cacheType));
  templateArgs.push_back(emitc::OpaqueAttr::get(context, kernel.getConfig()));
  mlir::OpBuilder inner = mlir::OpBuilder::atBlockEnd(body);
  auto args = inner.create<emitc::CallOpaqueOp>(
      loc, emitc::OpaqueType::get(context, "const auto"), "argsOf",
      body->getArguments(), mlir::ArrayAttr(),
      inner.getArrayAttr(
          emitc::OpaqueAttr::get(context, kernel.getInterface())));
  inner.create<emitc::CallOpaqueOp>(
      loc, mlir::TypeRange(), "qzc::kernels::" + kernel.getFunction().str(),
      args.getResults(), mlir::ArrayAttr(), inner.getArrayAttr(templateArgs));
  inner.create<emitc::ReturnOp>(loc, mlir::Value());
}

mlir::OwningOpRef<mlir::ModuleOp>
qzc::cuda::buildEmitC(llvm::ArrayRef<KernelOp> kernels) {
  mlir::MLIRContext &context = *KernelOp(kernels.front())->getContext();
  context.loadDialect<emitc::EmitCDialect>();
  const mlir::Location loc = mlir::UnknownLoc::get(&context);
  mlir::OwningOpRef<mlir::ModuleOp> module = mlir::ModuleOp::create(loc);
  mlir::OpBuilder builder = mlir::OpBuilder::atBlockEnd(module->getBody());
  for (llvm::StringRef header : headersOf(kernels))
    builder.create<emitc::IncludeOp>(loc, header, false);
  builder.create<emitc::VerbatimOp>(loc, "using namespace qzc::kernels;");
  for (KernelOp kernel : kernels) {
    const std::string name = kernel.getSymName().str();
    if (!kernel.getPerCacheType()) {
      buildKernel(builder, loc, kernel, name, nullptr);
      continue;
    }
    buildKernel(builder, loc, kernel, name + "_f16", "Half");
    buildKernel(builder, loc, kernel, name + "_f32", "float");
    buildKernel(builder, loc, kernel, name + "_q8", "Byte");
  }
  return module;
}

std::string qzc::cuda::emitCuda(llvm::ArrayRef<KernelOp> kernels) {
  mlir::OwningOpRef<mlir::ModuleOp> module = buildEmitC(kernels);
  std::string text;
  llvm::raw_string_ostream stream(text);
  if (mlir::failed(mlir::verify(*module)) ||
      mlir::failed(emitc::translateToCpp(*module, stream)))
    throw Error("CUDA emitter: the EmitC module could not be printed as C++");
  return text;
}

std::string qzc::cuda::emitCuda(ProgramOp program) {
  return emitCuda(llvm::to_vector(program.block().getOps<KernelOp>()));
}
