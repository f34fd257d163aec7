//===- CacheOverflow.h - Whose keys the cache could not hold ----*- C++ -*-===//

#ifndef QZC_LIB_RUNTIME_CUDA_CACHEOVERFLOW_H
#define QZC_LIB_RUNTIME_CUDA_CACHEOVERFLOW_H

#include "qzc/Runtime/Cuda/Device.h"
#include "qzc/Runtime/Cuda/Workspace.h"

namespace qzc::runtime {

/// After kernels have set beyondCache, and all work is complete: throws the
/// SequenceError that names the first sequence whose keys or values are beyond
/// the cache's type. The device forgets that they are: nobody else is to be
/// blamed for them later.
[[noreturn]] void failCacheOverflow(const Device &device,
                                    const DeviceLayout &layout,
                                    const WorkspacePlan &sizes);

} // namespace qzc::runtime

#endif // QZC_LIB_RUNTIME_CUDA_CACHEOVERFLOW_H
