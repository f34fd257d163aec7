//===- Gpu.h - Architectures and what is known of their GPUs ----*- C++ -*-===//

#ifndef QZC_TARGET_CUDA_GPU_H
#define QZC_TARGET_CUDA_GPU_H

#include <cstdint>
#include <string>
#include <vector>

namespace qzc::cuda {

/// A real architecture (sm_90a) or a virtual one (compute_80: PTX).
struct Arch {
  uint32_t number = 0;   ///< compute capability × 10
  bool specific = false; ///< the "a" variant: runs on exactly that one
  bool ptx = false;

  /// "sm_90a", "compute_80"
  std::string name() const;
  bool operator==(const Arch &other) const {
    return number == other.number && specific == other.specific &&
           ptx == other.ptx;
  }
};

/// The GPU that a program is made for: decides which kernels it has and how
/// they are spread. Any GPU that runs the code runs the program correctly.
struct Gpu {
  int64_t processors = 0; ///< multiprocessors; fewer run blocks in more waves
  /// Whether code has the matrix products of warpgroups of sm_90a.
  bool warpgroups = false;
  int64_t clusterBlocks = 1; ///< that a cluster has at most; 1: no clusters
  int64_t sharedBytes = 0;   ///< of shared memory, that a block may have
  int64_t l2Bytes = 0;

  bool operator==(const Gpu &other) const {
    return processors == other.processors && warpgroups == other.warpgroups &&
           clusterBlocks == other.clusterBlocks &&
           sharedBytes == other.sharedBytes && l2Bytes == other.l2Bytes;
  }
};

/// What code for `arch` will mostly run on.
Gpu gpuOf(const Arch &arch);

/// The architectures of one program.
struct ArchGroup {
  Gpu gpu;
  std::vector<Arch> archs;
};
/// `archs` by GPU, in the order of their first.
std::vector<ArchGroup> groupByGpu(const std::vector<Arch> &archs);

} // namespace qzc::cuda

#endif // QZC_TARGET_CUDA_GPU_H
