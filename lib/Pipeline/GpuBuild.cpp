//===- GpuBuild.cpp - The plan's kernels for every architecture -----------===//

#include "GpuBuild.h"

#include "qzc/Format/CodeModules.h"
#include "qzc/Target/Cuda/Emit.h"
#include "qzc/Target/Cuda/Lowering.h"
#include "qzc/Target/Cuda/Stored.h"

#include <algorithm>

namespace qzc::pipeline {

namespace {
/// What is compiled, and what of the results makes a section.
struct Work {
  struct Section {
    cuda::Arch arch;
    std::vector<std::string> kernels;
    size_t firstUnit;
  };
  std::vector<cuda::CompileUnit> units;
  std::vector<Section> sections;
};
} // namespace

mlir::OwningOpRef<mlir::ModuleOp>
lowerForGpus(mlir::MLIRContext &context, const format::Manifest &manifest,
             const std::vector<cuda::Arch> &archs) {
  mlir::OwningOpRef<mlir::ModuleOp> module =
      mlir::ModuleOp::create(mlir::UnknownLoc::get(&context));
  for (const cuda::ArchGroup &group : cuda::groupByGpu(archs)) {
    mlir::OwningOpRef<cuda::ProgramOp> program =
        cuda::lowerToCuda(context, manifest, group.gpu);
    llvm::SmallVector<mlir::Attribute> names;
    for (const cuda::Arch &arch : group.archs)
      names.push_back(mlir::StringAttr::get(&context, arch.name()));
    program->setArchsAttr(mlir::ArrayAttr::get(&context, names));
    module->push_back(program.release());
  }
  return module;
}

static Work collect(mlir::ModuleOp programs,
                    const std::vector<cuda::Arch> &archs) {
  Work work;
  for (cuda::ProgramOp program : programs.getOps<cuda::ProgramOp>()) {
    std::vector<std::string> names;
    std::vector<std::string> sources;
    for (cuda::KernelOp kernel : program.block().getOps<cuda::KernelOp>()) {
      names.push_back(kernel.getSymName().str());
      sources.push_back(cuda::emitCuda(kernel));
    }
    for (llvm::StringRef name :
         program.getArchs().getAsValueRange<mlir::StringAttr>()) {
      const cuda::Arch arch = *llvm::find_if(
          archs, [&](const cuda::Arch &one) { return one.name() == name; });
      work.sections.push_back({arch, names, work.units.size()});
      for (const std::string &source : sources)
        work.units.push_back({source, arch});
    }
  }
  return work;
}

std::vector<GpuCode> buildForGpu(mlir::ModuleOp programs,
                                 format::Manifest &manifest,
                                 const std::vector<cuda::Arch> &archs,
                                 const CompileOptions &options) {
  const cuda::CudaCompiler compiler(options.nvrtc);
  manifest.nvrtcVersion = compiler.version();
  manifest.minimumDriver = compiler.minimumDriver();
  for (cuda::ProgramOp program : programs.getOps<cuda::ProgramOp>())
    manifest.cuda.push_back(cuda::toFormat(program));
  const Work work = collect(programs, archs);
  const std::vector<cuda::CompiledCode> code =
      compiler.compile(work.units, options.threads);
  std::vector<GpuCode> built;
  for (const cuda::Arch &arch : archs) {
    const Work::Section &section = *std::find_if(
        work.sections.begin(), work.sections.end(),
        [&](const Work::Section &one) { return one.arch == arch; });
    std::vector<format::CodeModule> modules;
    for (size_t i = 0; i != section.kernels.size(); ++i)
      modules.push_back(
          {section.kernels[i], code[section.firstUnit + i].bytes});
    built.push_back({arch, format::packModules(modules)});
  }
  return built;
}

} // namespace qzc::pipeline
