//===- Lowering.h - The op-level plan as CUDA launches ----------*- C++ -*-===//
//
// Turns a plan into lists of kernel launches (format::CudaProgram) and says
// which kernel instances these need: templates of Kernels/*.cuh with this
// model's shapes, schemes and fusions as their Config. No MLIR, no CUDA.
//
// How a pointer argument resolves (what the runtime implements):
//   View      body arena + buffers[a].offset × chunk + 4 b
//   HeadView  the same with headBuffers, the head arena and its row capacity;
//             a == kHiddenBuffer: the first of the rows of Plan::hidden that
//             the head runs on, 4 b bytes further (b is inside the view)
//   Scratch   scratch + a + b × chunk
// A launch whose dynamic and static shared memory exceed 48 KiB needs
// CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES. chunk ≤ 65535. Pointers a
// kernel instance does not read are passed the state's address.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_TARGET_CUDA_LOWERING_H
#define QZC_TARGET_CUDA_LOWERING_H

#include "qzc/Format/Manifest.h"
#include "qzc/Target/Cuda/Gpu.h"

#include <string>
#include <vector>

namespace qzc::cuda {

/// One `extern "C" __global__` function: a call of a kernel template.
struct KernelInstance {
  /// Symbol, without the cache type's suffix: of equal instances the same.
  std::string name;
  std::string header;    ///< "Matvec.cuh", which has the template
  std::string function;  ///< "qzc::kernels::matvec"
  std::string interface; ///< "Matvec", whose Args are the function's
  std::string config;    ///< "Matvec::Config{…}", the template's argument
  std::vector<std::string> argTypes; ///< C++ types of the parameters
  uint32_t blockThreads = 0;
  /// Blocks that should fit on a multiprocessor: bounds the registers.
  uint32_t minBlocks = 1;
  uint32_t clusterBlocks = 1; ///< of a cluster, along x
  /// Exists as name_f16, name_f32 and name_q8, the cache's element type being
  /// the first template argument.
  bool perCacheType = false;
};

struct CudaLowering {
  format::CudaProgram program;
  std::vector<KernelInstance> kernels; ///< in order of first use
};

/// Lowers manifest.plan (manifest.cuda is not read) for one kind of GPU; the
/// program's archs are the caller's to fill in. Throws qzc::Error naming
/// the launch where a shape is beyond what the kernels support: head_dim over
/// 256, an input row over 24576 elements.
CudaLowering lowerToCuda(const format::Manifest &manifest, const Gpu &gpu = {});

} // namespace qzc::cuda

#endif // QZC_TARGET_CUDA_LOWERING_H
