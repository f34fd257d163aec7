//===- KernelParts.h - The kernels of every instruction set -----*- C++ -*-===//
//
// Kernel files are compiled once for each set, into its namespace. Outside of
// it kernels are known by address alone: tables of them are constants, so that
// choosing one runs no code of a set that the CPU may lack
// (scripts/check-instructions.sh).
//
//===----------------------------------------------------------------------===//

#ifndef QZC_RUNTIME_CPU_KERNELPARTS_H
#define QZC_RUNTIME_CPU_KERNELPARTS_H

#include "qzc/Runtime/Cpu/Kernels.h"

#include <type_traits>

/// The functions of KernelTable, in its order.
#define QZC_KERNELS(KERNEL)                                                    \
  QZC_DOT_KERNELS(KERNEL)                                                      \
  QZC_OTHER_KERNELS(KERNEL)
#define QZC_DOT_KERNELS(KERNEL)                                                \
  KERNEL(matVec)                                                               \
  KERNEL(matVecGroups)
#define QZC_OTHER_KERNELS(KERNEL)                                              \
  KERNEL(arrange)                                                              \
  KERNEL(packPanel)                                                            \
  KERNEL(packPanelGroups)                                                      \
  KERNEL(multiply)                                                             \
  KERNEL(finish)                                                               \
  KERNEL(appendCache)                                                          \
  KERNEL(attend)                                                               \
  KERNEL(rmsNorm)                                                              \
  KERNEL(layerNorm)                                                            \
  KERNEL(activate)                                                             \
  KERNEL(add)                                                                  \
  KERNEL(mul)                                                                  \
  KERNEL(scale)                                                                \
  KERNEL(clamp)                                                                \
  KERNEL(softCap)                                                              \
  KERNEL(logSumExp)

namespace qzc::runtime::cpu {

// The namespaces are Highway's.
#define QZC_DECLARE(NAME)                                                      \
  std::remove_pointer_t<decltype(KernelTable::NAME)> NAME;
namespace N_SSE4 {
QZC_KERNELS(QZC_DECLARE)
}
namespace N_AVX2 {
QZC_KERNELS(QZC_DECLARE)
}
namespace N_AVX3 {
QZC_KERNELS(QZC_DECLARE)
}
// AVX-512's kernels, but for those with VNNI.
namespace N_AVX3_VNNI {
QZC_DOT_KERNELS(QZC_DECLARE)
}
#undef QZC_DECLARE

} // namespace qzc::runtime::cpu

#endif // QZC_RUNTIME_CPU_KERNELPARTS_H
