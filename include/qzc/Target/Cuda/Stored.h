//===- Stored.h - A program as an image holds it ----------------*- C++ -*-===//
//
// How a pointer argument resolves (what the runtime implements):
//   View      body arena + memory.buffers[a].offset × chunk + 4 b
//   HeadView  the same with headBuffers, the head arena and its row capacity;
//             a == kHiddenBuffer: the first of the rows of memory.hidden that
//             the head runs on, 4 b bytes further (b is inside the view)
//   Scratch   scratch + a + b × chunk
// A launch whose dynamic and static shared memory exceed 48 KiB needs
// CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES. chunk ≤ 65535. Pointers a
// kernel instance does not read are passed the state's address.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_TARGET_CUDA_STORED_H
#define QZC_TARGET_CUDA_STORED_H

#include "qzc/Dialect/Cuda/IR/CudaDialect.h"
#include "qzc/Format/Manifest.h"

namespace qzc::cuda {

/// The program, whose memory has its places, as data.
format::CudaProgram toFormat(ProgramOp program);

} // namespace qzc::cuda

#endif // QZC_TARGET_CUDA_STORED_H
