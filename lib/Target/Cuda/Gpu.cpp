//===- Gpu.cpp - Architectures and what is known of their GPUs ------------===//

#include "qzc/Target/Cuda/Gpu.h"

#include "qzc/Format/Manifest.h"

#include <algorithm>

using namespace qzc;
using namespace qzc::cuda;

std::string Arch::name() const {
  return format::archName(number, specific, ptx);
}

/// What every supported GPU gives a block.
static constexpr int64_t kLeastSharedBytes = 99 << 10;
static constexpr int64_t kHopperSharedBytes = 227 << 10;

/// GPUs of one program should be alike: an image holds one for each. Numbers
/// are those of the data centre's GPUs of a generation, memory what all of it
/// have.
Gpu qzc::cuda::gpuOf(const Arch &arch) {
  Gpu gpu;
  gpu.sharedBytes = kLeastSharedBytes;
  if (arch.number < 90) { // A100
    gpu.processors = 108;
    gpu.l2Bytes = 40 << 20;
  } else if (arch.number < 100) { // H100, H200
    gpu.processors = 132;
    gpu.l2Bytes = 50 << 20;
    gpu.sharedBytes = kHopperSharedBytes;
  } else { // B200
    gpu.processors = 148;
    gpu.l2Bytes = 126 << 20;
  }
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
