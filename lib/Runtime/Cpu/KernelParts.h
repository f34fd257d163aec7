//===- KernelParts.h - What each kernel file puts into the table -*- C++ -*-==//

#ifndef QZC_RUNTIME_CPU_KERNELPARTS_H
#define QZC_RUNTIME_CPU_KERNELPARTS_H

#include "qzc/Runtime/Cpu/Kernels.h"

namespace qzc::runtime::cpu {

/// The instruction sets the kernels are compiled for, worst first.
enum class SimdTarget { Sse4, Avx2, Avx512 };

void fillMatVec(SimdTarget target, KernelTable &table);
void fillMatMul(SimdTarget target, KernelTable &table);
void fillAttention(SimdTarget target, KernelTable &table);
void fillElementwise(SimdTarget target, KernelTable &table);

} // namespace qzc::runtime::cpu

#endif // QZC_RUNTIME_CPU_KERNELPARTS_H

// In the once-only part of a kernel file: calls the compiled FUNCTION(table)
// of the target.
#define QZC_FILL_FOR_TARGET(FUNCTION)                                          \
  switch (target) {                                                            \
  case SimdTarget::Sse4:                                                       \
    return N_SSE4::FUNCTION(table);                                            \
  case SimdTarget::Avx2:                                                       \
    return N_AVX2::FUNCTION(table);                                            \
  case SimdTarget::Avx512:                                                     \
    return N_AVX3::FUNCTION(table);                                            \
  }
