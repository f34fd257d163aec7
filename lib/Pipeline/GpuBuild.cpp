//===- GpuBuild.cpp - The plan's kernels for every architecture -----------===//

#include "GpuBuild.h"

#include "qzc/Format/CodeModules.h"
#include "qzc/Target/Cuda/Emit.h"
#include "qzc/Target/Cuda/Lowering.h"

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

static Work lower(format::Manifest &manifest,
                  const std::vector<cuda::Arch> &archs) {
  Work work;
  for (const cuda::ArchGroup &group : cuda::groupByGpu(archs)) {
    cuda::CudaLowering lowering = cuda::lowerToCuda(manifest, group.gpu);
    std::vector<std::string> names;
    std::vector<std::string> sources;
    for (const cuda::KernelInstance &kernel : lowering.kernels) {
      names.push_back(kernel.name);
      sources.push_back(cuda::emitCuda({kernel}));
    }
    for (const cuda::Arch &arch : group.archs) {
      lowering.program.archs.push_back(arch.name());
      work.sections.push_back({arch, names, work.units.size()});
      for (const std::string &source : sources)
        work.units.push_back({source, arch});
    }
    manifest.cuda.push_back(std::move(lowering.program));
  }
  return work;
}

std::vector<GpuCode> buildForGpu(format::Manifest &manifest,
                                 const std::vector<cuda::Arch> &archs,
                                 const CompileOptions &options) {
  const cuda::CudaCompiler compiler(options.nvrtc);
  manifest.nvrtcVersion = compiler.version();
  manifest.minimumDriver = compiler.minimumDriver();
  const Work work = lower(manifest, archs);
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
