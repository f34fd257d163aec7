//===- Gpu.cpp - Architectures and what is known of their GPUs ------------===//

#include "qzc/Target/Cuda/Gpu.h"

#include "qzc/Format/Manifest.h"

#include <algorithm>

using namespace qzc;
using namespace qzc::cuda;

std::string Arch::name() const {
  return format::archName(number, specific, ptx);
}

/// GPUs of one program should be alike: an image holds one for each.
Gpu qzc::cuda::gpuOf(const Arch &arch) {
  Gpu gpu;
  gpu.processors = arch.number < 90    ? 108  // A100
                   : arch.number < 100 ? 132  // H100, H200
                                       : 148; // B200
  gpu.warpgroups = arch.number == 90 && arch.specific;
  gpu.clusterBlocks = gpu.warpgroups ? 8 : 1;
  return gpu;
}

std::vector<ArchGroup> qzc::cuda::groupByGpu(const std::vector<Arch> &archs) {
  std::vector<ArchGroup> groups;
  for (const Arch &arch : archs) {
    const Gpu gpu = gpuOf(arch);
    auto found =
        std::find_if(groups.begin(), groups.end(),
                     [&](const ArchGroup &group) { return group.gpu == gpu; });
    if (found == groups.end())
      found = groups.insert(groups.end(), {gpu, {}});
    found->archs.push_back(arch);
  }
  return groups;
}
