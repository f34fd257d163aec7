//===- ProgramBuilder.cpp - Launches, their arguments, instances ----------===//

#include "ProgramBuilder.h"

#include "qzc/Support/Hash.h"

#include <algorithm>
#include <cstdio>

using namespace qzc;
using namespace qzc::cuda;
using format::CudaArg;

/// Alignment of scratch regions: fixed ones, and per-token ones per token.
static constexpr uint64_t kFixedAlign = 256;
static constexpr uint64_t kTokenAlign = 16;

static uint64_t alignUp(uint64_t value, uint64_t alignment) {
  return (value + alignment - 1) / alignment * alignment;
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

void ProgramBuilder::add(std::vector<format::CudaLaunch> &list,
                         const LaunchSpec &spec) {
  const std::string text = spec.config + "|" +
                           std::to_string(spec.blockThreads) + "," +
                           std::to_string(spec.minBlocks);
  auto [found, isNew] = InstanceByText.try_emplace(text, Kernels.size());
  if (isNew) {
    KernelInstance instance;
    instance.name = instanceName(spec, text);
    instance.header = spec.header;
    instance.function = "qzc::kernels::" + spec.kernel;
    instance.interface = spec.interface;
    instance.config = spec.config;
    for (const TypedArg &arg : spec.args)
      instance.argTypes.push_back(arg.type);
    instance.blockThreads = spec.blockThreads;
    instance.minBlocks = spec.minBlocks;
    instance.clusterBlocks = spec.clusterBlocks;
    instance.perCacheType = spec.perCacheType;
    Kernels.push_back(std::move(instance));
  }
  format::CudaLaunch launch;
  launch.kernel = Kernels[found->second].name;
  launch.perCacheType = spec.perCacheType;
  launch.grid = spec.grid;
  launch.blockThreads = spec.blockThreads;
  launch.sharedBytes = spec.sharedBytes;
  for (const TypedArg &arg : spec.args)
    launch.args.push_back(arg.arg);
  list.push_back(std::move(launch));
}

/// Until finish(), a scratch argument's `a` is its region's index.
CudaArg ProgramBuilder::scratch(const std::string &key, uint64_t bytes,
                                bool perToken) {
  auto [found, isNew] = RegionByKey.try_emplace(key, Regions.size());
  if (isNew)
    Regions.push_back({0, perToken});
  Region &region = Regions[found->second];
  region.bytes = std::max(region.bytes, bytes);
  CudaArg arg;
  arg.kind = CudaArg::Kind::Scratch;
  arg.a = static_cast<int64_t>(found->second);
  return arg;
}

CudaLowering ProgramBuilder::finish(format::CudaProgram program) {
  std::vector<uint64_t> offsets;
  uint64_t fixed = 0;
  uint64_t perToken = 0;
  for (const Region &region : Regions) {
    uint64_t &total = region.perToken ? perToken : fixed;
    offsets.push_back(total);
    total += alignUp(region.bytes, region.perToken ? kTokenAlign : kFixedAlign);
  }
  program.scratchBytes = fixed;
  program.scratchBytesPerToken = perToken;
  std::vector<std::vector<format::CudaLaunch> *> lists = {
      &program.decode, &program.prefill, &program.head,
      &program.score,  &program.choose,  &program.losses};
  for (format::CudaBatch &batch : program.batches)
    lists.push_back(&batch.launches);
  for (auto *list : lists)
    for (format::CudaLaunch &launch : *list)
      for (CudaArg &arg : launch.args)
        if (arg.kind == CudaArg::Kind::Scratch) {
          const auto index = static_cast<size_t>(arg.a);
          const bool isPerToken = Regions[index].perToken;
          arg.a = static_cast<int64_t>(isPerToken ? fixed : offsets[index]);
          arg.b = static_cast<int64_t>(isPerToken ? offsets[index] : 0);
        }
  return {std::move(program), std::move(Kernels)};
}
