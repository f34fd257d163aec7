//===- CodeSelection.h - Which code of an image a GPU runs ------*- C++ -*-===//

#ifndef QZC_RUNTIME_CUDA_CODESELECTION_H
#define QZC_RUNTIME_CUDA_CODESELECTION_H

#include "qzc/Runtime/Image.h"

#include <string>
#include <vector>

namespace qzc::runtime {

/// The best code for a GPU of compute capability × 10 `capability`: its exact
/// architecture-specific cubin; else the newest cubin of the same major version
/// that is not newer than the GPU (cubins run on later minor versions only);
/// else the newest PTX that is not newer. `forcePtx` skips the cubins. Throws
/// qzc::Error that names the GPU (`gpuName`) and lists what is inside.
const DeviceCode &selectCode(const std::vector<DeviceCode> &codes,
                             uint32_t capability, const std::string &gpuName,
                             bool forcePtx);

/// The program whose kernels `code` holds. Throws qzc::Error where the manifest
/// has none.
const format::CudaProgram &programOf(const format::Manifest &manifest,
                                     const DeviceCode &code);

} // namespace qzc::runtime

#endif // QZC_RUNTIME_CUDA_CODESELECTION_H
