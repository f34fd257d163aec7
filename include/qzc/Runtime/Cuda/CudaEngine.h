//===- CudaEngine.h - The plan on a GPU -------------------------*- C++ -*-===//
//
// Runs the CUDA lowering of an image's plan through the driver API. Scoring and
// prefill go through the `prefill` launches in chunks, decoding replays a
// captured CUDA graph for each number of sequences.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_RUNTIME_CUDA_CUDAENGINE_H
#define QZC_RUNTIME_CUDA_CUDAENGINE_H

#include "qzc/Runtime/Cuda/Driver.h"
#include "qzc/Runtime/Engine.h"

#include <memory>

namespace qzc::runtime {

/// createCudaEngine with the driver's library named: tests give their own.
/// The engine is used by the thread that made it. A context or chunk of 0 is
/// replaced by a default: the model's context; as many tokens as fit well.
std::unique_ptr<Engine> openCudaEngine(const Image &image,
                                       const EngineOptions &options,
                                       const char *library = kDriverLibrary);

} // namespace qzc::runtime

#endif // QZC_RUNTIME_CUDA_CUDAENGINE_H
